"""Keys that are not believed: those that came with a stop, and a start out of a burst of buffered keys."""

from __future__ import annotations

import time

from services.live.protocol import Code
from services.workers.process.mailbox import Refused

AFTER_STOP_S = 1.0
"""What would move the arm this soon after a stop is not believed: it may be the key that came with Esc."""
BURST_S = 0.5
"""A start this soon after the last accepted key is not believed."""


class Haste:
    """When the last stop and the last key were. In lockstep, which programs drive, nothing comes too soon."""

    def __init__(self, *, lockstep: bool) -> None:
        self._lockstep = lockstep
        self._stopped_at = self._key_at = float("-inf")

    def stopped(self) -> None:
        """The arm was stopped now."""
        self._stopped_at = time.monotonic()

    def key(self) -> None:
        """A key about takes or trials was accepted now."""
        self._key_at = time.monotonic()

    def check_after_stop(self) -> None:
        """Raises Refused where a stop was a moment ago."""
        if not self._lockstep and time.monotonic() - self._stopped_at < AFTER_STOP_S:
            raise Refused("stopped a moment ago: press again", Code.TOO_SOON)

    def check_burst(self) -> None:
        """Raises Refused where another key was a moment ago."""
        if not self._lockstep and time.monotonic() - self._key_at < BURST_S:
            raise Refused("that came too soon after the last key: press again", Code.TOO_SOON)
