"""Lines as dots of braille cells, over numpy: clipped to a window, broken at gaps, dashed. No widget, no theme.

plotext's own lines overwrite each other's cells, know no dashes, and take a loop of Python per point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

ACROSS, DOWN = 2, 4
"""Dots of a cell."""
BLANK = 0x2800
"""The code point of a braille cell without dots."""
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot, by row and column."""
MAX_SAMPLES = 400_000
"""Dots computed for one line, at most: beyond that only its points are drawn."""


@dataclass(frozen=True)
class Field:
    """A canvas of `width` x `height` cells and the values at the centres of its outermost cells."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]


def raster(
    x: Numbers, y: Numbers, gap: NDArray[np.int64], field: Field, dash: tuple[int, ...] = ()
) -> NDArray[np.int64]:
    """The bits of the line through the points, (height, width).

    Two points with different `gap` are not joined. `dash` alternates lengths in dots that are drawn and left out.
    Points outside the field are cut off.
    """
    import numpy as np

    bits = np.zeros((field.height, field.width), dtype=np.int64)
    if not len(x) or not field.width or not field.height:
        return bits
    right = _place(x, field.x, field.width) * ACROSS
    down = ((field.height - _place(y, field.y, field.height)) * DOWN).clip(-1e6, 1e6)
    right, down = _joined(right.clip(-1e6, 1e6), down, gap)
    if dash:
        at = np.arange(len(right)) % sum(dash)
        edges = np.cumsum(dash)
        drawn = np.searchsorted(edges, at, side="right") % 2 == 0
        right, down = right[drawn], down[drawn]
    column, row = np.floor(right).astype(np.int64), np.floor(down).astype(np.int64)
    inside = (column >= 0) & (column < field.width * ACROSS) & (row >= 0) & (row < field.height * DOWN)
    column, row = column[inside], row[inside]
    table = np.array(_BITS, dtype=np.int64)
    np.bitwise_or.at(bits, (row // DOWN, column // ACROSS), table[row % DOWN, column % ACROSS])
    return bits


def _place(values: Numbers, limits: tuple[float, float], cells: int) -> Numbers:
    """Positions in cells from the field's edge: the limits are in the middle of the first and the last cell."""
    low, high = limits
    span = high - low
    part = (values - low) / span if span > 0 else values * 0.0
    return part * (cells - 1) + 0.5


def _joined(right: Numbers, down: Numbers, gap: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """Points at most a dot apart along the line, in its order; the ends of a gap are not joined."""
    import numpy as np

    if len(right) < 2:
        return right, down
    along, fall = np.diff(right), np.diff(down)
    count = np.ceil(np.maximum(np.abs(along), np.abs(fall))).astype(np.int64).clip(1)
    count[np.diff(gap) != 0] = 1
    if int(count.sum()) > MAX_SAMPLES:
        return right, down
    first = np.repeat(np.arange(len(count)), count)
    part = (np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)) / count[first]
    dots = right[first] + part * along[first], down[first] + part * fall[first]
    return np.append(dots[0], right[-1]), np.append(dots[1], down[-1])
