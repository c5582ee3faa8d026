"""The table of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from screens.views.log_rows import ORDERS, Entry, Order, entry, session_table
from screens.widgets.table import TableList
from services.log.whole_rows import part
from sessions.chains import Evaluation
from sessions.document import Session


class SessionList(TableList):
    """One row per session, in one of the orders."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry] = ()
        self.order: Order = ORDERS[0]
        self._known: dict[str, Entry] = {}
        self._wholes: Mapping[str, Evaluation] = {}

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor."""
        return self.entries[self.cursor].session if self.cursor < len(self.entries) else None

    def list_sessions(
        self, sessions: Sequence[Session], chosen: str, wholes: Mapping[str, Evaluation] | None = None
    ) -> None:
        """Show these sessions, newest first, in the present order, with the cursor on the one of this id.

        `wholes` are the evaluations that sessions belong to, by id; without them, those of the last time.
        """
        self._wholes = self._wholes if wholes is None else wholes
        entries = [self._entry(session) for session in sessions]
        self.entries = entries = self.order.sorted(entries)
        at = next((n for n, each in enumerate(entries) if each.session.id == chosen), 0)
        self.tabulate(lambda room: session_table(entries, room, self.order), at)

    def _entry(self, session: Session) -> Entry:
        known = self._known.get(session.id)
        whole = part(session, self._wholes.get(session.id))
        if known is None or known.session is not session or known.part != whole:
            known = self._known[session.id] = entry(session, whole)
        return known

    def order_by_next(self) -> None:
        """Use the next order, of the same sessions; the cursor stays on its session."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        newest_first = sorted((each.session for each in self.entries), key=lambda s: (s.started.at, s.id), reverse=True)
        self.list_sessions(newest_first, self.chosen.id if self.chosen else "")
