"""The list at the left of Bench: what runs, what ended today. Looks in threads, draws rows."""

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
    """Rows of what runs (first) and what ended today; the screen's keys move the cursor and open."""

    @dataclass
    class Looked(Message):
        """The rows may be others now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="today", classes="panel")
        self.desk = desk
        self._today = Today()

    def compose(self) -> ComposeResult:
        """Rows, a hint."""
        yield RowList(id="rows")
        yield Line(id="today-hint")

    def on_mount(self) -> None:
        """The panel's title."""
        self.border_title = "today"

    # --- looking --------------------------------------------------------------------------------

    @work(group="look", exclusive=True)
    async def look(self) -> None:
        """Read everything anew."""
        self._today = await asyncio.to_thread(today, self.desk.folder)
        self.post_message(self.Looked())

    @work(group="runs", exclusive=True)
    async def look_again(self) -> None:
        """Follow what runs; read everything where a session came or went."""
        before = self._today
        now = await asyncio.to_thread(find_runs, self.desk.folder)
        came_or_went = [r.run.id for r in now.running] != [r.run.id for r in before.running]
        if came_or_went or now.unreadable != before.runs.unreadable:
            self.look()
        elif now != before.runs:
            self._today = Today(now, before.ended, before.problem)
            self.post_message(self.Looked())

    # --- what stands there ----------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._today.running) + len(self._today.ended)

    @property
    def chosen_running(self) -> Running | None:
        """The chosen session, where it runs."""
        row = self.query_one(RowList).cursor
        return self._today.running[row] if row < len(self._today.running) else None

    @property
    def attachable(self) -> Running | None:
        """The chosen session, where it runs and this console is not attached to it."""
        item = self.chosen_running
        return None if item is None or item.run.id in self._attached else item

    @property
    def runs_here(self) -> bool:
        """Whether a session that this console is not attached to holds the bench at which it sits."""
        return self._today.runs.holder_of_arm(self.desk.profile.name, but=self._attached) is not None

    @property
    def chosen_session(self) -> Session | None:
        """The chosen session, where it has ended."""
        row = self.query_one(RowList).cursor - len(self._today.running)
        return self._today.ended[row] if 0 <= row < len(self._today.ended) else None

    @property
    def _attached(self) -> frozenset[str]:
        """The session and the training that this console is attached to."""
        session = self.desk.link.run.id if self.desk.link and self.desk.live else ""
        return frozenset({session, self.desk.training.attached} - {""})

    def draw(self) -> None:
        """Rows and hint."""
        book = self._today
        mine = self._attached
        rows = [running_row(item, item.run.id if item.run.id in mine else "") for item in book.running]
        rows += [ended_row(session) for session in book.ended]
        self.query_one(RowList).show(rows)
        hint = f"{keys.OPEN} opens {signs().dot} {keys.ATTACH} attaches to what still runs"
        if book.problem:
            hint = f"{signs().warning} {clean(book.problem)}"
        elif not rows:
            hint = f"nothing yet today: what {keys.RECORD} records appears here"
        self.query_one("#today-hint", Line).show(Content.styled(hint, "$quiet"))
