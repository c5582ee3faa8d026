"""The session document: what the log keeps of one session, typed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

SCHEMA_VERSION = 1


class SessionKind(StrEnum):
    """What a session was for."""

    RECORD = "record"
    TRAIN = "train"
    EVAL = "eval"
    BENCH = "bench"


class SessionStatus(StrEnum):
    """How a session stands; `crashed` means that its worker vanished without an end."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    CRASHED = "crashed"


class Verdict(StrEnum):
    """What a person (or the simulated bench's oracle) says of a trial; a void one is repeated and counts nowhere."""

    SUCCESS = "success"
    FAILURE = "failure"
    VOID = "void"


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A saved take: `index` counts in the dataset (from 0), `take` in the session (from 1)."""

    index: int
    take: int
    frames: int
    seconds: float
    accepted: bool = True
    flags: tuple[str, ...] = ()


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One eval attempt; `index` counts attempts in the session from 1.

    `ended_by` is verdict, key, time, oracle, stopped, driver, failed or ended; empty while it runs. `why` says what
    failed. `judge` is an operator or `oracle`. `episode_index` counts in the rollout dataset, None where the motion
    was not saved. `checkpoint` is the policy that drove, `condition` what the operator called what it was tried under.
    """

    index: int
    verdict: Verdict | None = None
    ended_by: str = ""
    episode_index: int | None = None
    frames: int = 0
    seconds: float = 0.0
    failure_mode: str = ""
    judge: str = ""
    why: str = ""
    checkpoint: str = ""
    condition: str = ""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A complete checkpoint: `path` holds pretrained_model/ and training_state/; `seconds` is what saving took."""

    step: int
    path: str
    bytes: int
    seconds: float
    at_utc: str
    loss: float | None = None


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """One run: `steps` done of `total_steps`; `final_loss` is the last one logged, None before the first.

    `episodes` are the dataset's episodes that it read (the rejected ones left out), of `episodes_total`.
    """

    policy: str
    output_dir: str
    steps: int
    total_steps: int
    final_loss: float | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    metrics: dict[str, float] = {}
    batch_size: int = 0
    epochs: float = 0.0
    samples: int = 0
    episodes: tuple[int, ...] = ()
    episodes_total: int = 0
    frames: int = 0
    cameras: tuple[str, ...] = ()
    excluded_cameras: tuple[str, ...] = ()
    device: str = ""
    parameters: int = 0


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark by a person, at a UTC time in ISO 8601."""

    text: str
    author: str
    at_utc: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session as the log keeps it. Times are UTC, ISO 8601; `profile` and `config` as they were used.

    `checkpoint` is what an evaluation ran, `trained_in` the session that made it (empty where unknown).
    """

    id: str
    kind: SessionKind
    status: SessionStatus
    started_utc: str
    ended_utc: str | None = None
    end_reason: str = ""
    operator: str = ""
    host: str = ""
    bench: str = ""
    task: str = ""
    dataset: str = ""
    dataset_root: str = ""
    target_episodes: int = 0
    episodes: tuple[Episode, ...] = ()
    training: Training | None = None
    checkpoint: str = ""
    trained_in: str = ""
    target_trials: int = 0
    trials: tuple[Trial, ...] = ()
    alarms: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    profile: dict[str, Any] = {}
    config: dict[str, Any] = {}
    versions: dict[str, str] = {}
    git_commit: str | None = None
    last_seq: int = 0

    @property
    def accepted(self) -> int:
        """How many of the episodes are accepted."""
        return sum(e.accepted for e in self.episodes)

    def count(self, verdict: Verdict) -> int:
        """How many trials have this verdict."""
        return sum(t.verdict is verdict for t in self.trials)
