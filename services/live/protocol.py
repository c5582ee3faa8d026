"""What crosses the worker's socket: JSON lines; commands down, events, answers and telemetry up."""

from __future__ import annotations

import msgspec

from services.health.checks import LIT
from services.live.events import AnyEvent, Event
from services.live.reasons import StopCause
from sessions.models import Verdict
from sessions.open_enum import OpenEnum

LINE_LIMIT = 1024 * 1024
"""Bytes that one line may have, both ways; a longer one ends the connection.

The longest is TrainingStarted, which names its episodes: there is room for 100,000 and more.
"""

HEARTBEAT_S = 0.25
"""How often the driving console's event loop says that it lives."""
DRIVER_LOST_S = 1.0
"""After this long without a heartbeat the driver counts as gone."""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """`id` is the sender's own number for it; the answer carries it back."""

    id: int = 0


class Attach(Command, frozen=True, kw_only=True, tag=True):
    """First line of a connection: who it is. The first that wants to drives; others watch.

    A `quiet` connection gets answers only: no events, no telemetry.
    """

    name: str
    drive: bool = True
    quiet: bool = False


class TakeOver(Command, frozen=True, kw_only=True, tag=True):
    """Become the driver; the one before watches."""


class Heartbeat(Command, frozen=True, kw_only=True, tag=True):
    """The driver's event loop lives. Not answered."""


class Stop(Command, frozen=True, kw_only=True, tag=True):
    """Hold: goal := measured pose, at once. Anyone may send it; answered when the hold is commanded.

    `why` says it for people where the cause is not enough.
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
    """Accept or reject take number `take`: the running one, or one already saved in this session."""

    take: int
    accepted: bool


class StartTrial(Command, frozen=True, kw_only=True, tag=True):
    """Start trial number `trial`: the arm goes to where it begins, then the policy drives."""

    trial: int


class EndTrial(Command, frozen=True, kw_only=True, tag=True):
    """End trial number `trial` without a verdict: the arm holds, the verdict is pending."""

    trial: int


class JudgeTrial(Command, frozen=True, kw_only=True, tag=True):
    """Give trial number `trial`, running or pending, its verdict. Answered once it is on disk."""

    trial: int
    verdict: Verdict
    judge: str = ""


class UndoVerdict(Command, frozen=True, kw_only=True, tag=True):
    """Take back the verdict of trial number `trial`, the last one. Answered once that is on disk."""

    trial: int


class AnnotateTrial(Command, frozen=True, kw_only=True, tag=True):
    """Say how trial number `trial` failed."""

    trial: int
    failure_mode: str


class GoToRest(Command, frozen=True, kw_only=True, tag=True):
    """Open the gripper, lift, then move to the taught rest pose, at the joint speed limit."""


class Release(Command, frozen=True, kw_only=True, tag=True):
    """Lower the arm slowly to rest, then cut torque. `confirmed` says that a person confirmed it."""

    confirmed: bool = False


class Finish(Command, frozen=True, kw_only=True, tag=True):
    """End the session: save, go to rest, let go of the devices."""


class SetPreviews(Command, frozen=True, kw_only=True, tag=True):
    """Send each named camera scaled to (width, height) pixels; an empty dict sends none."""

    sizes: dict[str, tuple[int, int]] = {}


class AddNote(Command, frozen=True, kw_only=True, tag=True):
    """Append a remark to the session."""

    text: str
    author: str = ""


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
    | StartTrial
    | EndTrial
    | JudgeTrial
    | UndoVerdict
    | AnnotateTrial
    | GoToRest
    | Release
    | Finish
    | SetPreviews
    | AddNote
    | SetTag
)


class Code(OpenEnum):
    """What became of a command, for whoever sent it."""

    OK = "ok"
    UNTOLD = ""
    """An older worker gave no code."""

    MALFORMED = "malformed"
    NOT_DRIVING = "not_driving"
    """Another console drives, or none."""
    NOT_READY = "not_ready"
    """The session is still starting, or it ends: nothing was done."""
    MEANINGLESS = "meaningless"
    """No session of this kind knows the command."""
    WRONG_PHASE = "wrong_phase"
    WRONG_NUMBER = "wrong_number"
    """It names a take or a trial that does not come next, or does not run."""
    TOO_SOON = "too_soon"
    """Right after a stop or another key: once more, later, and it is obeyed."""
    UNCONFIRMED = "unconfirmed"
    WAITS = "waits"
    """A start waits already for the one before to be saved."""
    TROUBLE = "trouble"
    """A device or the dataset does not work."""
    FAILED = "failed"
    """It was begun and went wrong."""

    ENDING = "ending"
    """The session is on its way to its end."""
    NO_LEADER = "no_leader"
    NO_REST_POSE = "no_rest_pose"
    REST_FIRST = "rest_first"
    """A rest pose is taught, and the arm goes there before the next trial."""
    NO_TAKE = "no_take"
    """There is no such take to mark."""
    PENDING_VERDICT = "pending_verdict"
    """A trial waits for its verdict."""
    NO_TRIAL = "no_trial"
    """There is no such trial to judge."""
    NO_VERDICT = "no_verdict"
    """The trial has no verdict to take back."""
    NO_FAILURE = "no_failure"
    """The trial is not judged a failure."""

    NO_ANSWER = "no_answer"
    """Said by the console itself: the worker is silent or gone."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """The answer to command `id`: a code for the sender, and in `error` words for people where there are any.

    They say why it was refused and what to do, or what else it meant.
    """

    id: int
    ok: bool
    error: str = ""
    code: Code = Code.UNTOLD


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """The worker's first line, and again whenever who drives changes."""

    session: str
    you: str
    driver: str | None
    driving: bool
    pid: int


class CameraView(msgspec.Struct, frozen=True, kw_only=True):
    """One camera now: state (lit, black, frozen, slow, absent), fps, brightness 0..255, and its picture.

    `rgb` holds height * width * 3 bytes, row by row, or is empty when no preview was asked for.
    """

    state: str = LIT
    fps: float = 0.0
    brightness: float = 0.0
    width: int = 0
    height: int = 0
    rgb: bytes = b""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """What is true this moment, 5 Hz, newest wins. Joints in degrees, gripper 0..100; times in s and ms.

    In an evaluation `infer_ms` is what the last inference took, `action_queue` the actions that wait, `starved` the
    periods of this trial in which none was there.
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
    disk_free: int = 0
    watchers: int = 0
    cameras: dict[str, CameraView] = {}


AnyMessage = Event | Answer | Welcome | Telemetry

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_messages: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyEvent | Answer | Welcome | Telemetry)


def encode(message: Command | Event | Answer | Welcome | Telemetry) -> bytes:
    """One line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_command(line: bytes) -> AnyCommand:
    """Raises msgspec.DecodeError with the reason on anything but a command."""
    return _commands.decode(line)


def decode_message(line: bytes) -> AnyMessage:
    """Raises msgspec.DecodeError on a line that this console does not know."""
    return _messages.decode(line)
