"""Ears as well as eyes: one pattern of terminal bells per kind of moment."""

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
"""Seconds between the bells of a pattern; a pattern has one bell more than it has pauses."""


def pattern_of(event: ev.Event, kind: SessionKind | None = None) -> str:
    """Which pattern an event of such a session rings; empty for none.

    In an evaluation it is the verdict that is saved, and the arm at rest that asks for the scene.
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
    """Rings patterns on the running loop; a new pattern cuts the one before short."""

    def __init__(self, ring: Callable[[], None] | None = None) -> None:
        self.on = True
        self.ring = ring or (lambda: None)
        self._playing: asyncio.Task[None] | None = None

    def play(self, name: str) -> None:
        """Ring a pattern by name; nothing when switched off or when there is no such pattern."""
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

    def hear(self, event: ev.Event, kind: SessionKind | None = None) -> None:
        """Ring what belongs to an event."""
        self.play(pattern_of(event, kind))
