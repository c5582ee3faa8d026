"""What a trainer tells its supervisor, one JSON object a line; events of the session go through as they are.

The other way goes one word, STOP: save a checkpoint and end; and once more: end without it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from services.live import events as ev

STOP = b"stop\n"


class Outcome(StrEnum):
    """How a trainer ended by its own word."""

    FINISHED = "finished"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that is true of the training now, and no event of the session."""


class DatasetRead(Fact, frozen=True, kw_only=True, tag=True):
    """The dataset is loaded and its episodes are fixed: others may write to it again."""


class Stepped(Fact, frozen=True, kw_only=True, tag=True):
    """So many steps are done; told about once a second."""

    step: int
    samples: int
    epochs: float


class Logged(Fact, frozen=True, kw_only=True, tag=True):
    """LeRobot logged its metrics (full precision); those that are not finite stand in `odd` (JSON has none)."""

    step: int
    at: float
    samples: int
    epochs: float
    metrics: dict[str, float] = {}
    odd: dict[str, str] = {}

    @property
    def values(self) -> dict[str, float]:
        """All of them."""
        return self.metrics | {name: float(value) for name, value in self.odd.items()}


class Ended(Fact, frozen=True, kw_only=True, tag=True):
    """The trainer's last word; `text` is a sentence for people where it did not simply finish.

    `loader_killed`: it failed since a process that loads the data was killed.
    """

    outcome: Outcome
    step: int = 0
    text: str = ""
    loader_killed: bool = False


Told = (
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
_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


def encode(told: Told) -> bytes:
    """One line, newline included."""
    return _encoder.encode(told) + b"\n"


def decode(line: bytes) -> Told:
    """Raises msgspec.DecodeError on anything else."""
    return _decoder.decode(line)


def logged(*, step: int, at: float, samples: int, epochs: float, metrics: Mapping[str, float]) -> Logged:
    """The fact of a log point."""
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    odd = {name: str(value) for name, value in metrics.items() if not math.isfinite(value)}
    return Logged(step=step, at=at, samples=samples, epochs=epochs, metrics=finite, odd=odd)
