"""A list that never takes the focus: the screen's keys move its cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import signs
from screens.widgets.line import strip


class LaidOut(Sequence[Content]):
    """Rows that are each laid out when first looked at: there may be thousands."""

    def __init__(self, length: int, row: Callable[[int], Content]) -> None:
        self._length, self._row = length, row
        self._made: dict[int, Content] = {}

    def __len__(self) -> int:
        return self._length

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
            self._made[at] = self._row(at)
        return self._made[at]


class RowList(Widget):
    """Rows of content with a cursor, perhaps below a header; a click chooses a row, a second one opens it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    RowList { width: 1fr; height: 1fr; }
    """

    @dataclass
    class Opened(Message):
        """A row was opened by mouse."""

        row: int

    @dataclass
    class Chosen(Message):
        """The cursor moved to another row."""

        row: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Content] = ()
        self.header: Content | None = None
        self.cursor = 0
        self._top = self._lead = 0

    @property
    def lines(self) -> list[str]:
        """The plain text of each row."""
        return [row.plain for row in self.rows]

    @property
    def room(self) -> int:
        """The width of a row in cells, without the cursor mark."""
        return max(0, self.size.width - 1)

    @property
    def shown(self) -> int:
        """How many rows are seen at a time; 0 before the list has a size."""
        return max(0, self.size.height - (self.header is not None))

    def show(
        self, rows: Sequence[Content], cursor: int | None = None, header: Content | None = None, *, lead: int = 0
    ) -> None:
        """Show these rows; the cursor moves to `cursor`, if given. The `lead` rows above it, a heading, stay in sight.

        The `header` stands above all rows at all times.
        """
        wanted = self.cursor if cursor is None else cursor
        at = max(0, min(wanted, len(rows) - 1))
        same = (at, lead) == (self.cursor, self._lead) and _same(header, self.header)
        changed = _changed(self.rows, rows) if same else None
        self._lead = lead
        self.rows, self.header, self.cursor = rows, header, at
        if changed is None:
            self._scroll()
            self.refresh()
            return
        first = self._top - (header is not None)
        if seen := [at - first for at in changed if self._top <= at < self._top + self.shown]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in seen))

    def move(self, by: int) -> None:
        """Move the cursor by rows, at most to the ends."""
        at = max(0, min(self.cursor + by, len(self.rows) - 1))
        if at != self.cursor:
            self.cursor = at
            self._scroll()
            self.refresh()
            self.post_message(self.Chosen(at))

    def page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.move(pages * max(1, self.shown - 1))

    def _scroll(self) -> None:
        """Keep the cursor in sight, and the rows above it where they fit."""
        height = self.shown
        if height:
            above = max(0, self.cursor - min(self._lead, height - 1))
            self._top = min(self._top, above, max(0, len(self.rows) - height))
            self._top = max(self._top, self.cursor - height + 1)

    def on_resize(self) -> None:
        """Keep the cursor visible."""
        self._scroll()

    def on_click(self, event: events.Click) -> None:
        """Choose a row; open it if it is chosen already."""
        y = event.y - (self.header is not None)
        row = self._top + y
        if y < 0 or row >= len(self.rows):
            return
        if row == self.cursor:
            self.post_message(self.Opened(row))
        self.move(row - self.cursor)

    def render_line(self, y: int) -> Strip:
        """The header, or one row; the chosen one has a mark and a raised background."""
        width = self.size.width
        if self.header is not None:
            if y == 0:
                return strip(self, Content.assemble(" ", self.header), width)
            y -= 1
        row = self._top + y
        if row >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        chosen = row == self.cursor
        mark = (signs().cursor, "bold $accent") if chosen else (" ", "")
        line = Content.assemble(mark, self.rows[row])
        if chosen:
            line = line.pad_right(max(0, width - line.cell_length)).stylize("on $lifted")
        return strip(self, line, width)


def _same(one: Content | None, other: Content | None) -> bool:
    return one is other or (one is not None and other is not None and one.is_same(other))


def _changed(before: Sequence[Content], rows: Sequence[Content]) -> list[int] | None:
    """The rows that are not as before; None if that would have to be all of them."""
    if rows is before:
        return []
    if not isinstance(rows, list | tuple) or not isinstance(before, list | tuple):
        return None  # laid out when seen: comparing them would lay out all
    if len(rows) != len(before):
        return None
    return [at for at, pair in enumerate(zip(before, rows, strict=True)) if not _same(*pair)]
