"""How long a stopping trainer has been silent, and the alarm that offers to kill it."""

from __future__ import annotations

import time

from services.live import events as ev
from services.live.reasons import Advice, AlarmSource
from services.units import duration
from services.workers.process.journal import Journal

SILENT_S = 30.0
"""After this long without a message, another stop kills the trainer."""
SLOW = 2.0
"""But not before the time of this many steps has passed."""


class StopTimeout:
    """Counts from the first stop, and again from each message. Belongs to the supervisor's main thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._since = float("inf")
        self._stopping = self._alarmed = False

    def note_message(self) -> None:
        """Note that the trainer sent a message."""
        if self._stopping:
            self._since = time.monotonic()

    def start(self) -> None:
        """Note the first stop."""
        self._stopping, self._since = True, time.monotonic()

    def end(self) -> None:
        """Stop counting: the trainer has sent its last message."""
        self._stopping, self._since = False, float("inf")

    @property
    def seconds(self) -> float:
        """How long it has been silent; 0 before a stop."""
        return max(0.0, time.monotonic() - self._since)

    def too_long(self, step_s: float) -> bool:
        """Whether it counts as hung, if a step takes `step_s` seconds."""
        return self.seconds >= _patience(step_s)

    def warning(self, step_s: float) -> str:
        """The answer to another stop."""
        left = duration(max(1.0, _patience(step_s) - self.seconds))
        silent = duration(self.seconds)
        again = f"another stop in {left} kills the trainer if it stays silent"
        return f"it is stopping already and has been silent for {silent}; {again}"

    def update_alarm(self, step_s: float, doing: str) -> None:
        """Raise an alarm that offers to kill a trainer that does not react; clear it when it does."""
        silent = self.too_long(step_s)
        if silent is self._alarmed:
            return
        self._alarmed = silent
        text, since = f"trainer silent, {doing}", time.time() - self.seconds
        alarm = ev.AlarmRaised(source=AlarmSource.TRAINER, text=text, advice=Advice.KILL_TRAINER, at=since)
        self._journal.emit(alarm if silent else ev.AlarmCleared(source=AlarmSource.TRAINER))


def _patience(step_s: float) -> float:
    return max(SILENT_S, SLOW * step_s)
