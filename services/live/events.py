"""The facts of a session, as they stand in events.jsonl: past tense, numbered, one per line."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from sessions.models import SessionKind, SessionStatus, Verdict


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """`seq` counts from 1 without gaps within a session; `at` is Unix time in seconds."""

    seq: int = 0
    at: float = 0.0


class SessionStarted(Event, frozen=True, kw_only=True, tag=True):
    """A worker began; everything that it was asked to do."""

    id: str
    kind: SessionKind
    pid: int
    host: str
    bench: str
    operator: str = ""
    task: str = ""
    dataset: str = ""
    dataset_root: str = ""
    target_episodes: int = 0
    episode_seconds: float = 0.0
    reset_seconds: float = 0.0
    checkpoint: str = ""
    trained_in: str = ""
    target_trials: int = 0
    trial_seconds: float = 0.0
    fps: int = 30
    simulated: bool = False
    purpose: str = ""
    profile: dict[str, Any] = {}
    config: dict[str, Any] = {}
    versions: dict[str, str] = {}
    git_commit: str | None = None


class DatasetRecovered(Event, frozen=True, kw_only=True, tag=True):
    """The dataset was repaired before it was opened."""

    episodes: int
    frames: int
    summary: str
    quarantined: tuple[str, ...] = ()
    where: str = ""


class DatasetOpened(Event, frozen=True, kw_only=True, tag=True):
    """The dataset is open for writing and holds `episodes` so far, `accepted` of them accepted."""

    episodes: int
    accepted: int
    resumed: bool


class PhaseChanged(Event, frozen=True, kw_only=True, tag=True):
    """The session is in another phase; `detail` says what happens in it, for people."""

    phase: str
    detail: str = ""


class TakeStarted(Event, frozen=True, kw_only=True, tag=True):
    """Recording began. `take` counts in the session from 1."""

    take: int


class TakeEnded(Event, frozen=True, kw_only=True, tag=True):
    """The take's last frame is in; it is not saved yet. reason: key, time, stopped, failed, ended."""

    take: int
    frames: int
    reason: str
    why: str = ""


class EpisodeSaved(Event, frozen=True, kw_only=True, tag=True):
    """The take is on disk as an episode, in an evaluation the motion of the trial of that number.

    save_ms runs from the end of the take to here.
    """

    take: int
    index: int
    frames: int
    seconds: float
    accepted: bool
    save_ms: float
    flags: tuple[str, ...] = ()


class TakeLost(Event, frozen=True, kw_only=True, tag=True):
    """A take, or a trial's motion, could not become an episode; what there is of it lies in `where`."""

    take: int
    reason: str
    where: str = ""


class EpisodeMarked(Event, frozen=True, kw_only=True, tag=True):
    """An episode was accepted or rejected."""

    index: int
    accepted: bool


class TakeMarked(Event, frozen=True, kw_only=True, tag=True):
    """The running or unsaved take was rejected, or taken back, before it was saved."""

    take: int
    accepted: bool


class TrainingStarted(Event, frozen=True, kw_only=True, tag=True):
    """The first step comes next; everything as LeRobot resolved it.

    `episodes` are those trained on, without what LeRobot holds out; `config` is its TrainPipelineConfig but for
    `dataset.episodes`, which would be nearly the same numbers again (older files have both).
    """

    policy: str
    output_dir: str
    steps: int
    batch_size: int
    device: str
    parameters: int
    episodes: tuple[int, ...]
    episodes_total: int
    frames: int
    cameras: tuple[str, ...] = ()
    excluded_cameras: tuple[str, ...] = ()
    log_freq: int = 0
    save_freq: int = 0
    config: dict[str, Any] = {}


class TrainingProgressed(Event, frozen=True, kw_only=True, tag=True):
    """How far it is: about once a second on the socket only (seq 0), durable every 30 s and at the end.

    `points` counts the lines of metrics.jsonl; `metrics` holds the last logged values under LeRobot's names
    (loss, lr, grad_norm, update_s, dataloading_s, samples_per_s, ...), those that are not finite left out.
    """

    step: int
    samples: int = 0
    epochs: float = 0.0
    points: int = 0
    metrics: dict[str, float] = {}


class CheckpointSaved(Event, frozen=True, kw_only=True, tag=True):
    """A checkpoint is complete and on disk for good; `path` holds pretrained_model/ and training_state/."""

    step: int
    path: str
    bytes: int
    seconds: float
    loss: float | None = None


