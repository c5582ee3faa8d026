"""The facts that the log's document keeps as they were told: events that it embeds whole.

All the other events of a session are in `services.live.events`, which reads and writes the lines.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sessions.bench import Profile
from sessions.models import SessionKind, SessionStatus
from sessions.requests import AnyRequest


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """`seq` counts from 1 without gaps within a session; `at` is Unix time in seconds."""

    seq: int = 0
    at: float = 0.0


class SessionStarted(Event, frozen=True, kw_only=True, tag=True):
    """A worker began: what it was asked to do, and with which versions it does it."""

    id: str
    pid: int
    host: str
    request: AnyRequest
    versions: dict[str, str] = {}
    git_commit: str | None = None

    @property
    def kind(self) -> SessionKind:
        """What the session is for."""
        return self.request.kind

    @property
    def operator(self) -> str:
        """Who asked for it."""
        return self.request.operator

    @property
    def profile(self) -> Profile | None:
        """The bench that it runs on; None for a training."""
        return self.request.profile

    @property
    def bench(self) -> str:
        """That bench's name."""
        return self.profile.name if self.profile else ""

    @property
    def task(self) -> str:
        """The instruction that dataset and policy get."""
        return self.request.task

    @property
    def dataset(self) -> str:
        """The dataset that it writes or reads."""
        return self.request.dataset

    @property
    def dataset_root(self) -> str:
        """Where that dataset lies."""
        return self.request.dataset_root

    @property
    def target(self) -> int:
        """How many accepted episodes, steps or judged trials it is to reach; 0 where nothing is counted."""
        return self.request.target


class BenchConnected(Event, frozen=True, kw_only=True, tag=True):
    """The bench answers: `robot` and `leader` by the names of their LeRobot types, and the `cameras` that work.

    `leader` is empty where the session needs none. `calibration` holds the SHA-256 (hexadecimal) of each arm's
    calibration file, by arm: `follower`, `leader`, or such as `follower left_arm` on a robot of two; empty where there
    is no such file, as on the simulated bench.
    """

    robot: str
    leader: str = ""
    cameras: tuple[str, ...] = ()
    calibration: dict[str, str] = {}


class TakeLost(Event, frozen=True, kw_only=True, tag=True):
    """A take, or a trial's motion, could not become an episode; what there is of it lies in `where`."""

    take: int
    reason: str
    where: str = ""


class TrainingStarted(Event, frozen=True, kw_only=True, tag=True):
    """The first step comes next; everything as LeRobot resolved it.

    `episodes` are those trained on, without what LeRobot holds out; `config` is its TrainPipelineConfig but for
    `dataset.episodes`, which would be nearly the same numbers again (older files have both).
    """

    policy: str
    output_dir: str
    steps: int
    batch_size: int
    device: str
    parameters: int
    episodes: tuple[int, ...]
    episodes_total: int
    frames: int
    cameras: tuple[str, ...] = ()
    excluded_cameras: tuple[str, ...] = ()
    log_freq: int = 0
    save_freq: int = 0
    config: dict[str, Any] = {}


class TrainingProgressed(Event, frozen=True, kw_only=True, tag=True):
    """How far it is: about once a second on the socket only (seq 0), durable every 30 s and at the end.

    `points` counts the lines of metrics.jsonl; `metrics` holds the last logged values under LeRobot's names
    (loss, lr, grad_norm, update_s, dataloading_s, samples_per_s, ...), those that are not finite left out.
    """

    step: int
    samples: int = 0
    epochs: float = 0.0
    points: int = 0
    metrics: dict[str, float] = {}


class CheckpointSaved(Event, frozen=True, kw_only=True, tag=True):
    """A checkpoint is complete and on disk for good; `path` holds pretrained_model/ and training_state/."""

    step: int
    path: str
    bytes: int
    seconds: float
    loss: float | None = None


class PolicyLoaded(Event, frozen=True, kw_only=True, tag=True):
    """The policy fits the bench and can act. `start_pose` is where its trials begin (degrees), if that is known.

    `notes` say in words what differs without harm (a camera that it does not look at, ...).
    """

    checkpoint: str
    policy: str
    device: str
    parameters: int
    cameras: tuple[str, ...] = ()
    actions_per_inference: int = 1
    start_pose: dict[str, float] = {}
    notes: tuple[str, ...] = ()


class SessionEnded(Event, frozen=True, kw_only=True, tag=True):
    """The session is over; nothing but notes, tags and marks may follow."""

    status: SessionStatus
    reason: str = ""
