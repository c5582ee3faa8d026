"""The protocol of the worker's socket, in JSON lines: commands to the worker; events, answers and telemetry back."""

from __future__ import annotations

import msgspec

from services.health.checks import LIT
from services.live.codes import Code as Code  # noqa: PLC0414  (exported: codes are part of the protocol)
from services.live.events import AnyEvent, Event
from services.live.reasons import StopCause
from sessions.models import NoteKind, Verdict

LINE_LIMIT = 1024 * 1024
"""Maximum bytes of a line, in both directions; a longer one ends the connection.

The longest message is TrainingStarted, which lists its episodes: there is room for over 100,000.
"""

NOTE_LIMIT, TEXT_LIMIT = 10_000, 500
"""Characters that a note may have, and any other text of a command: what it becomes must fit into a line."""

HEARTBEAT_S = 0.25
"""Interval between heartbeats of the driving console's event loop."""
DRIVER_LOST_S = 1.0
"""After this long without a heartbeat the driver counts as gone."""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A command to the worker. `id` is the sender's number for it, repeated in the answer."""

    id: int = 0


class Attach(Command, frozen=True, kw_only=True, tag=True):
    """First line of a connection: the console's name. The first that asks to `drive` does; the others watch.

    A `quiet` connection gets answers only: no events, no telemetry.
    """

    name: str
    drive: bool = True
    quiet: bool = False


class TakeOver(Command, frozen=True, kw_only=True, tag=True):
    """Become the driver; the previous one watches from now on.

    `name`: the operator who takes over, for the other consoles; empty: the name that the connection has.
    """

    name: str = ""


class Heartbeat(Command, frozen=True, kw_only=True, tag=True):
    """The driver's event loop is alive. Not answered."""


class Stop(Command, frozen=True, kw_only=True, tag=True):
    """Hold, at once: each joint keeps its goal if it stands near it, else goal := measured.

    Any console may send it; answered when the hold is commanded, refused if it did not reach the arm. `why` adds detail
    to the cause, for people.
    """

    cause: StopCause = StopCause.KEY
    why: str = ""


class Follow(Command, frozen=True, kw_only=True, tag=True):
    """Follow the leader: ramp until both agree, then follow."""


class StartTake(Command, frozen=True, kw_only=True, tag=True):
    """Start recording take number `take`."""

    take: int


class EndTake(Command, frozen=True, kw_only=True, tag=True):
    """End take number `take` and save it."""

    take: int


class MarkTake(Command, frozen=True, kw_only=True, tag=True):
    """Accept or reject take number `take`: the running one, or one already saved in this session.

    `why` and `by` are kept for a saved one.
    """

    take: int
    accepted: bool
    why: str = ""
    by: str = ""


class MarkMoment(Command, frozen=True, kw_only=True, tag=True):
    """Mark this moment of take number `take`, which runs."""

    take: int


class EndReset(Command, frozen=True, kw_only=True, tag=True):
    """Between trials: follow the leader no longer, hold there; the next trial can start."""


class StartTrial(Command, frozen=True, kw_only=True, tag=True):
    """Start trial number `trial`: the arm moves to its start pose, then the policy drives; `practice` never counts."""

    trial: int
    practice: bool = False


class MakePreflight(Command, frozen=True, kw_only=True, tag=True):
    """Compare bench, policy and training data again, without a motion. Answered when it begins."""


class ConfirmPreflight(Command, frozen=True, kw_only=True, tag=True):
    """Let trials begin although preflight number `preflight`, the newest one, found something bad."""

    preflight: int
    by: str = ""


class Unblind(Command, frozen=True, kw_only=True, tag=True):
    """Tell what the codes of a blinded evaluation stand for; before enough trials are judged, `reason` says why."""

    by: str = ""
    reason: str = ""


class EndTrial(Command, frozen=True, kw_only=True, tag=True):
    """End trial number `trial` without a verdict: the arm holds, the verdict is pending."""

    trial: int


class JudgeTrial(Command, frozen=True, kw_only=True, tag=True):
    """Give trial number `trial`, running or pending, its verdict. Answered once it is on disk."""

    trial: int
    verdict: Verdict
    judge: str = ""


class UndoVerdict(Command, frozen=True, kw_only=True, tag=True):
    """Undo the verdict of trial number `trial`, the last one. Answered once that is on disk."""

    trial: int


class AssistTrial(Command, frozen=True, kw_only=True, tag=True):
    """Note that a person helped in trial number `trial`, running or pending, or that nobody did: it is no success."""

    trial: int
    assisted: bool = True


class ReachStage(Command, frozen=True, kw_only=True, tag=True):
    """Trial number `trial`, running or pending, has reached so many stages of its task."""

    trial: int
    stages: int


class AnnotateTrial(Command, frozen=True, kw_only=True, tag=True):
    """Set the failure mode of trial number `trial`."""

    trial: int
    failure_mode: str


class GoToRest(Command, frozen=True, kw_only=True, tag=True):
    """Open the gripper, lift, then move to the taught rest pose, at the joint speed limit."""


