"""The list of sessions; its columns depend on its width when it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from screens.views.log_rows import log_rows
from screens.widgets.rows import RowList
from sessions.document import Session

NARROW = 75
"""Cells of a row before the widget has a size: as in the smallest terminal."""


class SessionList(RowList):
    """One row per session."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sessions: Sequence[Session] = ()
        self._drawn_width = NARROW

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor."""
        return self._sessions[self.cursor] if self.cursor < len(self._sessions) else None

    def list_sessions(self, sessions: Sequence[Session], cursor: int) -> None:
        """Show these sessions, with the cursor on row `cursor`."""
        self._sessions, self._drawn_width = sessions, self.room or self._drawn_width
        self.show(log_rows(sessions, self._drawn_width), cursor)

    def render_line(self, y: int) -> Strip:
        """Lay the rows out again if the width changed while the list was hidden."""
        if self.room not in (0, self._drawn_width):
            self._drawn_width = self.room
            self.rows = tuple(log_rows(self._sessions, self.room))
        return super().render_line(y)
