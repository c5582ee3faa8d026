"""How long a training waits for room for a checkpoint before it gives up. Loads no torch."""

from __future__ import annotations

import time
from typing import Protocol

PATIENCE_S = 600.0
"""A person who reads the alarm has time to free the disk; nothing goes on learning what could not be kept."""
HURRIED_S = 5.0
"""The same once SIGTERM has come: whoever sent it (a machine that shuts down) kills after 90 s or less."""
RETRY_PAUSES_S = (1.0, 2.0, 4.0, 10.0)
"""Pauses between the tries; the last one repeats."""


class Requests(Protocol):
    """The requests to stop, normally a Channel."""

    hurried_at: float | None
    """When (monotonic) SIGTERM came."""

    def wait(self, seconds: float) -> bool:
        """Wait, or return early on a request; true if the operator gives it up."""


class Patience:
    """The wait for one checkpoint."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._began = time.monotonic()
        self._tries = 0

    def ends(self) -> str:
        """Wait for the next try. Returns why there is none, in a few words; empty if there is one."""
        left = self._give_up_at() - time.monotonic()
        if left <= 0 and self._requests.hurried_at is not None:
            return "given up, as SIGTERM ends the session"
        if left <= 0:
            return f"given up after {_spell(PATIENCE_S)}"
        pause = RETRY_PAUSES_S[min(self._tries, len(RETRY_PAUSES_S) - 1)]
        self._tries += 1
        return "given up, as it was stopped again" if self._requests.wait(min(pause, left)) else ""

    def _give_up_at(self) -> float:
        at, hurried_at = self._began + PATIENCE_S, self._requests.hurried_at
        return at if hurried_at is None else min(at, max(hurried_at, self._began) + HURRIED_S)


def remedy(*, hurried: bool) -> str:
    """What the operator can do meanwhile."""
    if hurried:
        return f"free the disk within {_spell(HURRIED_S)}, or it gives up: SIGTERM ends the session"
    return f"free the disk within {_spell(PATIENCE_S)}, or it gives up; stopping twice gives up at once"


def _spell(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
