"""Rejects commands that come too soon: after a stop, out of a burst of buffered keys, from a key that bounces."""

from __future__ import annotations

import time

from services.live.protocol import Code
from services.workers.process.mailbox import Refused

AFTER_STOP_S = 1.0
"""Commands that move the arm are refused this soon after a stop: the key may have been pressed together with Esc."""
BURST_S = 0.5
"""A start is refused this soon after the last accepted key."""
BOUNCE_S = 0.5
"""A take is not ended this soon after it began: its key bounced, or was pressed twice."""


class Debounce:
    """Remembers the last stop and the last key. Never refuses in lockstep, which programs drive."""

    def __init__(self, *, lockstep: bool) -> None:
        self._lockstep = lockstep
        self._stopped_at = self._key_at = float("-inf")

    def note_stop(self) -> None:
        """Note that the arm was stopped."""
        self._stopped_at = time.monotonic()

    def note_key(self) -> None:
        """Note that a command of the strategy (a take or trial) was accepted."""
        self._key_at = time.monotonic()

    def check_after_stop(self) -> None:
        """Raises Refused within AFTER_STOP_S of a stop."""
        if not self._lockstep and time.monotonic() - self._stopped_at < AFTER_STOP_S:
            raise Refused("stopped a moment ago: press again", Code.TOO_SOON)

    def check_burst(self) -> None:
        """Raises Refused within BURST_S of another key."""
        if not self._lockstep and time.monotonic() - self._key_at < BURST_S:
            raise Refused("that came too soon after the last key: press again", Code.TOO_SOON)

    def check_bounce(self, began: float) -> None:
        """Raises Refused within BOUNCE_S of `began`, in monotonic time. A stop ends a take at any time."""
        if not self._lockstep and time.monotonic() - began < BOUNCE_S:
            raise Refused("it began a moment ago: press again to end it", Code.TOO_SOON)
