"""The request in a run's folder: written by the console, read by the worker."""

from __future__ import annotations

import msgspec

from services.bench.profiles import CheckedProfile
from services.folders import RunFolder
from sessions.files import write_atomically
from sessions.requests import (
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
    "ORACLE", "AnyRequest", "ArmRequest", "BenchRequest", "EvalRequest", "Purpose", "RecordRequest", "TrainRequest",
    "read_request", "write_request",
]  # fmt: skip


class _Bounds(msgspec.Struct):
    """Of a request, what moves the arm."""

    profile: CheckedProfile | None = None


_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_bounds = msgspec.json.Decoder(_Bounds)


def write_request(run: RunFolder, request: AnyRequest) -> None:
    """Store the request in the run's folder, whole or not at all."""
    write_atomically(run.request, msgspec.json.encode(request))


def read_request(run: RunFolder) -> AnyRequest:
    """Raises FileNotFoundError, or msgspec.DecodeError on a file that is no request, or out of bounds."""
    data = run.request.read_bytes()
    _bounds.decode(data)  # a worker obeys this: the profile is checked again, as lab.toml is
    return _decoder.decode(data)
