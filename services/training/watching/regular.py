"""A stretch of a console log that holds nothing but points and bars, and points as expected: read by columns, at once.

Nearly all of a long log is like this. Where anything is not, `stretch` returns None: it is to be read line by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import eq

import numpy as np
from numpy.typing import NDArray

from services.training.watching.hints import OURS, Hints
from services.training.watching.log_line import metric_name
from services.training.watching.rounding import Range, range_of
from services.training.watching.stamps import Stamps

LEAST = 16
"""Points below which columns are not worth their while."""
BAR = f"{OURS}:"
BEGINS = "INFO "
WORDS = 6
"""Words of a line before its first pair: date, hour, minute, second, file, and line of the file."""
COUNTS = ["step", "smpl", "ep", "epch"]
"""The first pairs of a line."""
_INFERRED = {*COUNTS, "epochs"}

Numbers = NDArray[np.int64]
Ends = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Stretch:
    """Points by columns, all of one length, and what the last one's step and samples allow."""

    steps: list[int]
    samples: list[int | None]
    at: list[float]
    metrics: Mapping[str, list[float]]
    allowed: Range
    seen: Range


def is_bar(line: str) -> bool:
    """Whether the line is the training's progress bar and nothing else."""
    return line.startswith(BAR) and line.endswith("]")


def stretch(lines: Sequence[str], first: int, every: int, hints: Hints, stamps: Stamps) -> Stretch | None:
    """The points of these lines, if their steps are `first`, `first + every`, ... and nothing in them contradicts it.

    That is: steps are rounded (`12K`), values finite, all points of one form, no two successive ones equal.
    """
    points, bars = _points_and_bars(lines)
    if len(points) < LEAST or any(map(eq, points, points[1:])):
        return None
    columns = _columns(points)
    if columns is None:
        return None
    at, allowed, seen = stamps.times(*columns.stamp), _ranges(columns.steps), _ranges(columns.samples)
    if at is None or allowed is None or seen is None:
        return None
    steps = np.arange(len(points), dtype=np.int64) * every + first
    if not (_rounded(steps, allowed) and hints.agree(steps, seen, columns.epochs)):
        return None
    if not _bars_agree(bars, steps, columns.metrics, hints):
        return None
    ends = [(int(low[-1]), int(high[-1])) for low, high in (allowed, seen)]
    return Stretch(steps.tolist(), _samples(steps, seen, hints), at, columns.metrics, ends[0], ends[1])


def _points_and_bars(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The log lines behind their `INFO`, and the bar that was drawn last before each; empty without one."""
    points, bars, bar = list[str](), list[str](), ""
    for line in lines:
        if "step:" not in line:
            bar = line or bar
            continue
        before, _, point = line.rpartition(BEGINS)
        points.append(point)
        bars.append(before or bar)
        bar = ""
    drawn = [each for each in bars if each]
    joined = "\n".join(("", *drawn, ""))
    alike = {joined.count(f"\n{BAR}"), joined.count("%|"), joined.count("]\n")} == {len(drawn)}
    return (points, bars) if alike else ([], [])


def _rounded(steps: Numbers, allowed: Ends) -> bool:
    """Whether every step is among those that its text may stand for, and not the only one."""
    low, high = allowed
    return bool(((low < high) & (low <= steps) & (steps <= high)).all())


def _bars_agree(bars: list[str], steps: Numbers, metrics: Mapping[str, list[float]], hints: Hints) -> bool:
    """Whether no bar contradicts the step of its point.

    Points that are missing would move all that come after: where that is more than a bar may be late, the last one
    tells it for all.
    """
    last = len(bars) - 1
    decisive = bars[last] and hints.late(_took(metrics, last)) < steps[1] - steps[0]
    at = [0, last] if decisive else [each for each, bar in enumerate(bars) if bar or not each]
    return all(hints.bar_agrees(bars[each], int(steps[each]), _took(metrics, each)) for each in at)


def _took(metrics: Mapping[str, list[float]], at: int) -> float:
    """Seconds of a step, as a point says."""
    return sum(metrics[name][at] for name in ("update_s", "data_s") if name in metrics)


@dataclass(frozen=True)
class _Columns:
    """`stamp`: dates, hours, minutes and seconds; steps, samples and epochs are rounded texts."""

    stamp: list[list[str]]
    steps: list[str]
    samples: list[str]
    epochs: list[str]
    metrics: dict[str, list[float]]


def _columns(points: Sequence[str]) -> _Columns | None:
    """None if the lines are not all of one form, or a value is no finite number."""
    text = " ".join(points)
    words = text.replace(":", " ").split() if text.isascii() else []
    width, rest = divmod(len(words), len(points))
    if rest or (width - WORDS) % 2 or width <= WORDS + 2 * len(COUNTS):
        return None
    columns = [words[at::width] for at in range(width)]
    names, values = columns[WORDS::2], columns[WORDS + 1 :: 2]
    if any(each.count(each[0]) < len(points) for each in (columns[4], *names)):
        return None
    logged = [metric_name(each[0]) for each in names[len(COUNTS) :]]
    if [each[0] for each in names[: len(COUNTS)]] != COUNTS or "loss" not in logged or _INFERRED & {*logged}:
        return None
    metrics = dict(zip(logged, map(_numbers, values[len(COUNTS) :]), strict=True))
    found = {name: column for name, column in metrics.items() if column is not None}
    if len(found) < len(names) - len(COUNTS):
        return None
    return _Columns(columns[:4], values[0], values[1], values[3], found)


def _numbers(texts: list[str]) -> list[float] | None:
    """None if one is no finite number."""
    try:
        numbers = list(map(float, texts))
    except ValueError:
        return None
    return numbers if isfinite(sum(numbers)) and "_" not in "".join(texts) else None


def _ranges(texts: list[str]) -> Ends | None:
    """The least and the greatest number that each text may stand for; None if one is no rounded number."""
    known = {text: range_of(text) for text in set(texts)}
    low = {text: ends[0] for text, ends in known.items() if ends is not None}
    high = {text: ends[1] for text, ends in known.items() if ends is not None}
    if len(low) < len(known) or max(high.values()) > np.iinfo(np.int64).max:
        return None
    count = len(texts)
    return np.fromiter(map(low.__getitem__, texts), np.int64, count), np.fromiter(
        map(high.__getitem__, texts), np.int64, count
    )


def _samples(steps: Numbers, seen: Ends, hints: Hints) -> list[int | None]:
    """As `log_line.samples_of`: exact where the batch size is known, else the middle of what is possible."""
    low, high = seen
    exact = (steps + hints.shift) * hints.batch
    fits = (low <= exact) & (exact <= high) & (hints.batch > 0)
    found: list[int | None] = np.where(fits, exact, (low + high) // 2).tolist()
    return found
