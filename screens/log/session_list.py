"""The table of sessions."""

from __future__ import annotations

from collections.abc import Sequence

from screens.views.log_rows import ORDERS, LogTable, Order, Survey
from screens.widgets.table import TableList
from services.log.table.light import Light
from sessions.models import SessionKind


class SessionList(TableList):
    """One row per session, in one of the orders, with the columns of a kind where only that is asked for."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Light] = ()
        self.order: Order = ORDERS[0]
        self.table = LogTable()
        self._newest_first: Sequence[Light] = ()
        self._kind: SessionKind | None = None

    @property
    def chosen(self) -> Light | None:
        """The session under the cursor."""
        return self.entries[self.cursor] if self.cursor < len(self.entries) else None

    def list_sessions(
        self, sessions: Sequence[Light], chosen: str, kind: SessionKind | None = None, survey: Survey | None = None
    ) -> None:
        """Show these sessions, newest first, in the present order, with the cursor on the one of this id.

        With the columns of `kind`, which all of them then are. `survey` is of them, if it was made already.
        """
        self._newest_first, self._kind = sessions, kind
        self.entries = entries = self.order.sorted(sessions)
        at = next((n for n, each in enumerate(entries) if each.id == chosen), 0) if chosen else 0
        known = survey or self.table.survey(entries, kind)
        self.tabulate(lambda room: self.table.of(entries, room, self.order, kind, survey=known), at)

    def relist(self) -> None:
        """Lay the same sessions out again: more of them were measured."""
        self.list_sessions(self._newest_first, self.chosen.id if self.chosen else "", self._kind)

    def choose(self, session_id: str) -> bool:
        """Put the cursor on the session of this id; False if it is not listed."""
        at = next((n for n, each in enumerate(self.entries) if each.id == session_id), None)
        if at is not None:
            self.move(at - self.cursor)
        return at is not None

    def order_by_next(self) -> None:
        """Use the next order, of the same sessions; the cursor stays on its session."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self.relist()
