"""A training's curves: metrics.jsonl as append-only columns; each read continues where the last one ended. No textual.

Values that cannot be drawn (NaN, infinity, and on a log axis 0 and less) are masked in the column and kept as marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from operator import attrgetter
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from services.training.curve_lines import LinePoint, decode, more, more_names
from services.training.resumptions import Resumption, parts
from sessions.files import opened

Column = NDArray[np.float64]

CHUNK = 8 * 1024 * 1024
"""Bytes of metrics.jsonl decoded at a time; far more than a line."""
HORIZON, HORIZONS = 10.0, 40.0
"""By default the smoothed loss averages over a part of the whole curve (1 / HORIZONS), and HORIZON points at least."""
ROUND: tuple[int, ...] = tuple(factor * 10**power for power in range(7) for factor in (1, 2, 5))
"""The numbers of steps that the loss can be smoothed over."""
EARLY = 5.0
"""Early on the mean covers a fifth (1 / EARLY) of the points so far: a loss falls fastest at first, and a mean lags."""


class Metric(StrEnum):
    """A column, under LeRobot's name (utils/logging_utils.py); SMOOTHED is the moving mean of LOSS."""

    LOSS = "loss"
    LR = "lr"
    GRAD_NORM = "grad_norm"
    UPDATE_S = "update_s"
    DATALOADING_S = "dataloading_s"
    SAMPLES_PER_S = "samples_per_s"
    GPU_MEM_GB = "gpu_mem_gb"
    SAMPLES = "samples"
    EPOCHS = "epochs"
    SMOOTHED = "smoothed"


LOGGED = tuple(metric for metric in Metric if metric is not Metric.SMOOTHED)
COMMON = frozenset(metric.value for metric in Metric)


_values = attrgetter(*(metric.value for metric in LOGGED))
MOST_MORE = 100
"""Metrics of a run beyond LeRobot's own that are read: their names come from outside."""


@dataclass(frozen=True)
class CurveMark:
    """Successive points that cannot be drawn: `what` is NaN or infinite; `first` and `last` are their steps."""

    metric: str
    what: str
    first: int
    last: int
    count: int = 1


@dataclass(frozen=True)
class Reading:
    """One log point: its step, its time (Unix seconds), and its finite values."""

    step: int
    at: float
    values: dict[str, float]


