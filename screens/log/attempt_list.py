"""The table of an opened session's episodes or trials."""

from __future__ import annotations

from screens.views.attempt_rows import Attempt, attempt_table, attempts
from screens.widgets.table import TableList
from services.units import plural
from sessions.document import Session
from sessions.models import Episode, SessionKind


class AttemptList(TableList):
    """One row per episode or trial, with a cursor that stays where it is while the session's marks change."""

    def __init__(self) -> None:
        super().__init__(id="attempt-rows")
        self.items: list[Attempt] = []
        self.title = ""
        self._session: Session | None = None

    @property
    def episode(self) -> Episode | None:
        """The episode under the cursor; None for a trial whose motion was not saved."""
        return self.items[self.cursor].episode if self.cursor < len(self.items) else None

    def list_attempts(self, session: Session) -> None:
        """Show those of this session."""
        if session is self._session:
            return
        same = self._session is not None and self._session.id == session.id
        self._session, self.items = session, attempts(session)
        items = self.items
        self.title = plural(len(items), "trial" if session.kind is SessionKind.EVAL else "episode")
        self.tabulate(lambda room: attempt_table(items, room), self.cursor if same else 0)
