"""Columns of a list, declared: name, width, share of the remaining room, and how a cell is drawn. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from screens.views.signs import signs

type Parts = Sequence[tuple[str, str]]
"""Texts and their styles, one after another."""


class Align(StrEnum):
    """Alignment of the text in its cell."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Column[T]:
    """`draw(item, cells)` returns the text of a cell; text that does not fit is cut.

    The column has at least `cells` cells. The remaining room is shared among the columns by `weight`, up to `most`
    cells each (0: no limit). With `from_room`, the column is left out if the room has fewer cells. `gap` blank
    cells follow it.
    """

    name: str
    cells: int
    draw: Callable[[T, int], Parts]
    weight: int = 0
    most: int = 0
    align: Align = Align.LEFT
    from_room: int = 0
    gap: int = 1


def widths[T](columns: Sequence[Column[T]], room: int) -> dict[str, int]:
    """The cells of each column that fits into `room` cells, by name."""
    shown = [column for column in columns if room >= column.from_room]
    allotted = {column.name: column.cells for column in shown}
    left = room - sum(column.cells + column.gap for column in shown)
    growing = [column for column in shown if column.weight]
    while left > 0 and growing:
        weights = sum(column.weight for column in growing)
        shares = {column.name: left * column.weight // weights for column in growing}
        full = [c for c in growing if c.most and allotted[c.name] + shares[c.name] >= c.most]
        for column in full or growing:
            more = column.most - allotted[column.name] if full else shares[column.name]
            allotted[column.name] += more
            left -= more
        growing = [column for column in growing if column not in full] if full else []
    return allotted


def rows[T](columns: Sequence[Column[T]], items: Iterable[T], room: int) -> list[Content]:
    """The lines of the list, each of at most `room` cells."""
    allotted = widths(columns, room)
    shown = [(column, allotted[column.name]) for column in columns if column.name in allotted]
    return [
        Content.assemble(*(part for column, cells in shown for part in _cell(column, item, cells))).rstrip()
        for item in items
    ]


def _cell[T](column: Column[T], item: T, cells: int) -> list[tuple[str, str]]:
    """Exactly `cells` cells, then the gap."""
    parts = _cut(column.draw(item, cells), cells)
    blank = " " * (cells - sum(cell_len(text) for text, _ in parts))
    padded = [(blank, ""), *parts] if column.align is Align.RIGHT else [*parts, (blank, "")]
    return [*padded, (" " * column.gap, "")]


def _cut(parts: Parts, cells: int) -> list[tuple[str, str]]:
    """The part that fits into `cells` cells, with an ellipsis if something was cut."""
    if sum(cell_len(text) for text, _ in parts) <= cells:
        return list(parts)
    kept: list[tuple[str, str]] = []
    left = cells - 1
    for text, style in parts:
        fitting = text if cell_len(text) <= left else set_cell_size(text, max(0, left))
        kept.append((fitting, style))
        left -= cell_len(fitting)
    return [*kept, (signs().more, kept[-1][1])] if cells else []
