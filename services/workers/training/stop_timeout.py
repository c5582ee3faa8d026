"""A trainer that was asked to stop and says nothing any more: for how long, and what is said about it."""

from __future__ import annotations

import time

from services.live import events as ev
from services.units import duration
from services.workers.process.journal import Journal

SILENT_S = 30.0
"""After so long without a word another stop kills the trainer."""
SLOW = 2.0
"""But not before it had the time for so many steps as they were so far."""


class Silence:
    """Counts from the first stop, and anew from each word. Belongs to the supervisor's main thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._since = float("inf")
        self._stopping = self._told = False

    def heard(self) -> None:
        """The trainer spoke."""
        if self._stopping:
            self._since = time.monotonic()

    def ask(self) -> None:
        """It was asked to stop, for the first time."""
        self._stopping, self._since = True, time.monotonic()

    def end(self) -> None:
        """Whatever comes, it is awaited no longer."""
        self._stopping, self._since = False, float("inf")

    @property
    def seconds(self) -> float:
        """How long it is silent; 0 before a stop."""
        return max(0.0, time.monotonic() - self._since)

    def too_long(self, step_s: float) -> bool:
        """Whether it counts as hung, when a step takes `step_s` seconds."""
        return self.seconds >= _patience(step_s)

    def so_far(self, step_s: float) -> str:
        """To whoever stops it again."""
        left = duration(max(1.0, _patience(step_s) - self.seconds))
        silent = duration(self.seconds)
        return f"it stops already and is silent for {silent}; S again in {left} kills the trainer, if it stays silent"

    def watch(self, step_s: float, doing: str) -> None:
        """Offer to kill a trainer that does not react, and take that back when it does."""
        silent = self.too_long(step_s)
        if silent is self._told:
            return
        self._told = silent
        text, since = f"trainer silent, {doing}", time.time() - self.seconds
        alarm = ev.AlarmRaised(source="trainer", text=text, answer="S again kills the trainer", at=since)
        self._journal.tell(alarm if silent else ev.AlarmCleared(source="trainer"))


def _patience(step_s: float) -> float:
    return max(SILENT_S, SLOW * step_s)
