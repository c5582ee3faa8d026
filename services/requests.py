"""What a worker is asked to do: written by the console, read by the worker, kept in the run's folder."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from services.bench import Profile
from services.folders import RunFolder
from sessions.files import write_atomically


class Purpose(StrEnum):
    """What a bench worker starts with; every one of them can go on to the others by command."""

    TELEOPERATE = "teleoperate"
    REST = "rest"
    RELEASE = "release"
    HOLD = "hold"


class RecordRequest(msgspec.Struct, frozen=True, kw_only=True, tag="record"):
    """Record demonstrations of `task` into `dataset` (a name below `datasets/`)."""

    data_dir: str
    profile: Profile
    dataset: str
    task: str
    operator: str = ""
    episodes: int = 1
    episode_seconds: float = 15.0
    reset_seconds: float = 5.0
    fps: int = 30
    resume: bool = False
    seed: int | None = None
    lockstep: bool = False
    settings: dict[str, Any] = {}


class BenchRequest(msgspec.Struct, frozen=True, kw_only=True, tag="bench"):
    """Move the arm without recording. `rescue` says that the worker before it had to be killed."""

    data_dir: str
    profile: Profile
    purpose: Purpose
    operator: str = ""
    fps: int = 30
    lockstep: bool = False
    rescue: bool = False


AnyRequest = RecordRequest | BenchRequest

_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


def write_request(run: RunFolder, request: AnyRequest) -> None:
    """Store the request in the run's folder, whole or not at all."""
    write_atomically(run.request, msgspec.json.encode(request))


def read_request(run: RunFolder) -> AnyRequest:
    """Raises FileNotFoundError, or msgspec.DecodeError on a file that is no request."""
    return _decoder.decode(run.request.read_bytes())
