"""What is measured of a running trial: inference, starvation, late and missed periods, how smoothly the arm moved."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from math import sqrt
from typing import Any

from services.workers.arm.lapses import Lapses
from services.workers.inference.action_queue import ActionQueue
from sessions.models import Measured

_ORDER = 3
"""Jerk is the third difference of a position."""


class Measures:
    """`begin` at a trial's start, `add` once in each recorded period, `read` at its end."""

    def __init__(self, fps: int, gripper: str) -> None:
        """`gripper` ends the name of joints that do not count as motion: they snap."""
        self._fps, self._gripper = fps, gripper
        self.begin()

    def begin(self) -> None:
        """Forget the trial before."""
        self._inferences: list[float] = []
        self._answers = 0
        self._names: list[str] = []
        self._goals: deque[list[float]] = deque(maxlen=_ORDER + 1)
        self._squares, self._values = 0.0, 0
        """The sum of the squared third differences, and how many there are."""
        self._seam = 0.0

    def add(self, action: Mapping[str, Any], queue: ActionQueue, infer_ms: float) -> None:
        """One period: the goal that was sent, by `MOTOR.pos`."""
        self._names = self._names or [n for n in action if not n.removesuffix(".pos").endswith(self._gripper)]
        self._goals.append([float(action[name]) for name in self._names])
        if queue.answers != self._answers:
            self._answers = queue.answers
            if infer_ms > 0:
                self._inferences.append(infer_ms)
        if queue.at_seam and len(self._goals) > 1:
            steps = (abs(a - b) for a, b in zip(self._goals[-1], self._goals[-2], strict=True))
            self._seam = max([self._seam, *steps])
        if len(self._goals) > _ORDER:
            for d, c, b, a in zip(*self._goals, strict=True):
                self._squares += (a - 3 * b + 3 * c - d) ** 2
            self._values += len(self._names)

    def read(self, queue: ActionQueue, lapses: Lapses) -> Measured:
        """The figures of the trial so far."""
        return Measured(
            infer_ms=round(statistics.median(self._inferences), 2) if self._inferences else 0.0,
            infer_ms_most=round(max(self._inferences, default=0.0), 2),
            inferences=len(self._inferences),
            starved=queue.starved,
            late=lapses.late,
            missed=lapses.missed,
            jerk=round(sqrt(self._squares / self._values) * self._fps**_ORDER, 1) if self._values else 0.0,
            seam=round(self._seam, 3),
        )
