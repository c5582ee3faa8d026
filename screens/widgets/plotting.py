"""Draws one plot with plotext as rows of text: thinned out, masked, with our own ticks. No widget, no theme.

plotext keeps one figure per process: `draw` holds a lock and may be called from any thread. It is given numbers (1,
2, 3 ...) as colours; the result carries the theme's names instead.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from textual.content import Content

from screens.widgets import axis_ticks
from services.units import value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEAST_WIDTH, LEAST_HEIGHT = 16, 4
MAX_GAPS = 40
"""A line with more gaps than this is drawn as points."""
MAX_MARKS = 20
"""Vertical lines of a plot, at most."""
MAX_VALUE = 1e290
"""Larger values are drawn at this value: arithmetic on them would overflow."""


class Ink(IntEnum):
    """The meaning of a colour; the number is plotext's."""

    RAW = 1
    LINE = 2
    MEAN = 3
    DANGER = 4


STYLES = {"1": "$quiet", "2": "$accent", "3": "bold $accent", "4": "bold $error"}
AXES = "$quiet"
MARKERS = {Ink.RAW: ("braille", "."), Ink.LINE: ("braille", "*"), Ink.MEAN: ("hd", "o")}
"""In Unicode and in ASCII; the mean differs from the raw line in shape as well."""
_lock = threading.Lock()
_ansi = re.compile(r"\x1b\[(?:38;5;)?(\d+)m")
_to_ascii = str.maketrans("─│┌┐└┘├┤┬┴┼", "-|+++++++++")


@dataclass(frozen=True, eq=False)
class Series:
    """A line: increasing `x`, and `y` with NaN for missing values; both (points,)."""

    x: NDArray[np.int64]
    y: Numbers
    ink: Ink


@dataclass(frozen=True, eq=False)
class _Line:
    """The drawable points of a series; an increase of `gap` between two points marks a gap between them."""

    x: NDArray[np.int64]
    y: Numbers
    gap: NDArray[np.int64]
    ink: Ink


Ticks = tuple[list[float], list[str]]


@dataclass(frozen=True)
class _Axes:
    """Size of the plot in cells; limits and ticks of each axis, on a log axis as exponents."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: Ticks
    y_ticks: Ticks


@dataclass(frozen=True)
class Drawing:
    """Rows of equal width; the cells `left`..`right` of the canvas, and the x values at its ends."""

    rows: tuple[Content, ...] = ()
    left: int = 0
    right: int = 0
    low: float = 0.0
    high: float = 1.0

    def column(self, x: float) -> int | None:
        """The cell of `x`; None outside the canvas."""
        if not self.rows or self.right <= self.left or not self.low <= x <= self.high:
            return None
        part = (x - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.left + round(part * (self.right - self.left - 1))


def drawable(one: Series, *, log: bool = False) -> NDArray[np.bool_]:
    """Which points can be drawn: finite, and above 0 on a log axis; (points,)."""
    import numpy as np

    finite = np.isfinite(one.y)
    return finite & (one.y > 0) if log else finite


def draw(
    series: Sequence[Series], marks: Sequence[float], *, width: int, height: int, log: bool, unicode: bool
) -> Drawing:
    """Draw the series on `width` x `height` cells, and a vertical line at each of `marks`.

    On a log axis only values above 0 are drawn. Returns an empty Drawing if there is nothing to draw, or no room.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Drawing()
    lines = [line for one in series for line in [_masked(one, log)] if len(line.x)]
    if not lines:
        return Drawing()
    axes = _axes(series, lines, width, height, log)
    with _lock:
        text = _build(lines, [m for m in marks if axes.x[0] <= m <= axes.x[1]][:MAX_MARKS], axes, unicode)
    return _read(text, axes, unicode)


