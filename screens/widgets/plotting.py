"""Draws one plot as rows of text: plotext lays out axes, ticks, labels and grid; the lines are braille. No widget.

plotext keeps one figure per process: `draw` holds a lock and may be called from any thread. Styles are the theme's
names.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from textual.content import Content

from screens.widgets import axis_ticks
from screens.widgets.braille import ACROSS, BLANK, Field, raster

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Window = tuple[float, float]

LEAST_WIDTH, LEAST_HEIGHT = 16, 4
MAX_MARKS = 20
"""Vertical lines of a plot, at most."""
MAX_VALUE = 1e290
"""Larger values are drawn at this value: arithmetic on them would overflow."""
AXES, GRID, MARK = "$quiet", "$edge", "bold $error"
MARK_SIGNS = ("╎", "!")
"""In Unicode and in ASCII."""
_lock = threading.Lock()
_ansi = re.compile(r"\x1b\[[\d;]*m")
_to_ascii = str.maketrans("─│┌┐└┘├┤┬┴┼┈┊", "-|+++++++++  ")
_to_grid = str.maketrans("─│┼", "┈┊┈")


class Ink(StrEnum):
    """The meaning of a line. Up to four runs are told apart by their inks FIRST to FOURTH."""

    RAW = "raw"
    LINE = "line"
    MEAN = "mean"
    HELD_OUT = "held out"
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"
    FIRST_HELD_OUT = "first held out"
    SECOND_HELD_OUT = "second held out"
    THIRD_HELD_OUT = "third held out"
    FOURTH_HELD_OUT = "fourth held out"


RUNS = (Ink.FIRST, Ink.SECOND, Ink.THIRD, Ink.FOURTH)
HELD_OUTS = (Ink.FIRST_HELD_OUT, Ink.SECOND_HELD_OUT, Ink.THIRD_HELD_OUT, Ink.FOURTH_HELD_OUT)
"""The held-out loss of each of several runs: the run's colour, dotted."""
DOTS = (1, 3)


@dataclass(frozen=True)
class Stroke:
    """How a line is drawn: its style, its dashes in dots, its sign in ASCII, and how the legend shows it."""

    style: str
    letter: str
    dash: tuple[int, ...] = ()
    sample: str = "━━━━"


STROKES = {
    Ink.RAW: Stroke("$quiet", "."),
    Ink.LINE: Stroke("$accent", "*"),
    Ink.MEAN: Stroke("bold $accent", "o"),
    Ink.HELD_OUT: Stroke("bold $success", "#", (4, 3), "╍╍╍╍"),
    Ink.FIRST: Stroke("bold $accent", "*"),
    Ink.SECOND: Stroke("bold $warning", "o", (9, 5), "━ ━ "),
    Ink.THIRD: Stroke("bold $success", "+", (2, 4), "╍╍╍╍"),
    Ink.FOURTH: Stroke("bold $foreground", "x", (9, 4, 2, 4), "━ · "),
    Ink.FIRST_HELD_OUT: Stroke("bold $accent", "1", DOTS, "····"),
    Ink.SECOND_HELD_OUT: Stroke("bold $warning", "2", DOTS, "····"),
    Ink.THIRD_HELD_OUT: Stroke("bold $success", "3", DOTS, "····"),
    Ink.FOURTH_HELD_OUT: Stroke("bold $foreground", "4", DOTS, "····"),
}
"""Lines differ in their dashes, or in ASCII in their letters, besides their colours."""


def sample(ink: Ink, *, unicode: bool) -> str:
    """Four cells of the line, for a legend."""
    stroke = STROKES[ink]
    return stroke.sample if unicode else stroke.letter * 4


@dataclass(frozen=True, eq=False)
class Series:
    """A line: increasing `x`, and `y` with NaN for missing values; both (points,)."""

    x: NDArray[np.int64]
    y: Numbers
    ink: Ink


