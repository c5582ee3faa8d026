"""A box of text in the middle of a dialog: as large as its text, no larger than the screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size

from screens.views.sheet_rows import Laid, Paragraph, laid
from screens.widgets.line import Lines

SMALL_ROWS, SMALL_COLUMNS = 20, 70
"""A screen below this gives the text its margins."""


class Sheet(Lines):
    """Its border and margins come from the class `dialog`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.add_class("dialog")
        self._at = self._below = 0

    def room(self, screen: Size, most: int) -> tuple[int, int]:
        """Columns and rows that text may have on such a screen, at most `most` columns."""
        self.set_class(screen.height < SMALL_ROWS or screen.width < SMALL_COLUMNS, "-small")
        columns, rows = (4, 2) if self.has_class("-small") else (6, 4)
        return max(10, min(most, screen.width - columns)), max(3, screen.height - rows)

    def show_parts(
        self, head: Sequence[Paragraph], body: Sequence[Paragraph], foot: Sequence[Paragraph], width: int, height: int
    ) -> None:
        """Draw the text in `width` x `height` cells, and take no more rows than it needs."""
        found: Laid = laid(head, body, foot, (width, height), self._at)
        self._at, self._below = found.at, found.below
        columns, rows = (4, 2) if self.has_class("-small") else (6, 4)
        self.styles.width, self.styles.height = width + columns, len(found.rows) + rows
        self.show(found.rows)

    def scroll_rows(self, by: int) -> None:
        """Move the window of the body; the next `show_parts` draws it."""
        self._at = max(0, self._at + min(by, self._below))

    def on_click(self, event: events.Click) -> None:
        """A click inside is none on the screen below."""
        event.stop()
