"""The list of the Log: reading the log, and the filter, without ever holding up the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from textual import work

from screens.log.filter_line import FilterLine
from screens.log.going_on import GoingOnScreen
from screens.log.session_list import SessionList
from screens.views.log_rows import Survey
from services.log.problem import LogbookProblem
from sessions.chains import Evaluation
from sessions.document import Session

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.registry import ScreenEntry
    from services.log.table.light import Light
    from services.log.table.query import Query

AT_ONCE = 1_000
"""Sessions that are filtered in one turn of the loop: a few milliseconds."""
FIRST = 400
"""Sessions whose cells are measured before the list is shown; the others are while it is read."""


class ListingScreen(GoingOnScreen):
    """Has the index of the log, and the list of those of its sessions that fit the filter."""

    def __init__(self, desk: Desk, entry: ScreenEntry) -> None:
        super().__init__(desk, entry)
        self.listed = SessionList(id="rows")
        """By its name, not asked of the screen: a reading may begin while the screen is taken down."""
        self._matches = 0
        self._query = ""
        self._query_problem = ""
        self._problem = ""
        self._loaded = False
        self._typed_at = 0.0
        self._reading = Lock()
        self._decoded: tuple[Light, Session, Evaluation | None] | None = None

    # --- reading --------------------------------------------------------------------------------

    def read(self, *, newest: bool = False) -> None:
        """Read the log again, in a thread."""
        self._fold(newest)

    @work(group="log", exclusive=True)
    async def _fold(self, newest: bool) -> None:
        from services.log import damage

        listed = self.listed
        try:
            if not self._loaded and await asyncio.to_thread(self._begin):
                self.filter("")
            await asyncio.to_thread(self._refresh)
            self._problem = self.index.message
        except LogbookProblem as problem:
            self._problem = str(problem)
        entries = self.index.entries
        await asyncio.to_thread(listed.table.measure, entries[:FIRST])
        self._loaded = True
        if wanted := self.desk.opened:
            self.desk.opened = ""
            self.open_session(wanted)
        else:
            self.filter("" if newest or listed.chosen is None else listed.chosen.id)
        self.log_was_read()
        if len(entries) > FIRST:
            await asyncio.to_thread(listed.table.measure, entries)
            listed.relist()
        if self._problem and self.is_current:
            await asyncio.to_thread(damage.mark_shown, self.desk.folder)

    def log_was_read(self) -> None:
        """What else shows sessions of the log may show them anew."""

    def _begin(self) -> bool:
        with self._reading:
            return self.index.begin()

    def _refresh(self) -> None:
        """A reading that was given up goes on in its thread: the next one waits for it."""
        with self._reading:
            self.index.refresh()

    # --- the filter -----------------------------------------------------------------------------

    def filter(self, chosen: str, *, at_once: bool = False) -> None:
        """List the sessions that match, with the cursor on the one of this id, else on the first."""
        from services.log.table import query

        asked = query.parse(self._query)
        entries = self.index.entries
        self.workers.cancel_group(self, "filter")
        if len(entries) <= AT_ONCE or at_once:
            self._list(asked, asked.of(entries), chosen)
        else:
            self._filter_in_slices(asked, chosen)

    @work(group="filter", exclusive=True)
    async def _filter_in_slices(self, asked: Query, chosen: str) -> None:
        """Keys, the arm's above all, are seen between two slices."""
        table = self.listed.table
        entries, fitting = self.index.entries, []
        survey = table.survey((), asked.kind)
        for at in range(0, len(entries), AT_ONCE):
            found = asked.of(entries[at : at + AT_ONCE])
            fitting += found
            survey = survey.with_(table.survey(found, asked.kind))
            await asyncio.sleep(0)
        self._list(asked, fitting, chosen, survey)

    def _list(self, asked: Query, fitting: Sequence[Light], chosen: str, survey: Survey | None = None) -> None:
        self._matches, self._query_problem = len(fitting), asked.problem
        self.listed.list_sessions(fitting, chosen, asked.kind, survey)
        self.redraw()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        message.stop()
        self._query, self._typed_at = message.query, time.monotonic()
        row = self.listed.chosen
        self.filter(row.id if row else "")

    # --- one session ----------------------------------------------------------------------------

    def choose(self, session_id: str) -> bool:
        """Put the cursor on the session of this id; a filter that hides it is taken away. False if there is none."""
        listed = self.listed
        if listed.choose(session_id):
            return True
        self._query = ""
        self.filter(session_id, at_once=True)
        return listed.chosen is not None and listed.chosen.id == session_id

    def document(self, row: Light | None) -> Session | None:
        """The whole session of a row, decoded once; None if the log has none (any more)."""
        if row is None:
            return None
        if self._decoded is None or self._decoded[0] is not row:
            session = self.index.session(row.id)
            if session is None:
                return None
            self._decoded = row, session, self.index.evaluation(row.id)
        return self._decoded[1]

    def whole(self, session: Session) -> Evaluation | None:
        """The evaluation that the session belongs to; looked up once for the one that is chosen."""
        if self._decoded is not None and self._decoded[1] is session:
            return self._decoded[2]
        return self.index.evaluation(session.id)
