"""What `lab-console there` and whoever called it say to each other: JSON lines over standard input and output.

One connection carries everything but files, which rsync moves beside it. Each request is answered once; while a session
is followed, lines of its files come in between.
"""

from __future__ import annotations

import msgspec

from sessions.requests import TrainRequest
from sessions.target import Target

VERSION = 1
"""Of this protocol. Another one is refused in a sentence."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What is asked of the other side. `id` is repeated in the answer."""

    id: int = 0


class Look(Request, frozen=True, kw_only=True, tag=True):
    """The digest of what lies at `path` below the data folder; an empty one if nothing does."""

    path: str


class Find(Request, frozen=True, kw_only=True, tag=True):
    """Where the dataset or checkpoint lies that is called `what` there."""

    what: str


class Put(Request, frozen=True, kw_only=True, tag=True):
    """Move what was sent to `incoming` to `path`, if it has this digest. Both are below the data folder.

    What lies at `path` stays unless `replace`, and then too if it is not as it was once put there.
    """

    incoming: str
    path: str
    digest: str
    replace: bool = False


class Begin(Request, frozen=True, kw_only=True, tag=True):
    """Start the training of session `session`, unless that was done before."""

    session: str
    request: TrainRequest
    target: Target


class Follow(Request, frozen=True, kw_only=True, tag=True):
    """Send all events of the session, what its metrics hold beyond the first `metrics` bytes, and what comes."""

    session: str
    metrics: int = 0


class Stop(Request, frozen=True, kw_only=True, tag=True):
    """Stop the session's training with a checkpoint; answered once its worker has answered."""

    session: str
    by: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the other side says."""


class Hello(Message, frozen=True, kw_only=True, tag=True):
    """The first line: what runs there and where. `free` are bytes on the disk, `at` is its clock (Unix time)."""

    protocol: int
    versions: dict[str, str]
    data_dir: str
    free: int
    at: float
    rsync: bool
    slurm: bool = False


class Answer(Message, frozen=True, kw_only=True, tag=True):
    """The answer to request `id`; `error` is a sentence, empty if it was done."""

    id: int
    error: str = ""
    text: str = ""
    path: str = ""
    digest: str = ""
    bytes: int = 0
    known: bool = False
    """Whether what lies there is as it was once put there."""


class EventLine(Message, frozen=True, kw_only=True, tag=True):
    """A whole line of events.jsonl; or with `live` one that is only said, such as progress.

    `last` says of the session's end that nothing follows by itself: a job that was preempted ends, too, and goes on.
    """

    line: str
    live: bool = False
    last: bool = False


class MetricLines(Message, frozen=True, kw_only=True, tag=True):
    """Whole lines of metrics.jsonl, which follow its first `at` bytes."""

    lines: str
    at: int


class JobState(Message, frozen=True, kw_only=True, tag=True):
    """What the cluster says of the job: `PENDING`, `RUNNING`; `detail` is its reason."""

    job: str
    state: str
    detail: str = ""


class Closed(Message, frozen=True, kw_only=True, tag=True):
    """The connection ended. `why` is a sentence; `lasting`: trying again is of no use before a person mends it."""

    why: str
    lasting: bool = False


AnyRequest = Look | Find | Put | Begin | Follow | Stop
AnyMessage = Hello | Answer | EventLine | MetricLines | JobState | Closed

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_messages: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def encode(value: Request | Message) -> bytes:
    """One line, newline included."""
    return _encoder.encode(value) + b"\n"


def decode_request(line: bytes) -> AnyRequest:
    """The request in a line. Raises msgspec.DecodeError."""
    return _requests.decode(line)


def decode_message(line: bytes) -> AnyMessage:
    """The message in a line. Raises msgspec.DecodeError: a shell may greet with lines of its own."""
    return _messages.decode(line)
