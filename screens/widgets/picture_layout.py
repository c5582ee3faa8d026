"""Boxes that fit their pictures: in rows, as large as the room allows, from the top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from textual.geometry import NULL_SPACING, Offset, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement

if TYPE_CHECKING:
    from textual.widget import Widget

FRAME_COLUMNS, FRAME_ROWS = 2, 3
"""What a box has around its picture: the border, and the title's row."""
LEAST_COLUMNS = 24
"""A narrower box would cut its title."""


def boxes(room: Size, ratios: Sequence[float]) -> list[Region]:
    """The region of each box, for pictures with these ratios of width to height; a cell is two pixels high.

    Rows of boxes are tried in every division that keeps their order; the one with the largest pictures wins.
    """
    if not ratios or not room:
        return [Region() for _ in ratios]
    best = max(_rows(len(ratios)), key=lambda rows: _pixels(room, ratios, rows))
    heights = _heights(room, ratios, best)
    placed: list[Region] = []
    y = 0
    for row, height in zip(best, heights, strict=True):
        rows = int(height)
        widths = _widths(room.width, [ratios[n] for n in row], rows)
        x = (room.width - sum(widths)) // 2
        for width in widths:
            placed.append(Region(x, y, width, rows + FRAME_ROWS))
            x += width
        y += rows + FRAME_ROWS
    return placed


def _widths(room: int, ratios: Sequence[float], rows: int) -> list[int]:
    """The columns of the boxes of a row: the picture's, but not less than a title needs if there is room."""
    natural = [max(1, round(ratio * 2 * rows)) + FRAME_COLUMNS for ratio in ratios]
    roomy = [max(width, LEAST_COLUMNS) for width in natural]
    widths = roomy if sum(roomy) <= room else natural
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths


def _rows(count: int) -> Iterator[list[range]]:
    """The divisions of so many boxes into rows: all in one, one each, and two rows."""
    cuts = {(0, count), tuple(range(count + 1)), (0, (count + 1) // 2, count)}
    for cut in cuts:
        yield [range(a, b) for a, b in pairwise(cut) if b > a]


def _heights(room: Size, ratios: Sequence[float], rows: list[range]) -> list[float]:
    """How many rows of cells the pictures of each row get: as wide as the room, unless that is too high."""
    heights = [(room.width - FRAME_COLUMNS * len(row)) / sum(2 * ratios[n] for n in row) for row in rows]
    free = room.height - FRAME_ROWS * len(rows)
    shrink = min(1.0, free / sum(heights)) if sum(heights) > 0 else 0.0
    return [max(1.0, height * shrink) for height in heights]


def _pixels(room: Size, ratios: Sequence[float], rows: list[range]) -> float:
    """How much picture a division shows."""
    heights = _heights(room, ratios, rows)
    return sum(ratios[n] * height**2 for row, height in zip(rows, heights, strict=True) for n in row)


class PictureLayout(Layout):
    """Places children that have a `ratio`."""

    name = "pictures"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        """One region per child; `greedy` only concerns layouts that share what is left."""
        regions = boxes(size, [getattr(child, "ratio", 4 / 3) for child in children])
        return [
            WidgetPlacement(region, Offset(), NULL_SPACING, child)
            for region, child in zip(regions, children, strict=True)
        ]
