"""What is measured of a running trial: inference, starvation, late and missed periods, how smoothly the arm moved."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

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
        self._answers = -1
        self._names: list[str] = []
        self._goals: list[list[float]] = []
        self._seams: list[float] = []

    def add(self, action: Mapping[str, Any], queue: ActionQueue, infer_ms: float) -> None:
        """One period: the goal that was sent, by `MOTOR.pos`."""
        self._names = self._names or [n for n in action if not n.removesuffix(".pos").endswith(self._gripper)]
        self._goals.append([float(action[name]) for name in self._names])
        if queue.answers != self._answers:
            first, self._answers = self._answers < 0, queue.answers
            if infer_ms > 0:
                self._inferences.append(infer_ms)
            if first:
                return
        if queue.at_seam and len(self._goals) > 1:
            self._seams.append(max(abs(a - b) for a, b in zip(*self._goals[-2:], strict=True)) if self._names else 0.0)

    def read(self, queue: ActionQueue, lapses: Lapses) -> Measured:
        """The figures of the trial so far."""
        return Measured(
            infer_ms=round(statistics.median(self._inferences), 2) if self._inferences else 0.0,
            infer_ms_most=round(max(self._inferences, default=0.0), 2),
            inferences=len(self._inferences),
            starved=queue.starved,
            late=lapses.late,
            missed=lapses.missed,
            jerk=self._jerk(),
            seam=round(max(self._seams, default=0.0), 3),
        )

    def _jerk(self) -> float:
        """The root mean square of the commanded joints' jerk in degrees/s^3; 0 for a trial too short for one."""
        if len(self._goals) <= _ORDER or not self._names:
            return 0.0
        third = np.diff(np.asarray(self._goals), n=_ORDER, axis=0) * self._fps**_ORDER
        return round(float(np.sqrt(np.mean(third**2))), 1)