class Curves:
    """The columns of one metrics.jsonl. `read` may run in a thread; everything else may be called meanwhile.

    Columns are views on arrays that grow by doubling: reading a point copies none of the points before it.
    """

    def __init__(self, path: Path, *, horizon: float = HORIZON) -> None:
        self.path = path
        self._horizon = max(1.0, horizon)
        self._writing = Lock()
        self._begin()
        self.version = 0

    def _begin(self) -> None:
        self._offset = 0
        self._count = 0
        self._steps: NDArray[np.int64] = np.empty(256, dtype=np.int64)
        self._at: Column = np.empty(256)
        self._columns: dict[str, Column] = {metric.value: np.empty(256) for metric in Metric}
        self._marks: dict[str, list[CurveMark]] = {}
        self._mean, self._seen = float("nan"), 0
        self._held_out: dict[int, float] = {}
        self._resumed: list[Resumption] = []

    # --- reading --------------------------------------------------------------------------------

    def read(self) -> int:
        """Read what was appended since the last call; returns the number of new points.

        An incomplete last line is left for the next call. A damaged line, or one whose step is not after the last
        one, is left out. Where the run was resumed, the points of steps that it made again are cut. A file that was
        truncated is read from its start. Raises OSError.
        """
        with self._writing:
            return self._read()

    def _read(self) -> int:
        new = 0
        try:
            with opened(self.path) as file:
                if file.seek(0, 2) < self._offset:
                    self._begin()
                    self.version += 1
                file.seek(self._offset)
                while data := file.read(CHUNK):
                    whole = data.rfind(b"\n") + 1
                    if not whole:
                        break
                    for part in parts(decode(data[:whole])):
                        if part[0].resumed:
                            reached = int(self._steps[self._count - 1]) if self._count else part[0].step
                            self._cut(Resumption(part[0].step, max(part[0].step, reached), part[0].at))
                        new += self.take([point for point in part if not point.resumed])
                    self._offset += whole
                    file.seek(self._offset)
        except FileNotFoundError:
            return 0
        return new

    def _cut(self, resumed: Resumption) -> None:
        """Cut the points after its step, which are made again. What was read before keeps its arrays."""
        step = resumed.step
        keep = int(np.searchsorted(self.steps, step, side="right"))
        self._resumed.append(resumed)
        self._held_out = {measured: loss for measured, loss in self._held_out.items() if measured <= step}
        self._marks = {metric: _until(marks, self.steps, step) for metric, marks in self._marks.items()}
        self._steps, self._at = self._steps.copy(), self._at.copy()
        self._columns = {metric: column.copy() for metric, column in self._columns.items()}
        self._count, self._mean, self._seen = keep, float("nan"), 0
        self._smooth(0, keep)
        self.version += 1

    def take(self, points: Sequence[LinePoint]) -> int:
        """Append points, without those whose step is not after the last one; returns how many are new."""
        new = list(self._after([point for point in points if not point.measured]))
        self._append(new)
        self._measure([point for point in points if point.measured])
        return len(new)

    def _after(self, points: Sequence[LinePoint]) -> Iterator[LinePoint]:
        """The points whose steps increase, as a plot's x must."""
        last = int(self._steps[self._count - 1]) if self._count else -1
        for point in points:
            if point.step > last:
                last = point.step
                yield point

    def _append(self, points: Sequence[LinePoint]) -> None:
        if not points:
            return
        start, end = self._count, self._count + len(points)
        self._make_room(end)
        self._steps[start:end] = [point.step for point in points]
        self._at[start:end] = [point.at for point in points]
        values = np.array([_values(point) for point in points], dtype=np.float64)  # None becomes NaN
        values[~np.isfinite(values)] = np.nan
        for number, metric in enumerate(LOGGED):
            self._columns[metric][start:end] = values[:, number]
        self._add(more_names(points))
        for name in self.more:
            self._columns[name][start:end] = more(points, name)
        self._smooth(start, end)
        self._mark(points)
        self._count = end  # last: concurrent readers see only whole points
        self.version += 1

    def _add(self, names: Iterable[str]) -> None:
        """Columns for metrics that no point had before, as many as there is room for."""
        for name in sorted(set(names) - self._columns.keys())[: MOST_MORE - len(self.more)]:
            self._columns[name] = np.full(len(self._steps), np.nan)

    def extend(self, steps: Column, at: Column, columns: Mapping[str, Column]) -> None:
        """Append whole columns of points that come from elsewhere: many at once, NaN where a value is missing.

        Those whose steps are not after all before them are left out.
        """
        newest = float(self._steps[self._count - 1]) if self._count else -1.0
        reached = np.maximum.accumulate(np.concatenate(([newest], steps)))[:-1]
        kept = steps > reached
        count = int(kept.sum())
        if not count:
            return
        start, end = self._count, self._count + count
        self._make_room(end)
        self._steps[start:end], self._at[start:end] = steps[kept], at[kept]
        self._add(columns)
        for metric in (*LOGGED, *self.more):
            column = columns.get(metric)
            self._columns[metric][start:end] = np.nan if column is None else column[kept]
        self._smooth(start, end)
        self._count = end
        self.version += 1

    def _measure(self, points: Sequence[LinePoint]) -> None:
        """Note losses of the held-out episodes; one that is not finite cannot be drawn."""
        new = {point.step: point.eval_loss for point in points if point.eval_loss is not None}
        if new:
            self._held_out = self._held_out | new
            self.version += 1

    def _make_room(self, wanted: int) -> None:
        size = len(self._steps)
        if wanted <= size:
            return
        while size < wanted:
            size *= 2
        self._steps = _grown(self._steps, size)
        self._at = _grown(self._at, size)
        self._columns = {metric: _grown(column, size) for metric, column in self._columns.items()}

    def _smooth(self, start: int, end: int) -> None:
        """Continue the exponential mean; it follows the first points closely."""
        smoothed, least = [], 2.0 / (self._horizon + 1.0)
        for value in self._columns[Metric.LOSS][start:end].tolist():
            if isfinite(value):
                self._seen += 1
                gain = max(least, 2.0 / (self._seen / EARLY + 1.0)) if self._seen > EARLY else 1.0
                self._mean = value if self._seen == 1 else self._mean + gain * (value - self._mean)
                smoothed.append(self._mean)
            else:
                smoothed.append(float("nan"))
        self._columns[Metric.SMOOTHED][start:end] = smoothed

    def smooth(self, steps: float) -> None:
        """Smooth the loss anew over this many steps. A pass over all points: in a thread."""
        with self._writing:
            self._horizon = max(1.0, steps / self.interval)
            self._mean, self._seen = float("nan"), 0
            self._smooth(0, self._count)
            self.version += 1

    @property
    def interval(self) -> float:
        """Mean number of steps between two points; 1 while there are fewer than two."""
        count = self._count
        return float(self._steps[count - 1] - self._steps[0]) / (count - 1) if count > 1 else 1.0

    @property
    def smoothed_over(self) -> float:
        """The number of steps that the smoothed loss averages over."""
        return self._horizon * self.interval

    def _mark(self, points: Sequence[LinePoint]) -> None:
        """Remember what cannot be drawn; successive points of the same kind are one mark."""
        steps_before = int(self._steps[self._count - 1]) if self._count else -1
        for point in points:
            for name, what in point.nonfinite.items():
                if name in self._columns:
                    self._remember(name, "NaN" if what == "nan" else "infinite", point.step, steps_before)
            steps_before = point.step

    def _remember(self, metric: str, what: str, step: int, before: int) -> None:
        marks = self._marks.setdefault(metric, [])
        if marks and marks[-1].what == what and marks[-1].last == before:
            marks[-1] = replace(marks[-1], last=step, count=marks[-1].count + 1)
        else:
            marks.append(CurveMark(metric, what, step, step))

    # --- access ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._count

    @property
    def steps(self) -> NDArray[np.int64]:
        """The step of each point, increasing; a view."""
        return self._steps[: self._count]

    @property
    def times(self) -> Column:
        """The Unix time of each point, 0 if unknown; a view."""
        return self._at[: self._count]

    @property
    def more(self) -> tuple[str, ...]:
        """The names of the metrics beyond those of Metric, as the policy or the console logged them."""
        return tuple(name for name in list(self._columns) if name not in COMMON)

    def column(self, metric: str) -> Column:
        """One value per point, NaN if it cannot be drawn or was not logged; a view."""
        found, count = self._columns.get(metric), self._count
        return np.full(count, np.nan) if found is None else found[:count]

    @property
    def held_out(self) -> tuple[NDArray[np.int64], Column]:
        """The steps at which the held-out episodes' loss was measured, increasing, and that loss; (measurements,)."""
        found = sorted(self._held_out.items())
        return np.array([step for step, _ in found], np.int64), np.array([loss for _, loss in found], np.float64)

    def held_out_at(self, step: float) -> float | None:
        """The newest loss of the held-out episodes at or before this step; None before the first."""
        found = [at for at in self._held_out if at <= step]
        return self._held_out[max(found)] if found else None

    @property
    def resumed(self) -> tuple[Resumption, ...]:
        """Where the run was resumed, in the order in which that happened."""
        return tuple(self._resumed)

    def marks(self, metric: str) -> tuple[CurveMark, ...]:
        """A metric's values that are not finite, in the order of their steps."""
        return tuple(self._marks.get(metric, ()))

    def index_at(self, step: float) -> int | None:
        """The index of the last point at or before this step, or else of the first; None without points."""
        count = self._count
        return max(0, int(np.searchsorted(self._steps[:count], step, side="right")) - 1) if count else None

    def pace(self, points: int = 50) -> float:
        """Seconds per step over the last `points`, including everything between steps; 0 if unknown.

        Of a run that was resumed only since then: nothing was trained before.
        """
        count = self._count
        since = self._resumed[-1].step if self._resumed else -1
        first = max(0, count - 1 - points, int(np.searchsorted(self.steps, since, side="right")))
        if count - first < 2:
            return 0.0
        steps = int(self._steps[count - 1] - self._steps[first])
        return max(0.0, float(self._at[count - 1] - self._at[first]) / steps)

    def reading(self, index: int) -> Reading | None:
        """The point at `index` (negative counts from the end); None if there is none."""
        count = self._count
        if not -count <= index < count:
            return None
        index %= count
        values = {metric: float(column[index]) for metric, column in list(self._columns.items())}
        drawn = {metric: value for metric, value in values.items() if isfinite(value)}
        return Reading(int(self._steps[index]), float(self._at[index]), drawn)


def rounder(steps: float, by: int) -> int:
    """The next round number of steps above (`by` 1) or below (-1) the present smoothing."""
    if by > 0:
        return next((each for each in ROUND if each > steps * 1.01), ROUND[-1])
    return next((each for each in reversed(ROUND) if each < steps * 0.99), ROUND[0])


def _until(marks: Sequence[CurveMark], steps: NDArray[np.int64], step: int) -> list[CurveMark]:
    """The marks as they were at this step."""
    kept = [mark for mark in marks if mark.first <= step]
    if kept and kept[-1].last > step:
        inside = steps[(steps >= kept[-1].first) & (steps <= step)]
        kept[-1] = replace(kept[-1], last=int(inside[-1]), count=len(inside))
    return kept


def _grown[Kind: np.generic](array: NDArray[Kind], size: int) -> NDArray[Kind]:
    bigger = np.empty(size, dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger
