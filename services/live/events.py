"""The events of a session, as stored in events.jsonl: past tense, numbered, one per line.

The events that the log's document embeds are defined in `sessions.facts`.
"""

from __future__ import annotations

from typing import Any, Union, get_args

import msgspec

from services.live.reasons import Advice, AlarmSource, Step, StopCause
from sessions import upgrade
from sessions.conditions import Place
from sessions.facts import *  # noqa: F403  (embedded events are events like the others)
from sessions.facts import Event, SessionStarted
from sessions.models import EndedBy, Measured, NoteKind, Verdict


class DatasetOpened(Event, frozen=True, kw_only=True, tag=True):
    """The dataset is open for writing and holds `episodes` so far, `accepted` of them accepted."""

    episodes: int
    accepted: int
    resumed: bool


class PhaseChanged(Event, frozen=True, kw_only=True, tag=True):
    """The session entered a phase. `detail` describes it for people; older files have no `step`."""

    phase: str
    detail: str = ""
    step: Step = Step.NONE


class TakeStarted(Event, frozen=True, kw_only=True, tag=True):
    """Recording began. `take` counts in the session from 1."""

    take: int


class TakeEnded(Event, frozen=True, kw_only=True, tag=True):
    """The take's last frame was recorded; the take is not saved yet."""

    take: int
    frames: int
    reason: EndedBy
    why: str = ""


class EpisodeSaved(Event, frozen=True, kw_only=True, tag=True):
    """A take, or in an evaluation the motion of the trial with that number, was saved as an episode.

    `save_ms` is the time from the end of the take to this event, `retried` how often each arm was asked again for an
    answer; `strategy`, `light` and `grasp` are as in Episode. Older files have none.
    """

    take: int
    index: int
    frames: int
    seconds: float
    accepted: bool
    save_ms: float
    flags: tuple[str, ...] = ()
    retried: dict[str, int] = msgspec.field(default_factory=dict)
    strategy: str = ""
    light: dict[str, int] = msgspec.field(default_factory=dict)
    grasp: Place | None = None


class EpisodeMarked(Event, frozen=True, kw_only=True, tag=True):
    """An episode was accepted or rejected; `why` is the reason and `by` the person, where somebody gave them."""

    index: int
    accepted: bool
    why: str = ""
    by: str = ""


class TakeMarked(Event, frozen=True, kw_only=True, tag=True):
    """The running or unsaved take was rejected, or its rejection undone, before it was saved."""

    take: int
    accepted: bool


class MomentMarked(Event, frozen=True, kw_only=True, tag=True):
    """A person marked a moment of the running take: its newest frame, from 0."""

    take: int
    frame: int


class TrialStarted(Event, frozen=True, kw_only=True, tag=True):
    """The policy in `checkpoint` (a pretrained_model folder) took over. `trial` counts the session's attempts from 1.

    `condition` is the operator's name for the test condition. A `practice` never counts. In older files, a trial starts
    and ends with TakeStarted and TakeEnded of the same number.
    """

    trial: int
    checkpoint: str = ""
    condition: str = ""
    practice: bool = False


class TrialEnded(Event, frozen=True, kw_only=True, tag=True):
    """The trial's last frame was recorded; it is not saved yet, and awaits its verdict unless one ended it.

    `why` names what failed, if something did. `measured` is None in older files.
    """

    trial: int
    frames: int
    reason: EndedBy
    why: str = ""
    measured: Measured | None = None


class TrialJudged(Event, frozen=True, kw_only=True, tag=True):
    """A verdict was given; `judge` is a person's name, `oracle`, or `console` for a trial in which the bench failed."""

    trial: int
    verdict: Verdict
    judge: str = ""


class SecondOpinionGiven(Event, frozen=True, kw_only=True, tag=True):
    """A second judge, `by`, told what he thinks of a trial after its `verdict` was given, which stands as it is."""

    trial: int
    opinion: Verdict
    verdict: Verdict
    by: str = ""


class NoSecondOpinion(Event, frozen=True, kw_only=True, tag=True):
    """A second judge, `by`, has no opinion of a trial, in a few words `why`."""

    trial: int
    why: str
    by: str = ""


class VerdictUndone(Event, frozen=True, kw_only=True, tag=True):
    """The trial's verdict was undone: the trial awaits another one."""

    trial: int


