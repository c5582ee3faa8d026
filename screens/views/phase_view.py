"""The content of the phase panel: a word, two numbers, a bar, a sentence in parts. And the one table of state words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from screens.views import keys
from screens.views.measured import Part, plain
from screens.views.signs import clean
from services.live.phases import Phase
from services.live.protocol import Telemetry
from services.live.reasons import AlarmSource
from services.live.snapshots import Snapshot
from services.tone import Tone
from services.units import duration
from sessions.models import SessionKind, SessionStatus


@dataclass(frozen=True)
class PhaseView:
    """A word, two numbers with their labels, progress 0..1 (None: no bar) and, in parts, what to do now.

    `alarms` are wordings of the alarm that stands, longest first; empty without one.
    """

    word: str
    tone: Tone
    parts: tuple[Part, ...]
    left: str = ""
    left_label: str = ""
    right: str = ""
    right_label: str = ""
    progress: float | None = None
    alarms: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All parts of the sentence in full."""
        return plain(self.parts)

    def with_alarms(self, alarms: tuple[str, ...]) -> PhaseView:
        """The same, with an alarm."""
        return replace(self, alarms=alarms)


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


WORDS = {
    Phase.IDLE: "HOLDING",
    Phase.JUDGING: "JUDGE IT",
    Phase.RESTED: "AT REST",
    Phase.LIMP: "NOT HELD",
}
"""Where the word for a phase is not its name."""
REJECTED, SAVING, FOLLOWING, STOPPED = "REJECTED", "SAVING", "FOLLOWING", "STOPPED"


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


def from_outside(text: object, rank: int = 1, limit: int = 200) -> Part:
    """A part whose text a worker or a person wrote: its end may be cut for what to press."""
    return Part(clean(text, limit), rank, cut=True)


def press(key: object, does: str, short: str = "", rank: int = 0) -> Part:
    """A key and what it does."""
    return Part(f"{key} {does}", rank, short=f"{key} {short}" if short else "")


# -- words of states ---------------------------------------------------------------------------------


def word(snapshot: Snapshot, telemetry: Telemetry | None = None) -> str:
    """The state in a word or two, for panel, header and log alike."""
    phase = snapshot.phase
    kind = snapshot.started.kind if snapshot.started else None
    if phase is Phase.ENDED:
        return ended_word(snapshot)
    if (kind is SessionKind.BENCH and phase.following) or (kind is SessionKind.EVAL and phase is Phase.RESET):
        return FOLLOWING
    if phase is Phase.RECORDING and not snapshot.take_accepted:
        return REJECTED
    if phase is Phase.RESET and not reset_left(snapshot, telemetry):
        return WORDS.get(Phase.READY, Phase.READY.value.upper())
    return WORDS.get(phase, phase.value.upper())


def ended_word(snapshot: Snapshot) -> str:
    """FINISHED only where the target was reached; an orderly end before that is STOPPED."""
    short = snapshot.started is not None and snapshot.started.target > 0 and not snapshot.reached
    aims = snapshot.started is not None and snapshot.started.kind in (SessionKind.RECORD, SessionKind.EVAL)
    if snapshot.status is SessionStatus.FINISHED and aims and short:
        return STOPPED
    return snapshot.status.value.upper()


def reset_left(snapshot: Snapshot, telemetry: Telemetry | None) -> float:
    """Seconds left of the reset time; 0 outside of a reset."""
    if snapshot.phase is not Phase.RESET or snapshot.started is None or telemetry is None:
        return 0.0
    return max(0.0, snapshot.started.request.reset_seconds - telemetry.phase_seconds)


# -- holding -----------------------------------------------------------------------------------------


def holds(snapshot: Snapshot) -> bool:
    """Whether a held arm is known to hold: the follower answers."""
    return snapshot.phase is Phase.HELD and stands(snapshot)


def stands(snapshot: Snapshot) -> bool:
    """Whether the arm was stopped or not moved yet, and the follower answers."""
    still = snapshot.phase in (Phase.HELD, Phase.IDLE)
    return still and not any(a.source == AlarmSource.FOLLOWER for a in snapshot.alarms)


# -- the end -----------------------------------------------------------------------------------------


def ended(snapshot: Snapshot, after: tuple[Part, ...], count: tuple[str, str]) -> PhaseView:
    """How a session ended and how long it took; `after` is what can be done next."""
    took = duration(snapshot.ended_at - snapshot.started.at) if snapshot.started and snapshot.ended_at else ""
    named = ended_word(snapshot)
    finished = snapshot.status is SessionStatus.FINISHED
    tone = Tone.PLAIN if named == STOPPED else Tone.SUCCESS if finished else Tone.DANGER
    parts = (from_outside(snapshot.end_reason), *after)
    return PhaseView(named, tone, parts, *count, "", f"after {took}" if took else "")


def may_hold(new: keys.NamedKey, safe: str, does: str) -> tuple[Part, ...]:
    """After a crash: the arm first, what is safe, and how to go on."""
    return (
        Part(
            f"the arm may still hold: {keys.BENCH}, then {keys.HOLD} takes it over",
            short=f"arm may hold: {keys.BENCH}, then {keys.HOLD}",
        ),
        Part(safe),
        press(new, does, "starts again"),
    )