@dataclass(frozen=True, eq=False)
class _Line:
    """The drawable points of a series in the window; points with different `gap` are not joined."""

    x: Numbers
    y: Numbers
    gap: NDArray[np.int64]
    stroke: Stroke


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
    series: Sequence[Series],
    marks: Sequence[float],
    *,
    width: int,
    height: int,
    log: bool,
    unicode: bool,
    window: Window | None = None,
    x_name: str = "step",
) -> Drawing:
    """Draw the series on `width` x `height` cells, and a vertical line at each of `marks`.

    `window` limits x; None shows everything. `x_name` stands at the x axis. On a log axis only values above 0 are
    drawn. Returns an empty Drawing if there is nothing to draw in the window, or no room.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Drawing()
    x = _x_limits(series, window)
    lines = [line for one in series for line in [_masked(one, x, log)] if len(line.x)] if x else []
    if x is None or not lines:
        return Drawing()
    axes = _axes(lines, x, width, height, log)
    with _lock:
        frame = _frame(axes)
    left = next((row.find("└") for row in reversed(frame) if "└" in row), -1) + 1
    if not left or left >= width - 1:  # a label wider than the plot
        return Drawing()
    inside = [m for m in marks if x[0] <= m <= x[1]][:MAX_MARKS]
    return _compose(frame, left, lines, inside, axes, unicode=unicode, x_name=x_name)


def _x_limits(series: Sequence[Series], window: Window | None) -> Window | None:
    """The window, or the first and last x of all points, including those that cannot be drawn."""
    if window is not None:
        return window if window[1] > window[0] else (window[0], window[0] + 1.0)
    some = [one for one in series if len(one.x)]
    if not some:
        return None
    low, high = float(min(one.x[0] for one in some)), float(max(one.x[-1] for one in some))
    return low, high if high > low else low + 1.0


def _masked(one: Series, window: Window, log: bool) -> _Line:
    """The drawable points in the window and one on either side, on a log axis as exponents."""
    import numpy as np

    first, end = np.searchsorted(one.x, window[0], side="left"), np.searchsorted(one.x, window[1], side="right")
    part = slice(max(0, int(first) - 1), int(end) + 1)
    x, y = one.x[part], one.y[part]
    with np.errstate(invalid="ignore"):
        good = drawable(Series(x, y, one.ink), log=log)
    kept = np.clip(y[good], -MAX_VALUE, MAX_VALUE)
    kept = np.log10(kept) if log else kept
    gap = np.cumsum(~good, dtype=np.int64)[good]
    return _cut(_Line(x[good].astype(np.float64), kept, gap, STROKES[one.ink]), window)


def _cut(line: _Line, window: Window) -> _Line:
    """Points outside the window move to its edge along the line, or go where a gap is in between."""
    import numpy as np

    x, y = line.x.copy(), line.y.copy()
    keep = np.ones(len(x), dtype=bool)
    for at, neighbour, edge in ((0, 1, window[0]), (len(x) - 1, len(x) - 2, window[1])):
        if not len(x) or window[0] <= x[at] <= window[1]:
            continue
        if not 0 <= neighbour < len(x) or line.gap[at] != line.gap[neighbour]:
            keep[at] = False
            continue
        part = (edge - x[at]) / (x[neighbour] - x[at])
        x[at], y[at] = edge, y[at] * (1 - part) + y[neighbour] * part
    return _Line(x[keep], y[keep], line.gap[keep], line.stroke)


# -- axes -------------------------------------------------------------------------------------------


def _axes(lines: Sequence[_Line], x: Window, width: int, height: int, log: bool) -> _Axes:
    y, y_ticks = _upright(lines, height, log)
    places = axis_ticks.linear(*x, max(2, width // 11))
    places = [at for at in places if x[0] <= at <= x[1]]
    return _Axes(width, height, x, y, (places, [axis_ticks.step_label(at) for at in places]), y_ticks)


FLAT = 1e-5
"""The part of a value by which it changes too little for labels to tell."""
OFF_MIDDLE = 1.1
"""So that the line is not at the border of two rows, and in that of its label, whatever the height."""


def _upright(lines: Sequence[_Line], height: int, log: bool) -> tuple[tuple[float, float], Ticks]:
    """The lowest and highest value, and ticks; a value that never changes has its place in the middle, and one tick."""
    low, high = min(float(s.y.min()) for s in lines), max(float(s.y.max()) for s in lines)
    apart = 0.5 if log else abs(high) * 0.1 or 1.0
    if high - low <= FLAT * (1.0 if log else max(abs(high), abs(low))):
        return (low - apart, high + OFF_MIDDLE * apart), ([high], [axis_ticks.plain(10**high if log else high)])
    return (low, high), _y_ticks(low, high, height, log)


def _y_ticks(low: float, high: float, height: int, log: bool) -> Ticks:
    most = max(3, height // 4)
    if log:
        places = axis_ticks.decades(low, high, most)
        return places, [axis_ticks.plain(10**at) for at in places]
    places = axis_ticks.linear(low, high, most)
    step = places[1] - places[0] if len(places) > 1 else 0.0
    return places, [axis_ticks.label(at, step) for at in places]


def _frame(axes: _Axes) -> list[str]:
    """The rows that plotext builds for these axes: an empty canvas with grid, axes and labels."""
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
    plt.grid(True, True)
    plt.scatter([axes.x[0]], [axes.y[0]], marker=" ")
    text = _ansi.sub("", plt.build())
    plt.clear_figure()
    rows = text.split("\n")[: axes.height]
    return [row[: axes.width].ljust(axes.width) for row in rows] + [" " * axes.width] * (axes.height - len(rows))


# -- composition ------------------------------------------------------------------------------------


def _compose(
    frame: list[str],
    left: int,
    lines: Sequence[_Line],
    marks: Sequence[float],
    axes: _Axes,
    *,
    unicode: bool,
    x_name: str,
) -> Drawing:
    """The frame with marks and lines on its canvas."""
    bottom = next(at for at in range(len(frame) - 1, -1, -1) if "└" in frame[at])
    drawing = Drawing((Content(""),), left, axes.width, *axes.x)
    cells = [[(sign, AXES) for sign in row] for row in frame]
    for y in range(bottom):
        cells[y][left - 1] = (frame[y][left - 1].replace("┼", "┤"), AXES)
        cells[y][left:] = [(sign, GRID) for sign in frame[y][left:].translate(_to_grid)]
    cells[bottom][left - 1 :] = [(sign, AXES) for sign in frame[bottom][left - 1 :].replace("┼", "┬")]
    for mark in marks:
        if (column := drawing.column(mark)) is not None:
            for y in range(bottom):
                cells[y][column] = (MARK_SIGNS[0 if unicode else 1], MARK)
    field = Field(axes.width - left, bottom, axes.x, axes.y)
    _ink(cells, left, lines, field, unicode=unicode)
    _name_x(cells[-1], left, x_name)
    rows = tuple(_row(row, unicode=unicode) for row in cells)
    return Drawing(rows, left, axes.width, *axes.x)


def _ink(cells: list[list[tuple[str, str]]], left: int, lines: Sequence[_Line], field: Field, *, unicode: bool) -> None:
    """Put the lines into the cells, the later above the earlier: a raw line has no dots in the cells of others."""
    import numpy as np

    bits = np.zeros((field.height, field.width), dtype=np.int64)
    owner = np.full(bits.shape, -1)
    raw = STROKES[Ink.RAW]
    for number, line in enumerate(lines):
        layer = raster(*_thinned(line, field.width), field, line.stroke.dash if unicode else ())
        drawn = layer > 0
        covered = drawn & np.isin(owner, [at for at, other in enumerate(lines) if other.stroke is raw])
        bits[covered] = 0
        bits |= layer
        owner[drawn] = number
    for y, x in np.argwhere(owner >= 0).tolist():
        stroke = lines[owner[y, x]].stroke
        cells[y][left + x] = (chr(BLANK + int(bits[y, x])) if unicode else stroke.letter, stroke.style)


def _thinned(line: _Line, columns: int) -> tuple[Numbers, Numbers, NDArray[np.int64]]:
    """Two points for each column of dots, with every peak."""
    from services.training.downsampling import downsample

    kept = downsample(line.x, line.y, ACROSS * columns)
    return line.x[kept], line.y[kept], line.gap[kept]


def _name_x(row: list[tuple[str, str]], left: int, word: str) -> None:
    """Write the x axis's name below the labels of the y axis, or else in the last gap between its own labels."""
    blank = " " + "".join(sign for sign, _ in row) + " "
    places = [left - len(word) - 1, *range(len(row) - len(word), left, -1)]
    for at in places:
        if at >= 0 and not blank[at : at + len(word) + 2].strip():
            row[at : at + len(word)] = [(letter, AXES) for letter in word]
            return


def _row(cells: Sequence[tuple[str, str]], *, unicode: bool) -> Content:
    runs = [("".join(sign for sign, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]
    return Content.assemble(*((text if unicode else text.translate(_to_ascii), style) for text, style in runs))
