"""The list on the left of Bench: running sessions, and those that ended today. Reads in threads, draws rows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from screens.desk.desk import Desk
from screens.views import keys
from screens.views.session_rows import ended_row, running_row
from screens.views.signs import clean, signs
from screens.widgets.line import Line
from screens.widgets.rows import RowList
from services.live.running import Running, find_runs
from services.log.today import Today, today
from sessions.document import Session


class TodayPanel(Vertical):
    """Running sessions (first) and those that ended today; the screen's keys move the cursor and open."""

    @dataclass
    class Changed(Message):
        """The rows may have changed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="today", classes="panel")
        self.desk = desk
        self._today = Today()

    def compose(self) -> ComposeResult:
        yield RowList(id="rows")
        yield Line(id="today-hint")

    def on_mount(self) -> None:
        self.border_title = "today"

    # --- reading --------------------------------------------------------------------------------

    @work(group="look", exclusive=True)
    async def reload(self) -> None:
        """Read everything again."""
        self._today = await asyncio.to_thread(today, self.desk.folder)
        self.post_message(self.Changed())

    @work(group="runs", exclusive=True)
    async def refresh_runs(self) -> None:
        """Update the running sessions; read everything again if one appeared or ended."""
        before = self._today
        now = await asyncio.to_thread(find_runs, self.desk.folder)
        changed = [r.run.id for r in now.running] != [r.run.id for r in before.running]
        if changed or now.unreadable != before.runs.unreadable:
            self.reload()
        elif now != before.runs:
            self._today = Today(now, before.ended, before.problem)
            self.post_message(self.Changed())

    # --- rows -----------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._today.running) + len(self._today.ended)

    @property
    def chosen_running(self) -> Running | None:
        """The chosen session if it is running."""
        row = self.query_one(RowList).cursor
        return self._today.running[row] if row < len(self._today.running) else None

    @property
    def attachable(self) -> Running | None:
        """The chosen session if it is running and not attached to this console."""
        item = self.chosen_running
        return None if item is None or item.run.id in self._attached else item

    @property
    def runs_here(self) -> bool:
        """Whether a session not attached to this console holds the arm of the current bench."""
        return self._today.runs.holder_of_arm(self.desk.profile, but=self._attached) is not None

    @property
    def chosen_session(self) -> Session | None:
        """The chosen session if it has ended."""
        row = self.query_one(RowList).cursor - len(self._today.running)
        return self._today.ended[row] if 0 <= row < len(self._today.ended) else None

    @property
    def _attached(self) -> frozenset[str]:
        """The ids of the session and the training that this console is attached to."""
        session = self.desk.link.run.id if self.desk.link and self.desk.live else ""
        return frozenset({session, self.desk.training.attached} - {""})

    def draw(self) -> None:
        book = self._today
        attached = self._attached
        rows = [running_row(item, item.run.id if item.run.id in attached else "") for item in book.running]
        rows += [ended_row(session) for session in book.ended]
        self.query_one(RowList).show(rows)
        hint = f"{keys.OPEN} opens {signs().dot} {keys.ATTACH} attaches to what still runs"
        if book.problem:
            hint = f"{signs().warning} {clean(book.problem)}"
        elif not rows:
            hint = f"nothing yet today: what {keys.RECORD} records appears here"
        self.query_one("#today-hint", Line).show(Content.styled(hint, "$quiet"))
