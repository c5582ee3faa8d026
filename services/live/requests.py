"""The request in a run's folder: written by the console, read by the worker."""

from __future__ import annotations

import msgspec

from services.bench.profiles import CheckedProfile
from services.folders import RunFolder
from sessions.files import read_file, write_atomically
from sessions.requests import (
    CONSOLE,
    ORACLE,
    AnyRequest,
    ArmRequest,
    BenchRequest,
    EvalRequest,
    Purpose,
    RecordRequest,
    TrainRequest,
)

__all__ = [
    "CONSOLE", "ORACLE", "AnyRequest", "ArmRequest", "BenchRequest", "EvalRequest", "Purpose", "RecordRequest",
    "TrainRequest", "read_request", "write_request",
]  # fmt: skip


class _Bounds(msgspec.Struct):
    """The part of a request that bounds the arm's motion."""

    profile: CheckedProfile | None = None


_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_bounds = msgspec.json.Decoder(_Bounds)


def write_request(run: RunFolder, request: AnyRequest) -> None:
    """Store the request in the run's folder, atomically. Raises OSError."""
    write_atomically(run.request, msgspec.json.encode(request))


def read_request(run: RunFolder) -> AnyRequest:
    """Read the run's request. Raises FileNotFoundError, or msgspec.DecodeError if it is malformed or out of bounds."""
    data = read_file(run.request)
    _bounds.decode(data)  # the worker obeys this, so the profile is checked again, as in lab.toml
    return _decoder.decode(data)
