"""Which action each control period gets: chunks in, one action out per period. Pure."""

from __future__ import annotations

from collections import deque
from math import ceil

import numpy as np
from numpy.typing import NDArray

MARGIN = 1
"""Periods that a chunk is asked for before it is needed, beyond what an inference takes."""


class ActionQueue:
    """Actions that wait, of a policy that uses `steps` of each inference.

    An observation is taken when the arm still has actions of the chunk before; those that were sent since then are
    skipped in the new one, so that it goes on where the arm is. Periods in which none was there, and the arm
    stood, are not skipped. A policy that gives one action per observation (`steps` 1) is never aligned.
    """

    def __init__(self, steps: int, period_s: float, *, expected_ms: float = 0.0) -> None:
        self.steps = max(1, steps)
        self.starved = 0
        self.starved_now = 0
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._sent_since_asked = self._periods_since_asked = 0
        self._began = False
        self._took: deque[int] = deque([ceil(expected_ms / 1000 / period_s)], maxlen=5)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def lead(self) -> int:
        """How many actions should still wait when the next chunk is asked for: what an inference took, and one."""
        return max(self._took) + MARGIN

    @property
    def rows(self) -> int:
        """How many actions of the next chunk are of use."""
        return 1 if self.steps == 1 else self.steps + self.lead + 1

    def clear(self) -> None:
        """A trial begins."""
        self._waiting.clear()
        self.starved = self.starved_now = 0
        self._began = False

    def asked(self) -> None:
        """The observation of this period, whose action has not been taken yet, went to the policy."""
        self._sent_since_asked = self._periods_since_asked = 0

    def put(self, chunk: NDArray[np.float32]) -> None:
        """The answer to it: actions (rows, joints), the first of them for that period."""
        if self._began:  # before a trial no period is counted: nothing can be learnt from that
            self._took.append(self._periods_since_asked)
        if self.steps == 1:
            self._waiting = deque(chunk[:1])
            return
        skip = self._sent_since_asked + len(self._waiting)
        self._waiting.extend(chunk[skip : skip + self.steps])

    def first(self) -> NDArray[np.float32] | None:
        """The next action, left where it is."""
        return self._waiting[0] if self._waiting else None

    def take(self) -> NDArray[np.float32] | None:
        """The action of this period; None (and counted in `starved`) where none waits."""
        self._began = True
        self._periods_since_asked += 1
        if not self._waiting:
            self.starved += 1
            self.starved_now += 1
            return None
        self._sent_since_asked += 1
        self.starved_now = 0
        return self._waiting.popleft()
