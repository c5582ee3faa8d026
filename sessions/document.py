"""The session document: what the log keeps of one session. It embeds the facts as they were told, and copies none."""

from __future__ import annotations

import msgspec

from sessions.facts import (
    BenchConnected,
    CheckpointSaved,
    PolicyLoaded,
    SessionEnded,
    SessionStarted,
    TakeLost,
    TrainingProgressed,
    TrainingStarted,
)
from sessions.models import Episode, Note, SessionKind, SessionStatus, Trial, Verdict
from sessions.requests import AnyRequest
from sessions.times import utc

SCHEMA_VERSION = 2
"""1 had each fact copied into the document; `sessions.upgrade` reads it.

New keys need no higher number, a new kind of request does: who does not know it takes the file for damaged.
"""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A training: how it began, how far it came, and what it left. Its curves are in metrics.jsonl."""

    started: TrainingStarted
    progress: TrainingProgressed | None = None
    checkpoints: tuple[CheckpointSaved, ...] = ()

    @property
    def step(self) -> int:
        """Steps done."""
        return self.progress.step if self.progress else 0

    @property
    def samples(self) -> int:
        """Samples seen."""
        return self.progress.samples if self.progress else 0

    @property
    def epochs(self) -> float:
        """How often each frame was seen."""
        return self.progress.epochs if self.progress else 0.0

    @property
    def points(self) -> int:
        """Lines of metrics.jsonl."""
        return self.progress.points if self.progress else 0

    @property
    def metrics(self) -> dict[str, float]:
        """The last logged values, under LeRobot's names."""
        return self.progress.metrics if self.progress else {}

    @property
    def loss(self) -> float | None:
        """The last one logged; None before the first, or where it was no number."""
        return self.metrics.get("loss")

    @property
    def progressed_at(self) -> float:
        """When it told of its progress last: Unix time."""
        return self.progress.at if self.progress else self.started.at

    @property
    def step_seconds(self) -> float:
        """What a step takes: as logged last, else the mean so far; 0 where neither is known."""
        logged = self.metrics.get("update_s", 0.0) + self.metrics.get("dataloading_s", 0.0)
        if logged > 0:
            return logged
        took = self.progressed_at - self.started.at
        return took / self.step if self.step > 0 and took > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the last step, checkpoints not counted; None where the pace is not known yet."""
        pace = self.step_seconds
        return max(0, self.started.steps - self.step) * pace if pace else None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session as the log keeps it. Times within are Unix seconds; `alarms` are the texts of the last ones.

    `connected` is null where the bench never answered, and for a training; `lost` are takes that became no episode;
    `policy` is what an evaluation ran; `last_seq` is the newest event in here.
    """

    started: SessionStarted
    connected: BenchConnected | None = None
    ended: SessionEnded | None = None
    episodes: tuple[Episode, ...] = ()
    lost: tuple[TakeLost, ...] = ()
    training: Training | None = None
    policy: PolicyLoaded | None = None
    trials: tuple[Trial, ...] = ()
    alarms: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    last_seq: int = 0

    # -- what everybody asks ----------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Its name, which begins with the time."""
        return self.started.id

    @property
    def request(self) -> AnyRequest:
        """What it was asked to do."""
        return self.started.request

    @property
    def kind(self) -> SessionKind:
        """What it was for."""
        return self.started.kind

    @property
    def status(self) -> SessionStatus:
        """How it stands."""
        return self.ended.status if self.ended else SessionStatus.RUNNING

    @property
    def end_reason(self) -> str:
        """Why it ended; empty while it runs."""
        return self.ended.reason if self.ended else ""

    @property
    def started_utc(self) -> str:
        """ISO 8601, UTC."""
        return utc(self.started.at)

    @property
    def ended_utc(self) -> str | None:
        """ISO 8601, UTC; None while it runs."""
        return utc(self.ended.at) if self.ended and self.ended.at else None

    @property
    def operator(self) -> str:
        """Who asked for it."""
        return self.started.operator

    @property
    def host(self) -> str:
        """The machine that it ran on."""
        return self.started.host

    @property
    def bench(self) -> str:
        """The bench that it ran on; empty for a training."""
        return self.started.bench

    @property
    def task(self) -> str:
        """The instruction that dataset and policy got."""
        return self.started.task

    @property
    def dataset(self) -> str:
        """The dataset that it wrote or read."""
        return self.started.dataset

    @property
    def dataset_root(self) -> str:
        """Where that dataset lay."""
        return self.started.dataset_root

    @property
    def checkpoint(self) -> str:
        """What an evaluation ran: a pretrained_model folder."""
        return self.request.checkpoint

    @property
    def trained_in(self) -> str:
        """The session that made that checkpoint; empty where unknown."""
        return self.request.trained_in

    @property
    def target(self) -> int:
        """How many accepted episodes, steps or judged trials it was to reach; 0 where nothing is counted."""
        return self.started.target

    @property
    def accepted(self) -> int:
        """How many of the episodes are accepted."""
        return sum(e.accepted for e in self.episodes)

    @property
    def rejected(self) -> int:
        """How many of the episodes are rejected."""
        return len(self.episodes) - self.accepted

    def count(self, verdict: Verdict) -> int:
        """How many trials have this verdict."""
        return sum(t.verdict is verdict for t in self.trials)
