"""The list of sessions, its columns those of the room that it has when it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from screens.views.log_rows import log_rows
from screens.widgets.rows import RowList
from sessions.document import Session

NARROW = 75
"""Cells of a row before there is a size: those of the smallest terminal."""


class SessionList(RowList):
    """A row for each session."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sessions: Sequence[Session] = ()
        self._fitted = NARROW

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor."""
        return self._sessions[self.cursor] if self.cursor < len(self._sessions) else None

    def list_sessions(self, sessions: Sequence[Session], cursor: int) -> None:
        """List these, the cursor at that one."""
        self._sessions, self._fitted = sessions, self.room or self._fitted
        self.show(log_rows(sessions, self._fitted), cursor)

    def render_line(self, y: int) -> Strip:
        """One row; a list that was hidden may have got another size meanwhile."""
        if self.room not in (0, self._fitted):
            self._fitted = self.room
            self.rows = tuple(log_rows(self._sessions, self.room))
        return super().render_line(y)
