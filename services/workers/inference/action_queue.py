"""Queues the policy's actions: chunks in, one action out per control period. Pure."""

from __future__ import annotations

from collections import deque
from math import ceil

import numpy as np
from numpy.typing import NDArray

MARGIN = 1
"""Periods by which a chunk is requested earlier than an inference takes."""


class ActionQueue:
    """Actions waiting to be sent, of a policy that uses `steps` of each inference.

    An observation is taken while actions of the previous chunk are left; those sent since then are skipped in the
    new chunk, so that it continues where the arm is. Periods without an action, in which the arm did not move, are not
    skipped. A policy that gives one action per observation (`steps` 1) is never aligned.
    """

    def __init__(self, steps: int, period_s: float, *, expected_ms: float = 0.0) -> None:
        self.steps = max(1, steps)
        self.starved = 0
        self.starved_now = 0
        self.answers = 0
        """How many inferences were used since the trial began."""
        self.at_seam = False
        """Whether the action taken last was the first one of an inference."""
        self._fresh = 0
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._sent_since_request = self._periods_since_request = 0
        self._began = False
        self._took: deque[int] = deque([ceil(expected_ms / 1000 / period_s)], maxlen=5)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def lead(self) -> int:
        """How many actions should be left when the next chunk is requested: the periods of an inference, and MARGIN."""
        return max(self._took) + MARGIN

    @property
    def rows(self) -> int:
        """How many actions of the next chunk can be used."""
        return 1 if self.steps == 1 else self.steps + self.lead + 1

    @property
    def hand_over(self) -> dict[str, int]:
        """What the policy is told of the chunk before, as fields of Ask: nothing, each chunk is made anew."""
        return {}

    def is_due(self, *, lockstep: bool) -> bool:
        """Whether the next chunk should be requested now; in lockstep it comes at once."""
        return not self._waiting if lockstep else len(self._waiting) <= self.lead

    def clear(self) -> None:
        """Begin a trial."""
        self._waiting.clear()
        self.starved = self.starved_now = self.answers = self._fresh = 0
        self._began = self.at_seam = False

    def mark_requested(self) -> None:
        """Note that this period's observation, whose action has not been taken yet, went to the policy."""
        self._sent_since_request = self._periods_since_request = 0

    def put(self, chunk: NDArray[np.float32]) -> None:
        """Add the policy's answer: actions (rows, joints), the first for the period of the observation."""
        if self._began:  # before a trial no period is counted, so there is nothing to measure
            self._took.append(self._periods_since_request)
        self.answers += 1
        if self.steps == 1:
            self._waiting = deque(chunk[:1])
            return
        self._fresh = len(self._waiting) + 1
        skip = self._sent_since_request + len(self._waiting)
        self._waiting.extend(chunk[skip : skip + self.steps])

    def first(self) -> NDArray[np.float32] | None:
        """The next action, which stays in the queue."""
        return self._waiting[0] if self._waiting else None

    def take(self) -> NDArray[np.float32] | None:
        """The action of this period; None (counted in `starved`) if none waits."""
        self._began = True
        self._periods_since_request += 1
        if not self._waiting:
            self.starved += 1
            self.starved_now += 1
            return None
        self._sent_since_request += 1
        self.starved_now = 0
        self.at_seam = self._fresh == 1
        self._fresh = max(0, self._fresh - 1)
        return self._waiting.popleft()
