"""A list that never takes the focus: the screen's keys move its cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import signs
from screens.widgets.line import strip


class RowList(Widget):
    """Rows of content with a cursor; a click chooses a row, a second one opens it."""

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
        self.rows: tuple[Content, ...] = ()
        self.cursor = 0
        self._top = 0

    @property
    def lines(self) -> list[str]:
        """The plain text of each row."""
        return [row.plain for row in self.rows]

    @property
    def room(self) -> int:
        """The width of a row in cells, without the cursor mark."""
        return max(0, self.size.width - 1)

    def show(self, rows: Sequence[Content], cursor: int | None = None) -> None:
        """Show these rows; the cursor moves to `cursor`, if given."""
        wanted = self.cursor if cursor is None else cursor
        at = max(0, min(wanted, len(rows) - 1))
        same = len(rows) == len(self.rows) and all(a.is_same(b) for a, b in zip(rows, self.rows, strict=True))
        if same and at == self.cursor:
            return
        self.rows, self.cursor = tuple(rows), at
        self._scroll()
        self.refresh()

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
        self.move(pages * max(1, self.size.height - 1))

    def _scroll(self) -> None:
        height = max(1, self.size.height)
        self._top = min(self._top, self.cursor, max(0, len(self.rows) - height))
        self._top = max(self._top, self.cursor - height + 1)

    def on_resize(self) -> None:
        """Keep the cursor visible."""
        self._scroll()

    def on_click(self, event: events.Click) -> None:
        """Choose a row; open it if it is chosen already."""
        row = self._top + event.y
        if row >= len(self.rows):
            return
        if row == self.cursor:
            self.post_message(self.Opened(row))
        self.move(row - self.cursor)

    def render_line(self, y: int) -> Strip:
        """One row; the chosen one has a mark and a raised background."""
        width = self.size.width
        row = self._top + y
        if row >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        chosen = row == self.cursor
        mark = (signs().cursor, "bold $accent") if chosen else (" ", "")
        line = Content.assemble(mark, self.rows[row])
        if chosen:
            line = line.pad_right(max(0, width - line.cell_length)).stylize("on $lifted")
        return strip(self, line, width)
