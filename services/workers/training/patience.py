"""How long a training waits for room for a checkpoint before it gives up. Loads no torch."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 600.0
"""A person who reads the alarm has time to free the disk; nothing goes on learning what could not be kept."""
RETRY_PAUSES_S = (1.0, 2.0, 4.0, 10.0)
"""Pauses between the tries; the last one repeats."""


class Patience:
    """The wait for one checkpoint. `wait(seconds)` returns early, and true, if the operator gives it up."""

    def __init__(self, wait: Callable[[float], bool]) -> None:
        self._wait = wait
        self._give_up_at = time.monotonic() + PATIENCE_S
        self._tries = 0

    def ends(self) -> str:
        """Wait for the next try. Returns why there is none, in a few words; empty if there is one."""
        left = self._give_up_at - time.monotonic()
        if left <= 0:
            return f"given up after {_spell(PATIENCE_S)}"
        pause = RETRY_PAUSES_S[min(self._tries, len(RETRY_PAUSES_S) - 1)]
        self._tries += 1
        return "given up, as it was stopped again" if self._wait(min(pause, left)) else ""


def remedy() -> str:
    """What the operator can do meanwhile."""
    return f"free the disk within {_spell(PATIENCE_S)}, or it gives up; stopping twice gives up at once"


def _spell(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