class TrialAssisted(Event, frozen=True, kw_only=True, tag=True):
    """A person helped in the trial, or, where it was noted by mistake, nobody did."""

    trial: int
    assisted: bool


class StageReached(Event, frozen=True, kw_only=True, tag=True):
    """The trial has reached these stages of its task, in order; fewer than before where that was a mistake."""

    trial: int
    stages: tuple[str, ...]


class TrialAnnotated(Event, frozen=True, kw_only=True, tag=True):
    """A failed trial got a failure mode; an empty one removes it."""

    trial: int
    failure_mode: str


class Held(Event, frozen=True, kw_only=True, tag=True):
    """The arm was told to hold where it stands. `why` adds detail to the cause, for people."""

    cause: StopCause
    why: str = ""


class ArmLeft(Event, frozen=True, kw_only=True, tag=True):
    """The follower was disconnected: `torque` as its motors last said, all on or all off, and None of anything else.

    `at_rest` is whether it stood at the rest pose, as last measured. Older files have no such event.
    """

    torque: bool | None = None
    at_rest: bool = False


class AlarmRaised(Event, frozen=True, kw_only=True, tag=True):
    """Something needs the operator; `answer` is what to do, `advice` which command helps.

    `camera` is the one that it is about, if any: `source` may be the observation that lacks its picture.
    Older files have no `advice`: their `answer` names keys.
    """

    source: AlarmSource
    text: str
    answer: str = ""
    advice: Advice = Advice.NONE
    camera: str = ""


class AlarmCleared(Event, frozen=True, kw_only=True, tag=True):
    """The alarm of this source no longer applies."""

    source: AlarmSource


class CameraAlarmed(Event, frozen=True, kw_only=True, tag=True):
    """A camera's picture went bad (`state`: black, frozen or slow) at the Unix time `since`.

    `take` is the running take or trial, 0 outside of one.
    """

    camera: str
    state: str
    since: float
    take: int = 0


class CameraRecovered(Event, frozen=True, kw_only=True, tag=True):
    """The camera shows a fresh, lit picture again."""

    camera: str


class NoteAdded(Event, frozen=True, kw_only=True, tag=True):
    """A person wrote a remark."""

    text: str
    author: str = ""
    kind: NoteKind = NoteKind.NOTE


class NoteEdited(Event, frozen=True, kw_only=True, tag=True):
    """A person rewrote the session's note number `note`, counted from 1; the text before stays in its event.

    Its `kind` stays where none is given, as in older files.
    """

    note: int
    text: str
    author: str = ""
    kind: NoteKind | None = None


class TagAdded(Event, frozen=True, kw_only=True, tag=True):
    """A tag was put on the session."""

    tag: str


class TagRemoved(Event, frozen=True, kw_only=True, tag=True):
    """A tag was taken off the session."""

    tag: str


class UnknownEvent(Event, frozen=True, kw_only=True, tag=True):
    """An event of a newer console, kept but not understood."""

    raw: dict[str, Any] = msgspec.field(default_factory=dict)


AnyEvent: Any = Union[tuple(cls for cls in Event.__subclasses__() if cls.__name__ != "UnknownEvent")]  # noqa: UP007
"""Every event type, collected from the subclasses so that no list needs maintaining."""
KINDS = frozenset(cls.__name__ for cls in get_args(AnyEvent))

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line, newline included."""
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """Decode one line, upgrading events of older consoles. An unknown type becomes UnknownEvent.

    Raises msgspec.DecodeError (ValidationError included) if the line is not an event.
    """
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        raw = msgspec.json.decode(line, type=dict[str, Any])
        kind = str(raw.get("type"))
        if kind not in KINDS:
            return UnknownEvent(seq=int(raw.get("seq", 0)), at=float(raw.get("at", 0.0)), raw=raw)
        if kind == SessionStarted.__name__ and upgrade.is_flat(raw):
            return _upgraded(raw)
        raise


def _upgraded(flat: dict[str, Any]) -> SessionStarted:
    """The event of an older console. Raises msgspec.ValidationError where a value is of no kind that one wrote."""
    try:
        return msgspec.convert(upgrade.started(flat), SessionStarted)
    except (AttributeError, LookupError, TypeError) as error:
        raise msgspec.ValidationError(f"no event of an older console: {error}") from None