class PolicyLoaded(Event, frozen=True, kw_only=True, tag=True):
    """The policy fits the bench and can act. `start_pose` is where its trials begin (degrees), if that is known.

    `notes` say in words what differs without harm (a camera that it does not look at, ...).
    """

    checkpoint: str
    policy: str
    device: str
    parameters: int
    cameras: tuple[str, ...] = ()
    actions_per_inference: int = 1
    start_pose: dict[str, float] = {}
    notes: tuple[str, ...] = ()


class TrialStarted(Event, frozen=True, kw_only=True, tag=True):
    """The policy in `checkpoint` (a pretrained_model folder) drives. `trial` counts attempts in the session from 1.

    `condition` says under which condition it is tried, as the operator named it. In older files a trial starts and
    ends as the take of its number: TakeStarted and TakeEnded in an evaluation.
    """

    trial: int
    checkpoint: str = ""
    condition: str = ""


class TrialEnded(Event, frozen=True, kw_only=True, tag=True):
    """The trial's last frame is in; it is not saved yet, and waits for its verdict unless one ended it.

    reason: verdict, key, time, oracle, stopped, driver, failed, ended; `why` what failed.
    """

    trial: int
    frames: int
    reason: str
    why: str = ""


class TrialJudged(Event, frozen=True, kw_only=True, tag=True):
    """A verdict was given; `judge` is a person's name or `oracle`."""

    trial: int
    verdict: Verdict
    judge: str = ""


class VerdictUndone(Event, frozen=True, kw_only=True, tag=True):
    """The trial's verdict was taken back: it waits for another one."""

    trial: int


class TrialAnnotated(Event, frozen=True, kw_only=True, tag=True):
    """How a failed trial failed; empty takes it back."""

    trial: int
    failure_mode: str


class Held(Event, frozen=True, kw_only=True, tag=True):
    """The arm was stopped: goal := measured pose, torque on."""

    cause: str


class AlarmRaised(Event, frozen=True, kw_only=True, tag=True):
    """Something needs the operator. `source` names the device or part; `answer` says what to press or do."""

    source: str
    text: str
    answer: str = ""


class AlarmCleared(Event, frozen=True, kw_only=True, tag=True):
    """What the alarm of this source said is over."""

    source: str


class CameraAlarmed(Event, frozen=True, kw_only=True, tag=True):
    """A camera's picture went bad (state: black, frozen, slow) `since` this Unix time."""

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


class TagAdded(Event, frozen=True, kw_only=True, tag=True):
    """A tag was put on the session."""

    tag: str


class TagRemoved(Event, frozen=True, kw_only=True, tag=True):
    """A tag was taken off the session."""

    tag: str


class SessionEnded(Event, frozen=True, kw_only=True, tag=True):
    """The session is over; nothing but notes, tags and marks may follow."""

    status: SessionStatus
    reason: str = ""


class UnknownEvent(Event, frozen=True, kw_only=True, tag=True):
    """An event of a newer console, kept but not understood."""

    raw: dict[str, Any] = {}


AnyEvent = (
    SessionStarted
    | DatasetRecovered
    | DatasetOpened
    | PhaseChanged
    | TakeStarted
    | TakeEnded
    | EpisodeSaved
    | TakeLost
    | EpisodeMarked
    | TakeMarked
    | TrainingStarted
    | TrainingProgressed
    | CheckpointSaved
    | PolicyLoaded
    | TrialStarted
    | TrialEnded
    | TrialJudged
    | VerdictUndone
    | TrialAnnotated
    | Held
    | AlarmRaised
    | AlarmCleared
    | CameraAlarmed
    | CameraRecovered
    | NoteAdded
    | TagAdded
    | TagRemoved
    | SessionEnded
)
KNOWN = frozenset(cls.__name__ for cls in get_args(AnyEvent))

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line, newline included."""
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """The event of one line. An unknown type becomes UnknownEvent.

    Raises msgspec.DecodeError (ValidationError included) on a line that is no event.
    """
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        raw = msgspec.json.decode(line, type=dict[str, Any])
        if str(raw.get("type")) in KNOWN:
            raise
        return UnknownEvent(seq=int(raw.get("seq", 0)), at=float(raw.get("at", 0.0)), raw=raw)
