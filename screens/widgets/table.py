"""A table that never takes the focus: rows in columns, laid out anew for its width when it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from textual.content import Content
from textual.strip import Strip

from screens.views.columns import Table
from screens.widgets.rows import RowList

NARROW = 75
"""Cells of a row before the widget has a size: as in the smallest terminal."""


class TableRows(Sequence[Content]):
    """The rows of a table, each laid out when it is first looked at."""

    def __init__(self, table: Table[Any]) -> None:
        self.table = table
        self._made: dict[int, Content] = {}

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, at: int) -> Content: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Content]: ...
    def __getitem__(self, at: int | slice) -> Content | Sequence[Content]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        if at not in self._made:
            self._made[at] = self.table.row(at)
        return self._made[at]


class TableList(RowList):
    """A list with a header; `tabulate` makes its table for a width."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabulate: Callable[[int], Table[Any]] | None = None
        self._drawn_width = NARROW

    def tabulate(self, table: Callable[[int], Table[Any]], cursor: int) -> None:
        """Show the table that `table(room)` makes, with the cursor on row `cursor`."""
        self._tabulate, self._drawn_width = table, self.room or self._drawn_width
        made = table(self._drawn_width)
        self.show(TableRows(made), cursor, made.header)

    def render_line(self, y: int) -> Strip:
        """Lay the table out again if the width changed while the list was hidden."""
        if self._tabulate is not None and self.room not in (0, self._drawn_width):
            self._drawn_width = self.room
            made = self._tabulate(self.room)
            self.rows, self.header = TableRows(made), made.header
        return super().render_line(y)
