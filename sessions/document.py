"""The session document: the log's record of one session. It embeds the session's events instead of copying fields."""

from __future__ import annotations

import msgspec

from sessions.facts import (
    BenchConnected,
    BroughtIn,
    CalibrationRefused,
    CalibrationWritten,
    CheckpointSaved,
    DatasetRecovered,
    PolicyLoaded,
    PreflightConfirmed,
    PreflightMade,
    SessionEnded,
    SessionStarted,
    TakeLost,
    TrainingProgressed,
    TrainingResumed,
    TrainingStarted,
    Unblinded,
)
from sessions.models import AlarmCount, Episode, Note, SessionKind, SessionStatus, Trial, Verdict
from sessions.requests import AnyRequest, EvalRequest, TrainRequest
from sessions.target import Target
from sessions.times import utc
from sessions.trials import Result, count, results

SCHEMA_VERSION = 2
"""Version 1 copied each field into the document; `sessions.upgrade` reads it.

New keys need no new version. A new kind of request does: older consoles would take the file for damaged.
"""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A training: its start, latest progress and checkpoints. Its curves are in metrics.jsonl.

    `resumed` are the times when it went on after it had ended; `started` is then of the latest part, with the time of
    the first, and `checkpoints` are those that it learnt on from.
    """

    started: TrainingStarted
    progress: TrainingProgressed | None = None
    checkpoints: tuple[CheckpointSaved, ...] = ()
    resumed: tuple[TrainingResumed, ...] = ()

    @property
    def step(self) -> int:
        """Steps done."""
        return self.progress.step if self.progress else 0

    @property
    def unfinished(self) -> bool:
        """Whether steps are left to do."""
        return self.step < self.started.steps

    @property
    def samples(self) -> int:
        """Samples seen."""
        return self.progress.samples if self.progress else 0

    @property
    def epochs(self) -> float:
        """Passes over the dataset."""
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
        """The last logged loss; None before the first, or if it was not finite."""
        return self.metrics.get("loss")

    @property
    def best(self) -> CheckpointSaved | None:
        """The checkpoint with the lowest loss of the held-out episodes, the first of several; None without any."""
        measured = [saved for saved in self.checkpoints if saved.eval_loss is not None]
        return min(measured, key=lambda saved: saved.eval_loss or 0.0, default=None)

    @property
    def paused_s(self) -> float:
        """Seconds between its parts, in which nothing was trained."""
        return sum(resumed.pause for resumed in self.resumed)

    @property
    def read_from(self) -> str:
        """The dataset's folder as LeRobot's configuration has it; empty where it has none, or not a whole path."""
        told = self.started.config.get("dataset")
        root = told.get("root") if isinstance(told, dict) else None
        return root if isinstance(root, str) and root.startswith("/") else ""

    @property
    def progressed_at(self) -> float:
        """Unix time of the latest progress."""
        return self.progress.at if self.progress else self.started.at

    @property
    def step_seconds(self) -> float:
        """Seconds per step, as written down of an imported one, last logged, or else the mean so far; 0 if unknown."""
        if self.started.recorded and (told := self.started.recorded.step_s):
            return sum(told) / len(told)
        logged = self.metrics.get("update_s", 0.0) + self.metrics.get("dataloading_s", 0.0)
        if logged > 0:
            return logged
        took = self.progressed_at - self.started.at - self.paused_s
        return took / self.step if self.step > 0 and took > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the last step, without checkpoints; None while the pace is unknown."""
        pace = self.step_seconds
        return max(0, self.started.steps - self.step) * pace if pace else None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session in the log. Times are Unix seconds.

    `connected` is null if the bench never answered, and for a training; `calibrations` are those that did not fit their
    motors, and those that were written because of that; `repairs` are those of its dataset before it was opened;
    `lost` are takes that could not be saved; `policy` is the policy of an evaluation, `preflights` what was compared
    before its trials and who confirmed what was bad, `unblinded` what the codes of a blinded one stood for; `alarms`
    are the texts of the
    last alarms, `alarm_counts` the same folded by text (empty in older files); `brought_in` is from where another
    bench's came into this log, if it did; `last_seq` is the newest event included.
    """

    started: SessionStarted
    connected: BenchConnected | None = None
    ended: SessionEnded | None = None
    calibrations: tuple[CalibrationRefused | CalibrationWritten, ...] = ()
    repairs: tuple[DatasetRecovered, ...] = ()
    episodes: tuple[Episode, ...] = ()
    lost: tuple[TakeLost, ...] = ()
    training: Training | None = None
    policy: PolicyLoaded | None = None
    preflights: tuple[PreflightMade | PreflightConfirmed, ...] = ()
    trials: tuple[Trial, ...] = ()
    unblinded: Unblinded | None = None
    alarms: tuple[str, ...] = ()
    alarm_counts: tuple[AlarmCount, ...] = ()
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    brought_in: BroughtIn | None = None
    last_seq: int = 0

    # -- derived values ---------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The session's id, which begins with its start time."""
        return self.started.id

    @property
    def request(self) -> AnyRequest:
        """The request that started it."""
        return self.started.request

    @property
    def kind(self) -> SessionKind:
        """The kind of session."""
        return self.started.kind

    @property
    def status(self) -> SessionStatus:
        """The current status."""
        return self.ended.status if self.ended else SessionStatus.RUNNING

    @property
    def cut_short(self) -> bool:
        """Whether this is a training that was stopped in order before its last step."""
        return self.status is SessionStatus.FINISHED and self.training is not None and self.training.unfinished

    @property
    def end_reason(self) -> str:
        """Why it ended, and why it could not go on; empty while it runs."""
        return self.ended.whole_reason if self.ended else ""

    @property
    def started_utc(self) -> str:
        """Start time, ISO 8601 UTC, or the day alone; empty if an imported session's is not recorded."""
        if self.started.imported and not self.started.at:
            return ""
        began = utc(self.started.at)
        return began[:10] if self.started.day_only else began

    @property
    def ended_utc(self) -> str | None:
        """End time, ISO 8601 UTC; None while it runs, or if unknown."""
        return utc(self.ended.at) if self.ended and self.ended.at else None

    @property
    def operator(self) -> str:
        """The operator who started it."""
        return self.started.operator

    @property
    def host(self) -> str:
        """The machine it ran on."""
        return self.trained_on.place if self.trained_on is not None else self.started.host

    @property
    def trained_on(self) -> Target | None:
        """The `[target.NAME]` of lab.toml that it ran on; None if it ran here."""
        return self.request.on if isinstance(self.request, TrainRequest) else None

    @property
    def bench(self) -> str:
        """The bench it ran on; empty for a training."""
        return self.started.bench

    @property
    def task(self) -> str:
        """The instruction given to dataset and policy."""
        return self.started.task

    @property
    def dataset(self) -> str:
        """The dataset it wrote or read."""
        return self.started.dataset

    @property
    def dataset_root(self) -> str:
        """That dataset's folder; an imported training may know it from its configuration."""
        known = self.started.dataset_root
        return known or (self.training.read_from if self.started.imported and self.training is not None else "")

    @property
    def checkpoint(self) -> str:
        """The pretrained_model folder of an evaluation."""
        return self.request.checkpoint

    @property
    def trained_in(self) -> str:
        """The session that trained that checkpoint; empty if unknown."""
        return self.request.trained_in

    @property
    def reset(self) -> str:
        """What the arm did between trials; empty where that is not recorded."""
        if self.started.imported:
            return self.started.recorded.reset if self.started.recorded else ""
        request = self.request
        return "" if not isinstance(request, EvalRequest) or request.looks_only else request.reset_words

    @property
    def target(self) -> int:
        """Target number of accepted episodes, steps or judged trials; 0 for none."""
        return self.started.target

    @property
    def accepted(self) -> int:
        """Number of accepted episodes; where an imported recording does not know single ones, those kept."""
        known = None if self.episodes else self.started.recording
        return sum(e.accepted for e in self.episodes) if known is None else known.kept or 0

    @property
    def rejected(self) -> int:
        """Number of rejected episodes; of such a recording, those removed."""
        known = None if self.episodes else self.started.recording
        made = len(self.episodes) if known is None else known.recorded or self.accepted
        return max(0, made - self.accepted)

    @property
    def wrote_data(self) -> bool:
        """Whether it wrote episodes of its dataset, or an imported recording, none of which may be known."""
        return bool(self.episodes) or self.started.recording is not None

    @property
    def results(self) -> tuple[Result, ...]:
        """Of an evaluation: successes and judged trials by checkpoint and condition."""
        return results(self.trials)

    def count(self, verdict: Verdict) -> int:
        """Number of trials with this verdict, without practice."""
        return count(self.trials, verdict)
