"""Terminal bells: one pattern per kind of event, for an operator who is not looking at the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.live import events as ev
from services.live.phases import Phase
from sessions.models import SessionKind

SHORT, LONG = 0.16, 0.45

PATTERNS: dict[str, tuple[float, ...]] = {
    "start": (),
    "end": (SHORT,),
    "saved": (SHORT, SHORT),
    "ready": (LONG,),
    "refused": (LONG, LONG),
    "held": (SHORT, LONG, SHORT),
    "alarm": (SHORT, SHORT, SHORT, SHORT),
}
"""Pauses between the bells of a pattern, in s; a pattern has one bell more than pauses."""


def pattern_of(event: ev.Event, kind: SessionKind | None = None) -> str:
    """The pattern that an event rings in a session of this kind; empty for none.

    In an evaluation "saved" is rung for a verdict, and "ready" when the arm is at rest and the scene can be reset.
    """
    if kind is SessionKind.EVAL:
        match event:
            case ev.TrialJudged() | ev.TrialAnnotated() | ev.VerdictUndone():
                return "saved"
            case ev.EpisodeSaved():
                return ""
            case ev.PhaseChanged(phase=Phase.RESTED):
                return "ready"
    match event:
        case ev.TakeStarted() | ev.TrialStarted():
            return "start"
        case ev.TakeEnded() | ev.TrialEnded():
            return "end"
        case ev.EpisodeSaved():
            return "saved"
        case ev.Held():
            return "held"
        case ev.AlarmRaised() | ev.CameraAlarmed() | ev.TakeLost():
            return "alarm"
        case _:
            return ""


class Bells:
    """Rings patterns on the running loop; a new pattern replaces one that is still ringing."""

    def __init__(self, ring: Callable[[], None] | None = None) -> None:
        self.on = True
        self.ring = ring or (lambda: None)
        self._playing: asyncio.Task[None] | None = None

    def play(self, name: str) -> None:
        """Ring a pattern by name; does nothing if bells are off or the pattern is unknown."""
        if not self.on or name not in PATTERNS:
            return
        if self._playing is not None:
            self._playing.cancel()
        self._playing = asyncio.get_running_loop().create_task(self._play(PATTERNS[name]), name=f"bell-{name}")

    async def _play(self, pauses: tuple[float, ...]) -> None:
        self.ring()
        for pause in pauses:
            await asyncio.sleep(pause)
            self.ring()

    def ring_for(self, event: ev.Event, kind: SessionKind | None = None) -> None:
        """Ring the pattern of an event, if it has one."""
        self.play(pattern_of(event, kind))
