"""Messages from the desk to the screens: one small message per fact; only the newest telemetry counts."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from services.live.events import Event
from services.live.protocol import Telemetry
from services.live.snapshots import Snapshot
from services.tone import Tone


@dataclass
class SnapshotArrived(Message):
    """The session is in a new state, because of `event` (None: attached, or who drives changed)."""

    snapshot: Snapshot
    event: Event | None = None


@dataclass
class TelemetryArrived(Message):
    """The newest telemetry of the session."""

    telemetry: Telemetry

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, TelemetryArrived)


class EpisodeWanted(Message):
    """`Desk.looked_at` is to be shown, in the viewer over the present screen."""


@dataclass
class SessionChanged(Message):
    """A session was attached, detached or lost."""


@dataclass
class Noticed(Message):
    """A short sentence for the operator: a refusal, a hint, something that happened. `then` is what to press."""

    text: str
    tone: Tone = Tone.WARNING
    then: str = ""


class StopUnanswered(Message):
    """Nothing answered the stop key; `Desk.unanswered` is what is being done about it."""


class StopAnswered(Message):
    """The stop key was answered, or a rescue worker holds the arm."""


@dataclass
class TrainingChanged(Message):
    """The watched training has a new state, or its curves have new points."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, TrainingChanged)