class Release(Command, frozen=True, kw_only=True, tag=True):
    """Lower the arm slowly to rest, then cut torque. Refused unless `confirmed` by a person."""

    confirmed: bool = False


class Finish(Command, frozen=True, kw_only=True, tag=True):
    """End the session: save, go to rest, release the devices. `by` is who ends it, by default who started it."""

    by: str = ""


class SetPreviews(Command, frozen=True, kw_only=True, tag=True):
    """Send each named camera scaled to (width, height) pixels; an empty dict sends none."""

    sizes: dict[str, tuple[int, int]] = {}


class AddNote(Command, frozen=True, kw_only=True, tag=True):
    """Append a remark to the session; with `note`, rewrite the one of that number, counted from 1.

    Without a `kind` a rewritten one keeps its own.
    """

    text: str
    author: str = ""
    note: int = 0
    kind: NoteKind | None = None


class SetTag(Command, frozen=True, kw_only=True, tag=True):
    """Put a tag on the session, or take it off."""

    tag: str
    present: bool = True


AnyCommand = (
    Attach
    | TakeOver
    | Heartbeat
    | Stop
    | Follow
    | StartTake
    | EndTake
    | MarkTake
    | MarkMoment
    | EndReset
    | StartTrial
    | MakePreflight
    | ConfirmPreflight
    | Unblind
    | EndTrial
    | JudgeTrial
    | UndoVerdict
    | AnnotateTrial
    | AssistTrial
    | ReachStage
    | GoToRest
    | Release
    | Finish
    | SetPreviews
    | AddNote
    | SetTag
)


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """The answer to command `id`: `code` for the sender and `error` for people, which may be empty.

    `error` says why the command was refused and what to do, or what else it did.
    """

    id: int
    ok: bool
    error: str = ""
    code: Code = Code.UNSPECIFIED


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """The worker's first line, sent again whenever the driver changes."""

    session: str
    you: str
    driver: str | None
    driving: bool
    pid: int


class CameraView(msgspec.Struct, frozen=True, kw_only=True):
    """One camera now: state (lit, black, frozen, slow, absent), fps, brightness 0..255, and its picture.

    `rgb` holds height * width * 3 bytes, row by row, or is empty if no preview was requested.
    """

    state: str = LIT
    fps: float = 0.0
    brightness: float = 0.0
    width: int = 0
    height: int = 0
    rgb: bytes = b""


class WireView(msgspec.Struct, frozen=True, kw_only=True):
    """An arm's serial bus: the questions since it was connected, how many were asked again, and that share lately."""

    asked: int = 0
    retried: int = 0
    lately: float = 0.0


class Telemetry(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """The current state at 5 Hz; only the newest counts. Joints in degrees, gripper 0..100; times in s and ms.

    `wires` has each arm's bus, by the arm's name (`follower`, `leader left`), if its packets can be counted.
    In an evaluation: `preflight` while bench, policy and data are looked at, `countdown` seconds before the policy
    moves the arm, `infer_ms` of the last inference, `action_queue` actions, `starved` periods without one in a trial.
    """

    at: float
    joints: dict[str, float] = {}
    leader: dict[str, float] = {}
    torque: bool = True
    loop_hz: float = 0.0
    loop_p99_ms: float = 0.0
    late: int = 0
    take_frames: int = 0
    take_seconds: float = 0.0
    phase_seconds: float = 0.0
    saving_take: int = 0
    start_pending: bool = False
    encoder_queue: int = 0
    encoder_capacity: int = 0
    dropped_frames: int = 0
    infer_ms: float = 0.0
    action_queue: int = 0
    starved: int = 0
    countdown: float = 0.0
    preflight: bool = False
    disk_free: int = 0
    watchers: int = 0
    cameras: dict[str, CameraView] = {}
    wires: dict[str, WireView] = {}


AnyMessage = Event | Answer | Welcome | Telemetry

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_messages: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyEvent | Answer | Welcome | Telemetry)


def encode(message: Command | Event | Answer | Welcome | Telemetry) -> bytes:
    """One line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_command(line: bytes) -> AnyCommand:
    """Decode a command. Raises msgspec.DecodeError, with the reason, for anything else."""
    return _commands.decode(line)


def too_long(command: Command) -> str:
    """Which text of the command is longer than a session takes, as a sentence; empty where none is, and for a Stop."""
    if isinstance(command, Stop):
        return ""
    for name in command.__struct_fields__:
        value = getattr(command, name)
        limit = NOTE_LIMIT if (note := isinstance(command, AddNote) and name == "text") else TEXT_LIMIT
        if isinstance(value, str) and len(value) > limit:
            what = "the note" if note else f"the {name.replace('_', ' ')}"
            return f"{what} has {len(value):,} characters, and a session takes {limit:,}: shorten it"
    return ""


def decode_message(line: bytes) -> AnyMessage:
    """Decode a message from a worker. Raises msgspec.DecodeError for a line that this console does not know."""
    return _messages.decode(line)