def _masked(one: Series, log: bool) -> _Line:
    """The drawable points, on a log axis as exponents."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        good = drawable(one, log=log)
    y = np.clip(one.y[good], -MAX_VALUE, MAX_VALUE)
    return _Line(one.x[good], np.log10(y) if log else y, np.cumsum(~good, dtype=np.int64)[good], one.ink)


def _axes(series: Sequence[Series], lines: Sequence[_Line], width: int, height: int, log: bool) -> _Axes:
    """The limits: of x over all points, including those that cannot be drawn; of y over the lines."""
    x = float(min(s.x[0] for s in series if len(s.x))), float(max(s.x[-1] for s in series if len(s.x)))
    x = (x[0], x[1] if x[1] > x[0] else x[0] + 1.0)
    y = _limits(lines, log)
    places = axis_ticks.linear(*x, max(2, width // 11))
    return _Axes(width, height, x, y, (places, [axis_ticks.step_label(at) for at in places]), _y_ticks(*y, height, log))


def _limits(lines: Sequence[_Line], log: bool) -> tuple[float, float]:
    """The lowest and highest value, widened if they are equal."""
    low, high = min(float(s.y.min()) for s in lines), max(float(s.y.max()) for s in lines)
    if high - low < max(abs(high), abs(low), 1e-30) * 1e-9:
        apart = 0.5 if log else abs(high) * 0.1 or 1.0
        return low - apart, high + apart
    return low, high


def _y_ticks(low: float, high: float, height: int, log: bool) -> Ticks:
    most = max(3, height // 4)
    if log:
        places = axis_ticks.decades(low, high, most)
        return places, [value(10**at) for at in places]
    places = axis_ticks.linear(low, high, most)
    step = places[1] - places[0] if len(places) > 1 else 0.0
    return places, [axis_ticks.label(at, step) for at in places]


def _build(lines: Sequence[_Line], marks: Sequence[float], axes: _Axes, unicode: bool) -> str:
    """The text built by plotext, with colours as ANSI sequences."""
    import plotext as plt

    plt.clear_figure()
    plt.limit_size(False, False)
    plt.plot_size(axes.width, axes.height)
    plt.theme("clear")
    plt.xaxes(True, False)
    plt.yaxes(True, False)
    plt.xlim(*axes.x)
    plt.ylim(*axes.y)
    plt.xticks(*axes.x_ticks)
    plt.yticks(*axes.y_ticks)
    for at in marks:
        plt.vertical_line(at, color=int(Ink.DANGER))
    for one in lines:
        _draw_line(plt, one, axes.width, unicode)
    text = plt.build()
    plt.clear_figure()
    return str(text)


def _draw_line(plt: Any, one: _Line, columns: int, unicode: bool) -> None:
    """Draw the line in pieces between its gaps; as points if there are too many gaps."""
    import numpy as np

    from services.training.curves import downsample

    kept = downsample(one.x, one.y, columns)
    x, y = one.x[kept], one.y[kept]
    marker, color = MARKERS[one.ink][0 if unicode else 1], int(one.ink)
    cuts = np.flatnonzero(np.diff(one.gap[kept])) + 1
    if len(cuts) > MAX_GAPS:
        plt.scatter(x.tolist(), y.tolist(), marker=marker, color=color)
        return
    for piece_x, piece_y in zip(np.split(x, cuts), np.split(y, cuts), strict=True):
        plt.plot(piece_x.tolist(), piece_y.tolist(), marker=marker, color=color)


def _read(text: str, axes: _Axes, unicode: bool) -> Drawing:
    """Parse the text built by plotext, with the theme's names for its colours."""
    lines = text.split("\n")
    lines = lines[:-1] if lines and not lines[-1] else lines
    rows, left = [], 0
    for line in lines:
        row = _row(line, unicode)
        corner = _ansi.sub("", line).find("└")
        left = corner + 1 if corner >= 0 else left
        rows.append(row)
    return Drawing(tuple(rows), left, axes.width, *axes.x)


def _row(line: str, unicode: bool) -> Content:
    pieces = _ansi.split(line)
    parts: list[tuple[str, str]] = []
    for at in range(0, len(pieces), 2):
        style = STYLES.get(pieces[at - 1], AXES) if at else AXES
        if pieces[at]:
            parts.append((pieces[at] if unicode else pieces[at].translate(_to_ascii), style))
    return Content.assemble(*parts)
