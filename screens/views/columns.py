"""Tables: columns sized to their content, with headers; what does not fit is narrowed, then left out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from screens.views.signs import signs

type Parts = Sequence[tuple[str, str]]
"""Texts and their styles, one after another."""
GAP = 2
"""Blank cells between two columns."""
EXTRA = 3
"""Columns of this rank and above are left out before any is narrowed."""
NARROW_FIRST = 100
"""A value of `extra` for tables whose columns are all narrowed before one is left out."""


class Align(StrEnum):
    """Alignment of the text in its cell."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Column[T]:
    """`draw(item)` returns the text of a cell; a column whose cells are all empty is left out.

    A column is as wide as its widest cell or its header, at most `most` cells (0: no limit). Where the room is short,
    columns of a rank from `extra` on are left out, then those with a `least` are narrowed to that many cells, then more
    are left out, each time those of the highest `rank` first; those of rank 0 stay. A `narrow` text replaces one that
    is cut.
    """

    name: str
    draw: Callable[[T], Parts]
    rank: int = 0
    least: int = 0
    most: int = 0
    align: Align = Align.LEFT
    narrow: Callable[[T], Parts] | None = None


class Widths[T]:
    """How wide the cells of items are, drawn once for each: a long list is laid out anew at every key of a filter.

    `key` tells items apart; one that is another object than before is measured anew.
    """

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], str]) -> None:
        self.columns = columns
        self._key = key
        self._known: dict[str, tuple[T, tuple[int, ...]]] = {}

    def measure(self, items: Iterable[T]) -> None:
        """Measure those that are not known yet."""
        for item in items:
            known = self._known.get(key := self._key(item))
            if known is None or known[0] is not item:
                self._known[key] = item, tuple(length(column.draw(item)) for column in self.columns)

    def widest(self, items: Iterable[T]) -> list[int]:
        """The widest cell of each column, of the items that were measured."""
        known, key = self._known, self._key
        found = [known[name][1] for item in items if (name := key(item)) in known]
        return [max(each) for each in zip(*found, strict=True)] if found else [0] * len(self.columns)


class Table[T]:
    """The rows of `items` in `room` cells; a row is laid out when it is asked for."""

    def __init__(
        self,
        columns: Sequence[Column[T]],
        items: Sequence[T],
        room: int,
        marks: Mapping[str, str] | None = None,
        *,
        extra: int = EXTRA,
        widest: Sequence[int] | None = None,
    ) -> None:
        """`marks` are signs behind the header of a column, by its name: the order of the rows.

        `widest` are the cells of the widest cell of each column, where they are known already.
        """
        self.items, self.room, self._marks, self._extra = items, room, marks or {}, extra
        wide = widest or [max((length(each.draw(item)) for item in items), default=0) for each in columns]
        shown = [(column, cells) for column, cells in zip(columns, wide, strict=True) if cells]
        self._columns = [column for column, _ in shown]
        self._natural = [self._limit(column, cells) for column, cells in shown]

    def __len__(self) -> int:
        return len(self.items)

    def _limit(self, column: Column[T], wide: int) -> int:
        head = cell_len(self._head(column))
        return max(head, min(wide, column.most) if column.most else wide)

    def _head(self, column: Column[T]) -> str:
        return f"{column.name}{self._marks.get(column.name, '')}"

    @cached_property
    def widths(self) -> dict[int, int]:
        """The cells of each column that is shown, by its place."""
        widths = dict(enumerate(self._natural))
        by_rank = sorted(widths, key=lambda n: (-self._columns[n].rank, -n))
        for n in by_rank:
            if _cells(widths) > self.room and self._columns[n].rank >= self._extra:
                del widths[n]
        for n in [n for n in by_rank if n in widths]:
            if (over := _cells(widths) - self.room) > 0 and self._columns[n].least:
                widths[n] = max(min(self._columns[n].least, widths[n]), widths[n] - over)
        for n in [n for n in by_rank if n in widths]:
            if _cells(widths) > self.room and self._columns[n].rank:
                del widths[n]
        return self._widened(widths)

    def _widened(self, widths: dict[int, int]) -> dict[int, int]:
        """What was left out may leave room for what was narrowed, the most important first."""
        for n in sorted(widths, key=lambda n: (self._columns[n].rank, n)):
            widths[n] = min(self._natural[n], widths[n] + max(0, self.room - _cells(widths)))
        return widths

    @property
    def header(self) -> Content:
        """The names of the columns."""
        return self._line(lambda n: [(self._head(self._columns[n]), "$quiet")])

    def row(self, number: int) -> Content:
        """A row, from 0."""
        return self._line(lambda n: self._cell(n, number))

    @property
    def rows(self) -> list[Content]:
        """All rows."""
        return [self.row(number) for number in range(len(self))]

    def _cell(self, n: int, number: int) -> Parts:
        column, item = self._columns[n], self.items[number]
        cell = column.draw(item)
        return column.narrow(item) if column.narrow and length(cell) > self.widths[n] else cell

    def _line(self, cell: Callable[[int], Parts]) -> Content:
        parts: list[tuple[str, str]] = []
        for n, cells in sorted(self.widths.items()):
            parts += [(" " * GAP if parts else "", ""), *_fitted(cell(n), cells, self._columns[n].align)]
        return Content.assemble(*parts).rstrip()


def length(parts: Parts) -> int:
    """The cells of these texts."""
    return sum(cell_len(text) for text, _ in parts)


def _cells(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * max(0, len(widths) - 1)


def _fitted(parts: Parts, cells: int, align: Align) -> list[tuple[str, str]]:
    """Exactly `cells` cells."""
    kept = _cut(parts, cells)
    blank = (" " * (cells - length(kept)), "")
    return [blank, *kept] if align is Align.RIGHT else [*kept, blank]


def _cut(parts: Parts, cells: int) -> list[tuple[str, str]]:
    """The part that fits into `cells` cells, with an ellipsis if something was cut."""
    if length(parts) <= cells:
        return list(parts)
    kept: list[tuple[str, str]] = []
    left = cells - 1
    for text, style in parts:
        fitting = text if cell_len(text) <= left else set_cell_size(text, max(0, left))
        kept.append((fitting, style))
        left -= cell_len(fitting)
    return [*kept, (signs().more, kept[-1][1])] if cells else []
