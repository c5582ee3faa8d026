"""Columns of a list, declared: a name, cells, who gets what is left over, and how a cell is drawn. Pure."""

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
    """Where the text stands in its cell."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Column[T]:
    """`draw(item, cells)` gives the text of a cell; what does not fit is cut.

    The column has `cells` at least. What is left of the room goes to the columns by `weight`, up to `most` cells each
    (0: no limit). With `from_room` it is left out of a room of fewer cells. `gap` blank cells follow it.
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
    """The cells of each column for which `room` cells have place, by name."""
    shown = [column for column in columns if room >= column.from_room]
    given = {column.name: column.cells for column in shown}
    left = room - sum(column.cells + column.gap for column in shown)
    growing = [column for column in shown if column.weight]
    while left > 0 and growing:
        weights = sum(column.weight for column in growing)
        shares = {column.name: left * column.weight // weights for column in growing}
        full = [c for c in growing if c.most and given[c.name] + shares[c.name] >= c.most]
        for column in full or growing:
            more = column.most - given[column.name] if full else shares[column.name]
            given[column.name] += more
            left -= more
        growing = [column for column in growing if column not in full] if full else []
    return given


def rows[T](columns: Sequence[Column[T]], items: Iterable[T], room: int) -> list[Content]:
    """The lines of the list, each of at most `room` cells."""
    given = widths(columns, room)
    shown = [(column, given[column.name]) for column in columns if column.name in given]
    return [
        Content.assemble(*(part for column, cells in shown for part in _cell(column, item, cells))).rstrip()
        for item in items
    ]


def _cell[T](column: Column[T], item: T, cells: int) -> list[tuple[str, str]]:
    """Exactly `cells` cells, and the gap."""
    parts = _cut(column.draw(item, cells), cells)
    blank = " " * (cells - sum(cell_len(text) for text, _ in parts))
    padded = [(blank, ""), *parts] if column.align is Align.RIGHT else [*parts, (blank, "")]
    return [*padded, (" " * column.gap, "")]


def _cut(parts: Parts, cells: int) -> list[tuple[str, str]]:
    """What fits into `cells` cells; a sign at the end says that something was cut."""
    if sum(cell_len(text) for text, _ in parts) <= cells:
        return list(parts)
    kept: list[tuple[str, str]] = []
    left = cells - 1
    for text, style in parts:
        fitting = text if cell_len(text) <= left else set_cell_size(text, max(0, left))
        kept.append((fitting, style))
        left -= cell_len(fitting)
    return [*kept, (signs().more, kept[-1][1])] if cells else []
