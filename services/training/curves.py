"""A training's curves: metrics.jsonl as append-only columns; each read continues where the last one ended. No textual.

Values that cannot be drawn (NaN, infinity, and on a log axis 0 and less) are masked in the column and kept as marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

CHUNK = 8 * 1024 * 1024
"""Bytes of metrics.jsonl decoded at a time; far more than a line."""
HORIZON = 10.0
"""The most points that the smoothed loss averages over, by default."""
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


class _Point(msgspec.Struct):
    """One line of metrics.jsonl, as services.live.metrics writes it; a policy's own metrics are not read."""

    step: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    at: float = 0.0
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    update_s: float | None = None
    dataloading_s: float | None = None
    samples_per_s: float | None = None
    gpu_mem_gb: float | None = None
    samples: float | None = None
    epochs: float | None = None
    nonfinite: dict[str, str] = {}


_values = attrgetter(*(metric.value for metric in LOGGED))
_decoder = msgspec.json.Decoder(_Point)


@dataclass(frozen=True)
class CurveMark:
    """Successive points that cannot be drawn: `what` is NaN or infinite; `first` and `last` are their steps."""

    metric: Metric
    what: str
    first: int
    last: int
    count: int = 1


@dataclass(frozen=True)
class Reading:
    """One log point: its step, its time (Unix seconds), and its finite values."""

    step: int
    at: float
    values: dict[Metric, float]


class Curves:
    """The columns of one metrics.jsonl. `read` may run in a thread; everything else may be called meanwhile.

    Columns are views on arrays that grow by doubling: reading a point copies none of the points before it.
    """

    def __init__(self, path: Path, *, horizon: float = HORIZON) -> None:
        self.path = path
        self._gain = 2.0 / (max(1.0, horizon) + 1.0)
        self._begin()
        self.version = 0

    def _begin(self) -> None:
        self._offset = 0
        self._count = 0
        self._steps: NDArray[np.int64] = np.empty(256, dtype=np.int64)
        self._at: Column = np.empty(256)
        self._columns: dict[Metric, Column] = {metric: np.empty(256) for metric in Metric}
        self._marks: dict[Metric, list[CurveMark]] = {}
        self._mean, self._seen = float("nan"), 0

    # --- reading --------------------------------------------------------------------------------

    def read(self) -> int:
        """Read what was appended since the last call; returns the number of new points.

        An incomplete last line is left for the next call. A damaged line, or one whose step is not after the last
        one, is left out. A file that was truncated is read from its start. Raises OSError.
        """
        before = self._count
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._begin()
                    before, self.version = 0, self.version + 1
                file.seek(self._offset)
                while data := file.read(CHUNK):
                    whole = data.rfind(b"\n") + 1
                    if not whole:
                        break
                    self._append(list(self._after(_points(data[:whole]))))
                    self._offset += whole
                    file.seek(self._offset)
        except FileNotFoundError:
            return 0
        return self._count - before

    def _after(self, points: Sequence[_Point]) -> Iterator[_Point]:
        """The points whose steps increase, as a plot's x must."""
        last = int(self._steps[self._count - 1]) if self._count else -1
        for point in points:
            if point.step > last:
                last = point.step
                yield point

    def _append(self, points: Sequence[_Point]) -> None:
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
        self._smooth(start, end)
        self._mark(points)
        self._count = end  # last: concurrent readers see only whole points
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
        smoothed = []
        for value in self._columns[Metric.LOSS][start:end].tolist():
            if isfinite(value):
                self._seen += 1
                gain = max(self._gain, 2.0 / (self._seen / EARLY + 1.0)) if self._seen > EARLY else 1.0
                self._mean = value if self._seen == 1 else self._mean + gain * (value - self._mean)
                smoothed.append(self._mean)
            else:
                smoothed.append(float("nan"))
        self._columns[Metric.SMOOTHED][start:end] = smoothed

    def _mark(self, points: Sequence[_Point]) -> None:
        """Remember what cannot be drawn; successive points of the same kind are one mark."""
        steps_before = int(self._steps[self._count - 1]) if self._count else -1
        for point in points:
            for name, what in point.nonfinite.items():
                if name in LOGGED:
                    self._remember(Metric(name), "NaN" if what == "nan" else "infinite", point.step, steps_before)
            steps_before = point.step

    def _remember(self, metric: Metric, what: str, step: int, before: int) -> None:
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

    def column(self, metric: Metric) -> Column:
        """One value per point, NaN if it cannot be drawn; a view."""
        return self._columns[metric][: self._count]

    def marks(self, metric: Metric) -> tuple[CurveMark, ...]:
        """A metric's values that are not finite, in the order of their steps."""
        return tuple(self._marks.get(metric, ()))

    def pace(self, points: int = 50) -> float:
        """Seconds per step over the last `points`, including everything between steps; 0 if unknown."""
        count = self._count
        first = max(0, count - 1 - points)
        if count < 2:
            return 0.0
        steps = int(self._steps[count - 1] - self._steps[first])
        return max(0.0, float(self._at[count - 1] - self._at[first]) / steps)

    def reading(self, index: int) -> Reading | None:
        """The point at `index` (negative counts from the end); None if there is none."""
        count = self._count
        if not -count <= index < count:
            return None
        index %= count
        values = {metric: float(column[index]) for metric, column in self._columns.items()}
        drawn = {metric: value for metric, value in values.items() if isfinite(value)}
        return Reading(int(self._steps[index]), float(self._at[index]), drawn)


def _points(data: bytes) -> list[_Point]:
    """The points of whole lines, decoded in bulk, or line by line if one of them is damaged."""
    try:
        return _decoder.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return list(_good(data))


def _good(data: bytes) -> Iterator[_Point]:
    for line in data.splitlines():
        try:
            yield _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _grown[Kind: np.generic](array: NDArray[Kind], size: int) -> NDArray[Kind]:
    bigger = np.empty(size, dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger


# -- downsampling -----------------------------------------------------------------------------------


def downsample(x: NDArray[np.generic], y: Column, columns: int) -> NDArray[np.int64]:
    """Indices of the points to draw on `columns` columns, two per column, keeping every peak (MinMaxLTTB).

    `x` increases; both are finite and of the same length.
    """
    wanted = max(4, 2 * columns)
    if len(x) <= wanted:
        return np.arange(len(x))
    from tsdownsample import MinMaxLTTBDownsampler

    steps, values = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y)
    downsampler = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]
    return np.asarray(downsampler.downsample(steps, values, n_out=wanted), dtype=np.int64)
