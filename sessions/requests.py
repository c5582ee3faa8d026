"""What a session is asked to do. The console writes it, the worker obeys it, and the log keeps it whole."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from sessions.bench import Profile
from sessions.models import SessionKind

ORACLE = "oracle"
"""The judge of the simulated bench, which sees the cube in the bowl."""


class Purpose(StrEnum):
    """What a bench worker starts with; every one of them can go on to the others by command."""

    TELEOPERATE = "teleoperate"
    REST = "rest"
    RELEASE = "release"
    HOLD = "hold"
    UNKNOWN = ""
    """Of a session that only an old document describes; it begins as HOLD does."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What every session is asked. A property is empty where a kind of session has no such field."""

    kind: ClassVar[SessionKind]
    data_dir: str
    operator: str = ""

    @property
    def profile(self) -> Profile | None:
        """The bench that it runs on."""
        return None

    @property
    def task(self) -> str:
        """The instruction that dataset and policy get."""
        return ""

    @property
    def dataset(self) -> str:
        """The dataset that it writes or reads, a name below `datasets/`."""
        return ""

    @property
    def dataset_root(self) -> str:
        """Where that dataset lies; empty where there is none, or where nobody remembers."""
        return str(Path(self.data_dir) / "datasets" / self.dataset) if self.dataset and self.data_dir else ""

    @property
    def checkpoint(self) -> str:
        """The policy that it runs: a pretrained_model folder."""
        return ""

    @property
    def trained_in(self) -> str:
        """The session that made that checkpoint, where it is known."""
        return ""

    @property
    def fps(self) -> int:
        """How often a second the arm is commanded."""
        return 0

    @property
    def lockstep(self) -> bool:
        """Whether the simulated bench waits for each command instead of running in real time."""
        return False

    @property
    def target(self) -> int:
        """How many accepted episodes, steps or judged trials it is to reach; 0 where nothing is counted."""
        return 0

    @property
    def attempt_seconds(self) -> float:
        """How long a take or a trial may last."""
        return 0.0

    @property
    def reset_seconds(self) -> float:
        """How long the scene may take to be set up again."""
        return 0.0


class ArmRequest(Request, frozen=True, kw_only=True):
    """What moves an arm, `fps` times a second."""

    profile: Profile
    fps: int = 30
    lockstep: bool = False


class RecordRequest(ArmRequest, frozen=True, kw_only=True, tag="record"):
    """Record demonstrations of `task` into `dataset` (a name below `datasets/`), until `episodes` are accepted.

    `settings` are the `dataset.*` keys that the operator set.
    """

    kind = SessionKind.RECORD
    dataset: str
    task: str
    episodes: int = 1
    episode_seconds: float = 15.0
    reset_seconds: float = 5.0
    resume: bool = False
    seed: int | None = None
    settings: dict[str, Any] = {}

    @property
    def target(self) -> int:
        """Accepted episodes."""
        return self.episodes

    @property
    def attempt_seconds(self) -> float:
        """A take's."""
        return self.episode_seconds


class BenchRequest(ArmRequest, frozen=True, kw_only=True, tag="bench"):
    """Move the arm without recording. `rescue` says that the worker before it had to be killed."""

    kind = SessionKind.BENCH
    purpose: Purpose
    rescue: bool = False


class TrainRequest(Request, frozen=True, kw_only=True, tag="train"):
    """Train `policy` (a type registered in LeRobot, or the path or Hub id of a pretrained one) on a dataset's episodes.

    `name` is the folder below `outputs/train/`. `settings` are `KEY=VALUE` with keys of LeRobot's
    TrainPipelineConfig (configs/train.py). Rejected episodes are left out by the worker, under the dataset's lock.
    """

    kind = SessionKind.TRAIN
    dataset: str
    policy: str
    name: str
    steps: int
    batch_size: int = 8
    log_freq: int = 200
    save_freq: int = 20_000
    exclude_cameras: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def target(self) -> int:
        """Steps."""
        return self.steps


class EvalRequest(ArmRequest, frozen=True, kw_only=True, tag="eval"):
    """Let the policy in `checkpoint` (a pretrained_model folder) try `task`, until `trials` trials are judged.

    Each trial's motion becomes an episode of `dataset`, whose name begins with `rollout_`. `judge` is ORACLE on the
    simulated bench, else empty. `condition` says under which condition its trials run, in the operator's own words:
    the light, the object, the place. `trained_in` is the session that made the checkpoint, where it is known. `fps` is
    the rate that the policy learnt at, the bench's own where that is not told.
    """

    kind = SessionKind.EVAL
    checkpoint: str
    task: str
    dataset: str
    trained_in: str = ""
    trials: int = 10
    trial_seconds: float = 15.0
    judge: str = ""
    condition: str = ""
    seed: int | None = None

    @property
    def target(self) -> int:
        """Judged trials."""
        return self.trials

    @property
    def attempt_seconds(self) -> float:
        """A trial's."""
        return self.trial_seconds


AnyRequest = RecordRequest | BenchRequest | TrainRequest | EvalRequest
