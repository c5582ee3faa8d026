"""A table that never takes the focus: rows in columns, laid out anew for its width when it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.strip import Strip

from screens.views.columns import Table
from screens.widgets.rows import LaidOut, RowList

NARROW = 75
"""Cells of a row before the widget has a size: as in the smallest terminal."""


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
        self.show(LaidOut(len(made), made.row), cursor, made.header)

    def render_line(self, y: int) -> Strip:
        """Lay the table out again if the width changed while the list was hidden."""
        if self._tabulate is not None and self.room not in (0, self._drawn_width):
            self._drawn_width = self.room
            made = self._tabulate(self.room)
            self.rows, self.header = LaidOut(len(made), made.row), made.header
        return super().render_line(y)
