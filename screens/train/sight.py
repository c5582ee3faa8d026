"""How the curves are looked at: where a run's points lie, the cursor, the range, and how keys move them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from screens.train.axis import Axis, place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.training.curves import Curves

LEAST_POINTS = 8
"""Points of a run below which a range is not narrowed."""


@dataclass(frozen=True, eq=False)
class RunLine:
    """A run that is drawn: the one that is shown first, then those beside it.

    `at` is where its points lie on the x axis, by default at their steps.
    """

    id: str
    name: str
    curves: Curves
    at: NDArray[np.float64] | None = None
    by_mean: bool = False
    """Whether `at` follows from the mean time of a step: its points have no times."""

    @property
    def x(self) -> NDArray[Any]:
        """Where its points lie on the x axis; never decreasing."""
        return self.curves.steps if self.at is None else self.at

    @property
    def interval(self) -> float:
        """Mean distance of two points on the x axis; 1 while there are fewer than two."""
        x = self.x
        return float(x[-1] - x[0]) / (len(x) - 1) if len(x) > 1 else 1.0

    def index_at(self, x: float) -> int | None:
        """The index of the last point at or before `x`, or else of the first; None without points."""
        points = self.x
        return max(0, int(points.searchsorted(x, side="right")) - 1) if len(points) else None

    def place(self, step: float) -> float:
        """Where a step lies on the x axis."""
        return step if self.at is None else place(self.curves, self.at, step)


@dataclass(frozen=True)
class Sight:
    """How the plots are looked at: the x axis, the cursor and the range on it (None: all), and logarithmic axes.

    `last`: the range is the last so many steps (or what the axis counts) and moves on with new points. `more` is the
    further metric that is drawn, empty without one.
    """

    cursor: float | None = None
    window: tuple[float, float] | None = None
    log: bool = False
    axis: Axis = Axis.STEP
    last: float | None = None
    more: str = ""


def whole(lines: Sequence[RunLine]) -> tuple[float, float] | None:
    """The range of all runs on the x axis; None without two points."""
    some = [line.x for line in lines if len(line.x)]
    if not some:
        return None
    low, high = float(min(each[0] for each in some)), float(max(each[-1] for each in some))
    return (low, high) if high > low else None


def moved(lines: Sequence[RunLine], sight: Sight, by: int, columns: int) -> Sight:
    """The cursor moved by columns, to a point of the first run; past the newest point it goes.

    A range follows the cursor.
    """
    everything = whole(lines)
    line = lines[0] if lines else None
    if line is None or not len(line.x) or everything is None:
        return sight
    low, high = sight.window or everything
    x = line.x
    last = min(high, float(x[-1]))
    if sight.cursor is None:
        return _at(sight, float(last), everything) if by < 0 else sight
    before = line.index_at(sight.cursor)
    to = sight.cursor + by * (high - low) / max(1, columns - 1)
    index = line.index_at(to)
    if index is None or before is None:
        return sight
    index = max(0, before + (1 if by > 0 else -1)) if index == before else index
    if index >= len(x) or to > float(x[-1]) + line.interval / 2:
        return replace(sight, cursor=None)
    return _at(sight, float(x[index]), everything)


def _at(sight: Sight, cursor: float, everything: tuple[float, float]) -> Sight:
    """The cursor there, and the range moved as far as it takes to hold it."""
    if sight.window is None:
        return replace(sight, cursor=cursor)
    low, high = sight.window
    shift = min(0.0, cursor - low) + max(0.0, cursor - high)
    last = None if shift else sight.last
    return replace(sight, cursor=cursor, window=_inside((low + shift, high + shift), everything), last=last)


def zoomed(lines: Sequence[RunLine], sight: Sight, by: int) -> Sight:
    """Half the range of steps around the cursor (`by` 1), or twice (-1).

    Without a cursor it ends at the newest point, and moves on with it.
    """
    everything = whole(lines)
    if everything is None:
        return sight
    low, high = sight.window or everything
    least = LEAST_POINTS * min(line.interval for line in lines if len(line.x))
    span = max((high - low) / 2, min(least, high - low)) if by > 0 else (high - low) * 2
    if span >= everything[1] - everything[0]:
        return replace(sight, window=None, last=None)
    if sight.cursor is None and (sight.window is None or sight.last is not None):
        return followed(lines, replace(sight, last=span))
    at = high if sight.cursor is None else min(max(sight.cursor, low), high)
    part = (at - low) / (high - low)
    return replace(sight, window=_inside((at - part * span, at + (1 - part) * span), everything), last=None)


def followed(lines: Sequence[RunLine], sight: Sight) -> Sight:
    """The sight with its range at the newest point, if it is the last so many steps."""
    everything = whole(lines)
    if sight.last is None or everything is None:
        return sight
    return replace(sight, window=(max(everything[0], everything[1] - sight.last), everything[1]))


_NUMBER = r"(\d+(?:[.,]\d+)*)\s*([kKmM]?)"
_LAST = re.compile(rf"(?:last|-)\s*{_NUMBER}")
_RANGE = re.compile(rf"(?:{_NUMBER})?\s*(?:-|to|\.\.)\s*(?:{_NUMBER})?")
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6}


def ranged(lines: Sequence[RunLine], sight: Sight, text: str) -> Sight:
    """The sight at the range that was typed: `1000-5000`, `5k to 20k`, `1000-`, `last 2000`; empty: all.

    Raises ValueError, in words for the operator, if the text is no range or no point lies in it.
    """
    asked, everything = text.strip().lower(), whole(lines)
    if not asked or everything is None:
        return replace(sight, window=None, last=None)
    if found := _LAST.fullmatch(asked):
        last = _number(found[1], found[2])
        if last <= 0:
            raise ValueError("the last 0 are none: `last 2000` shows 2,000")
        all_of_it = last >= everything[1] - everything[0]
        return followed(lines, replace(sight, cursor=None, window=None, last=None if all_of_it else last))
    found = _RANGE.fullmatch(asked)
    if found is None or not (found[1] or found[3]):
        raise ValueError(f"{text.strip()!r} is no range: type 1000-5000, 5k-20k, 1000- or last 2000")
    low = _number(found[1], found[2]) if found[1] else everything[0]
    high = _number(found[3], found[4]) if found[3] else everything[1]
    if low >= high:
        raise ValueError(f"{text.strip()} ends before it begins")
    if low > everything[1] or high < everything[0]:
        raise ValueError(f"no point is there: the curves reach from {everything[0]:,.6g} to {everything[1]:,.6g}")
    cursor = sight.cursor if sight.cursor is not None and low <= sight.cursor <= high else None
    return replace(sight, cursor=cursor, window=(low, high), last=None)


def _number(digits: str, unit: str) -> float:
    """`20,000`, `1.5k`: a comma groups thousands."""
    return float(digits.replace(",", "")) * _FACTORS[unit]


def turned(lines: Sequence[RunLine], sight: Sight, to: Axis, turned_lines: Sequence[RunLine]) -> Sight:
    """The same sight over another axis: the cursor stays at its point of the first run, and everything is shown."""
    if sight.cursor is None or not lines or not turned_lines or lines[0].id != turned_lines[0].id:
        return replace(sight, cursor=None, window=None, last=None, axis=to)
    at = lines[0].index_at(sight.cursor)
    x = turned_lines[0].x
    cursor = float(x[at]) if at is not None and at < len(x) else None
    return replace(sight, cursor=cursor, window=None, last=None, axis=to)


def _inside(window: tuple[float, float], everything: tuple[float, float]) -> tuple[float, float]:
    """The range moved into that of all runs."""
    low, high = window
    shift = max(0.0, everything[0] - low) - max(0.0, high - everything[1])
    return low + shift, high + shift
