"""The trainer's messages to its supervisor, one JSON object per line; the session's events pass unchanged.

The supervisor sends only STOP: save a checkpoint and end; and HURRY: the same, without a long wait for room on the
disk. A second one of either: end without a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from services.live import events as ev

STOP, HURRY = b"stop\n", b"hurry\n"


class Outcome(StrEnum):
    """How a trainer ended, as it reports itself."""

    FINISHED = "finished"
    STOPPED = "stopped"
    GAVE_UP = "gave up"
    REFUSED = "refused"
    FAILED = "failed"


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message about the training that is not an event of the session."""


class DatasetRead(Fact, frozen=True, kw_only=True, tag=True):
    """The dataset is loaded and its episodes are fixed: others may write to it again."""


class Stepped(Fact, frozen=True, kw_only=True, tag=True):
    """The steps done so far; sent about once a second."""

    step: int
    samples: int
    epochs: float


class Logged(Fact, frozen=True, kw_only=True, tag=True):
    """LeRobot logged its metrics (full precision); `odd` holds those that are not finite, which JSON cannot express.

    Or it measured the loss of the held-out episodes: then `eval_loss` is the only one.
    """

    step: int
    at: float
    samples: int
    epochs: float
    metrics: dict[str, float] = {}
    odd: dict[str, str] = {}

    @property
    def values(self) -> dict[str, float]:
        """All metrics, finite or not."""
        return self.metrics | {name: float(value) for name, value in self.odd.items()}


class Ended(Fact, frozen=True, kw_only=True, tag=True):
    """The trainer's last message; `text` is a sentence for the operator unless it simply finished.

    `loader_killed`: it failed because a process that loads the data was killed.
    """

    outcome: Outcome
    step: int = 0
    text: str = ""
    loader_killed: bool = False


Message = (
    DatasetRead
    | Stepped
    | Logged
    | Ended
    | ev.PhaseChanged
    | ev.DatasetRecovered
    | ev.TrainingStarted
    | ev.CheckpointSaved
    | ev.AlarmRaised
    | ev.AlarmCleared
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """One line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """The message in a line. Raises msgspec.DecodeError if it is not one."""
    return _decoder.decode(line)


def logged(*, step: int, at: float, samples: int, epochs: float, metrics: Mapping[str, float]) -> Logged:
    """The message of a log point."""
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    odd = {name: str(value) for name, value in metrics.items() if not math.isfinite(value)}
    return Logged(step=step, at=at, samples=samples, epochs=epochs, metrics=finite, odd=odd)
