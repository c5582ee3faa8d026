"""Where something happened that the operator has not seen: an attention dot at the screen of that kind of session."""

from __future__ import annotations

from services.live import events as ev
from services.live.phases import Phase
from sessions.models import SessionKind


def calls(event: ev.Event) -> bool:
    """Whether an operator who sees another screen has to know: a beginning, an end, an alarm, a verdict to give."""
    match event:
        case ev.SessionStarted() | ev.SessionEnded() | ev.AlarmRaised() | ev.CameraAlarmed() | ev.TakeLost():
            return True
        case ev.PhaseChanged(phase=Phase.JUDGING):
            return True
        case _:
            return False


class Attention:
    """The kinds of sessions to which something happened since the screen that shows them was last seen."""

    def __init__(self) -> None:
        self._kinds: set[SessionKind] = set()

    def note(self, event: ev.Event, kind: SessionKind | None) -> None:
        """Something happened in a session of this kind."""
        if kind is not None and calls(event):
            self._kinds.add(kind)

    def lost(self, kind: SessionKind | None) -> None:
        """A session of this kind is gone without an end of its own."""
        if kind is not None:
            self._kinds.add(kind)

    def see(self, kind: SessionKind) -> None:
        """The screen of this kind is seen."""
        self._kinds.discard(kind)

    def __contains__(self, kind: SessionKind) -> bool:
        return kind in self._kinds
