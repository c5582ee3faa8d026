"""What a worker is asked to do: written by the console, read by the worker, kept in the run's folder."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from services.bench.profiles import Profile
from services.folders import RunFolder
from sessions.files import write_atomically

ORACLE = "oracle"
"""The judge of the simulated bench, which sees the cube in the bowl."""


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


class TrainRequest(msgspec.Struct, frozen=True, kw_only=True, tag="train"):
    """Train `policy` (a type registered in LeRobot, or the path or Hub id of a pretrained one) on a dataset's episodes.

    `name` is the folder below `outputs/train/`. `settings` are `KEY=VALUE` with keys of LeRobot's
    TrainPipelineConfig (configs/train.py). Rejected episodes are left out by the worker, under the dataset's lock.
    """

    data_dir: str
    dataset: str
    policy: str
    name: str
    steps: int
    batch_size: int = 8
    log_freq: int = 200
    save_freq: int = 20_000
    exclude_cameras: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    operator: str = ""


class EvalRequest(msgspec.Struct, frozen=True, kw_only=True, tag="eval"):
    """Let the policy in `checkpoint` (a pretrained_model folder) try `task`, until `trials` trials are judged.

    Each trial's motion becomes an episode of `dataset`, whose name begins with `rollout_`. `judge` is ORACLE on the
    simulated bench, else empty. `condition` says under which condition its trials run, in the operator's own words:
    the light, the object, the place. `trained_in` is the session that made the checkpoint, where it is known. `fps` is
    the rate that the policy learnt at, the bench's own where that is not told.
    """

    data_dir: str
    profile: Profile
    checkpoint: str
    task: str
    dataset: str
    trained_in: str = ""
    trials: int = 10
    trial_seconds: float = 15.0
    operator: str = ""
    fps: int = 30
    judge: str = ""
    condition: str = ""
    seed: int | None = None
    lockstep: bool = False


AnyRequest = RecordRequest | BenchRequest | TrainRequest | EvalRequest
ArmRequest = RecordRequest | BenchRequest | EvalRequest
"""What moves an arm, and so has a profile."""

_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)


def write_request(run: RunFolder, request: AnyRequest) -> None:
    """Store the request in the run's folder, whole or not at all."""
    write_atomically(run.request, msgspec.json.encode(request))


def read_request(run: RunFolder) -> AnyRequest:
    """Raises FileNotFoundError, or msgspec.DecodeError on a file that is no request."""
    return _decoder.decode(run.request.read_bytes())
