"""A watched run as the Train screen shows any other: a row of the list, its training, its curves, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from services.live.snapshots import Snapshot
from services.training.curve_lines import LinePoint
from services.training.curves import HORIZON, HORIZONS, Column, Curves, Metric
from services.training.history import OpenedRun, Run
from services.training.watching.keeping import LEROBOT, STATUS, name, training_of
from services.training.watching.points import End, LoggedRun, Point
from services.training.watching.source import Source

COLUMNS = {
    "loss": Metric.LOSS, "lr": Metric.LR, "grad_norm": Metric.GRAD_NORM, "update_s": Metric.UPDATE_S,
    "data_s": Metric.DATALOADING_S, "samples_per_s": Metric.SAMPLES_PER_S, "gpu_mem_gb": Metric.GPU_MEM_GB,
}  # fmt: skip
OWN_LINE = frozenset(("eval_loss",))
"""Metrics that are drawn beside the points, not as one of their columns."""
SHOWN = frozenset(("loss", "lr", "grad_norm", "update_s", "dataloading_s", "samples_per_s", "gpu_mem_gb", "eval_loss"))


@dataclass(frozen=True)
class Watched:
    """How a watched run stands. `where` is what is watched, `heard_at` the Unix time at which it last grew, or 0.

    `over`: nothing more can come, or another run began after it; `estimated`: its newest step is an estimate;
    `bare`: it has checkpoints, and nothing that logs its curves; `note` says why points come late, if they do.
    """

    where: str
    heard_at: float
    over: bool
    end: End
    failure: str
    estimated: bool
    estimates: int
    bare: bool = False
    note: str = ""


class LoggedCurves(Curves):
    """The curves of a watched run; `read` takes the points that its source has found by now."""

    def __init__(self, where: str, run: LoggedRun) -> None:
        facts = run.facts
        points = facts.steps / facts.log_freq if facts.log_freq else len(run.points)
        super().__init__(Path(f"{where}#{run.number}"), horizon=max(HORIZON, points / HORIZONS))
        self.logged, self._taken = run, 0

    def _read(self) -> int:
        points = self.logged.points
        start = points.still(self._taken, len(self._resumed))
        for resumed in points.resumed[len(self._resumed) :]:
            self._cut(resumed)
        before, end = len(self), len(points)
        self._taken = end
        columns = {each: np.array(points.column(each, start, end), dtype=np.float64) for each in points.logged}
        plain, run = np.isfinite(columns.get("loss", np.full(end - start, np.nan))), 0
        for each, column in columns.items():
            odd = np.flatnonzero(plain & ~np.isfinite(column))
            values = points.column(each, start, end) if len(odd) else []
            plain[[at for at in odd.tolist() if values[at] is not None]] = False
        for at in [*np.flatnonzero(~plain).tolist(), len(plain)]:
            # what is not finite is marked, a held-out loss has a line of its own: one by one
            self._extend(columns, start, run, at)
            if at < len(plain):
                self.take([self._point(points[start + at])])
            run = at + 1
        return len(self) - before

    def _extend(self, columns: Mapping[str, Column], start: int, first: int, end: int) -> None:
        """The points from `first` to before `end` of those since `start`, all of them finite, at once."""
        if first == end:
            return
        points = self.logged.points
        taken = {str(COLUMNS.get(key, key)): column[first:end] for key, column in columns.items()
                 if key not in OWN_LINE}  # fmt: skip
        seen = np.array(points.samples[start + first : start + end], dtype=np.float64)
        taken[Metric.SAMPLES], frames = seen, self.logged.facts.frames
        taken[Metric.EPOCHS] = seen / frames if frames else np.full(len(seen), np.nan)
        steps = np.array(points.steps[start + first : start + end], dtype=np.float64)
        self.extend(steps, np.array(points.at[start + first : start + end]), taken)

    def _point(self, point: Point) -> LinePoint:
        """One with a value that is not finite, or a held-out loss."""
        frames = self.logged.facts.frames
        values = {LEROBOT.get(key, key): value for key, value in point.metrics.items()}
        known = {key: value for key, value in values.items() if key in SHOWN and _finite(value)}
        made = LinePoint(
            point.step, point.at, samples=point.samples,
            epochs=point.samples / frames if frames and point.samples else None,
            nonfinite={key: str(value) for key, value in values.items() if not _finite(value)},
            row={key: value for key, value in values.items() if key not in SHOWN},
        )  # fmt: skip
        return msgspec.structs.replace(made, **known)


def _finite(value: float) -> bool:
    return value - value == 0.0


def snapshot_of(where: str, run: LoggedRun) -> Snapshot:
    """Its training as a snapshot without a session; without an output folder it is called after its log."""
    training = training_of(run)
    started = msgspec.structs.replace(training.started, output_dir=run.facts.output_dir or name(where, run))
    return Snapshot(training=msgspec.structs.replace(training, started=started))


def opened(source: Source, run: LoggedRun) -> OpenedRun:
    """What is known of it, as of a run that was opened from disk."""
    lines = source.last_lines if run.end is End.FAILED else ()
    return OpenedRun(snapshot_of(source.where, run), None, lines, Path(source.where))


def row_of(source: Source, run: LoggedRun, run_id: str) -> Run:
    """Its row in the list."""
    points, facts = run.points, run.facts
    last = len(points) - 1
    losses = (points[at].metrics.get("loss") for at in range(last, max(-1, last - 4), -1))
    loss = next((value for value in losses if value is not None and _finite(value)), None)
    saved = max((one.step for one in run.saved), default=0)
    return Run(
        id=run_id, name=name(source.where, run), policy=facts.policy, dataset=facts.dataset,
        reached=max(points.steps[last] if len(points) else 0, saved), steps=facts.steps, loss=loss,
        at=points.at[0] if len(points) else source.heard_at, ended=0.0, status=STATUS[run.end], watched=True,
    )  # fmt: skip


def standing(source: Source, run: LoggedRun) -> Watched:
    """How it stands now."""
    last = run.number >= len(source.runs)  # none is found yet while nothing was logged
    return Watched(
        source.where, source.heard_at, source.over or not last, run.end, run.failure, run.estimated,
        run.points.exact.count(False), bare=bool(run.saved) and not len(run.points), note=source.note,
    )  # fmt: skip
