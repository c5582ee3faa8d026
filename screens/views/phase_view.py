"""The content of the phase panel: a word, two numbers, a bar, a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from screens.views.signs import clean, signs
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from services.live.snapshots import Snapshot
from services.tone import Tone
from services.units import duration
from sessions.models import SessionStatus


@dataclass(frozen=True)
class PhaseView:
    """A word, two numbers with their labels, progress 0..1 (None: no bar) and a sentence on what to do now."""

    word: str
    tone: Tone
    sentence: str
    left: str = ""
    left_label: str = ""
    right: str = ""
    right_label: str = ""
    progress: float | None = None


TONES = {
    Phase.ALIGNING: Tone.WARNING,
    Phase.READY: Tone.ACCENT,
    Phase.RECORDING: Tone.DANGER,
    Phase.RESET: Tone.PLAIN,
    Phase.DONE: Tone.SUCCESS,
    Phase.HELD: Tone.WARNING,
    Phase.RESTING: Tone.WARNING,
    Phase.RELEASING: Tone.WARNING,
    Phase.LIMP: Tone.DANGER,
}


WORDS = {Phase.IDLE: "HOLDING"}


SENTENCES = {
    Phase.IDLE: "the arm holds where it is",
    Phase.ALIGNING: "keep the leader still: the follower moves to it",
    Phase.HELD: "the arm holds, torque is on",
    Phase.RESTING: "gripper opens, the arm lifts and moves to rest",
    Phase.RESTED: "the arm stands at rest, torque is on",
    Phase.RELEASING: "the arm is lowered, then torque goes off: stand by",
    Phase.RELEASED: "torque is off: the arm can be moved by hand",
    Phase.LIMP: "the arm lost its torque",
    Phase.ENDED: "the session is over",
}


HOLD_AGAIN = "support the arm, then Esc holds it where it is"


def holds(snapshot: Snapshot) -> bool:
    """Whether a held arm is known to hold: the follower answers."""
    return snapshot.phase is Phase.HELD and stands(snapshot)


def stands(snapshot: Snapshot) -> bool:
    """Whether the arm was stopped or not moved yet, and the follower answers."""
    still = snapshot.phase in (Phase.HELD, Phase.IDLE)
    return still and not any(a.source == AlarmSource.FOLLOWER for a in snapshot.alarms)


def word(snapshot: Snapshot) -> str:
    """The phase in one word."""
    return WORDS.get(snapshot.phase, snapshot.phase.value.upper())


def ended(snapshot: Snapshot, after: str, count: tuple[str, str]) -> PhaseView:
    """How a session ended and how long it took; `after` is what can be done next."""
    took = duration(snapshot.ended_at - snapshot.started.at) if snapshot.started and snapshot.ended_at else ""
    why = clean(snapshot.end_reason)
    tone = Tone.SUCCESS if snapshot.status is SessionStatus.FINISHED else Tone.DANGER
    sentence = f"{why} {signs().dot} {after}" if why else after
    return PhaseView(snapshot.status.value.upper(), tone, sentence, *count, "", f"after {took}" if took else "")
