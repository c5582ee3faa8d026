"""The action queue of LeRobot's real-time chunking: a new chunk replaces what is left of the one before. Pure."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from services.workers.inference.action_queue import ActionQueue
from services.workers.inference.protocol import Loaded


class RealTimeQueue(ActionQueue):
    """As LeRobot's own (policies/rtc/action_queue.py): the policy has been told what is left, and goes on from it.

    So the first actions of a chunk, those sent while it was made, equal what was sent and are skipped; the others
    replace theirs. It is requested while at least `overlap` actions are left, or twice as many as pass meanwhile.
    """

    def __init__(self, steps: int, period_s: float, *, chunk: int, overlap: int, expected_ms: float = 0.0) -> None:
        super().__init__(steps, period_s, expected_ms=expected_ms)
        self._chunk, self._overlap = chunk, overlap
        self._used = 0
        """Which row of the newest chunk comes next."""

    @property
    def rows(self) -> int:
        """All."""
        return self._chunk

    @property
    def delay(self) -> int:
        """Periods until the next answer, as the longest of the last ones took."""
        return max(self._took)

    @property
    def hand_over(self) -> dict[str, int]:
        """Where the arm is in the chunk before, and when the next one comes."""
        return {"used": self._used, "delay": self.delay}

    def is_due(self, *, lockstep: bool) -> bool:
        """As soon as `steps` of the chunk are used, or no more are left than the next one needs to go on from."""
        needed = self._overlap if lockstep else max(self._overlap, 2 * self.lead)
        return len(self._waiting) <= max(needed, self._chunk - self.steps)

    def clear(self) -> None:
        """Begin a trial."""
        super().clear()
        self._used = 0

    def put(self, chunk: NDArray[np.float32]) -> None:
        """Replace what waits by the policy's answer: actions (rows, joints), the first for the observation's period."""
        if self._began:
            self._took.append(self._periods_since_request)
        self.answers += 1
        self._fresh, self._used = 1, min(self._sent_since_request, len(chunk))
        self._waiting = deque(chunk[self._used :])

    def take(self) -> NDArray[np.float32] | None:
        """The action of this period; None (counted in `starved`) if none waits."""
        action = super().take()
        self._used += action is not None
        return action


def queue_for(loaded: Loaded, period_s: float, *, expected_ms: float) -> ActionQueue:
    """The queue of this policy's actions."""
    if not loaded.overlap:
        return ActionQueue(loaded.steps, period_s, expected_ms=expected_ms)
    return RealTimeQueue(loaded.steps, period_s, chunk=loaded.chunk, overlap=loaded.overlap, expected_ms=expected_ms)
