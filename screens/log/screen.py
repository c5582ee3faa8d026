"""Log: every session, newest first; filtered, opened, annotated."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from screens.desk.messages import SessionChanged
from screens.frame.arm_actions import ARM_SESSION_KEYS
from screens.frame.availability import may_type
from screens.frame.dialogs import TextEntry
from screens.frame.lab_screen import LabScreen
from screens.log.annotate import AnnotationScreen
from screens.log.session_list import SessionList
from screens.views import keys
from screens.views.signs import clean, signs
from screens.widgets.line import Line
from screens.widgets.page_view import PageView
from screens.widgets.rows import RowList
from services.units import plural
from sessions.document import Session

LATE_VERDICTS = ("judge_late('success')", "judge_late('failure')", "judge_late('void')")


class LogScreen(AnnotationScreen, LabScreen):
    """A list with the chosen session below it; opened, the session alone."""

    CSS_PATH = "log.tcss"
    FOOTER: ClassVar[tuple[str, ...]] = (
        "pause", "rest", "release", "take_over", "open", *LATE_VERDICTS, "filter", "note_to", "tag", "finish",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="log.open",
                tooltip="The chosen session alone, in full; once more back"),
        Binding("slash", "filter", "filter", id="log.filter",
                tooltip="kind:record, tag:night, operator:anna, any text; nothing shows all"),
        Binding("n", "note_to", "note", id="log.note", tooltip="Add a remark to the chosen session"),
        Binding("t", "tag", "tag", id="log.tag", tooltip="Put a tag on the chosen session; -tag takes it off"),
        Binding("s", "judge_late('success')", "success", id="log.success",
                tooltip="The trial that was left without a verdict did the task"),
        Binding("f", "judge_late('failure')", "failure", id="log.failure", tooltip="That trial failed"),
        Binding("v", "judge_late('void')", "void", id="log.void", tooltip="That trial does not count"),
        Binding("up", "move(-1)", "up", show=False, id="log.up", tooltip="The session above, or scroll"),
        Binding("down", "move(1)", "down", show=False, id="log.down", tooltip="The session below, or scroll"),
        Binding("pageup", "page(-1)", "page up", show=False, id="log.page-up", tooltip="A page up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="log.page-down", tooltip="A page down"),
        *ARM_SESSION_KEYS,
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """List at the top, the chosen session below."""
        with Vertical(id="list", classes="panel"):
            yield SessionList(id="rows")
            yield Line(id="empty")
        yield PageView(id="page")

    def on_mount(self) -> None:
        self._all: tuple[Session, ...] = ()
        self._shown: list[Session] = []
        self._query = ""
        self._problem = ""
        self._loaded = False
        self.read()

    def on_screen_resume(self) -> None:
        """New sessions may have been recorded."""
        self.read()

    def on_session_changed(self, message: SessionChanged) -> None:
        self.read()

    def read(self) -> None:
        """Read the log again, in a thread."""
        self._fold()

    @work(group="log", exclusive=True)
    async def _fold(self) -> None:
        from services.log import damage, logbook

        try:
            book = await asyncio.to_thread(logbook.sessions, self.desk.folder)
            self._all, self._problem = book.sessions, book.message or ""
        except logbook.LogbookProblem as problem:
            self._problem = str(problem)
        self._loaded = True
        self._filter()
        if self._problem and self.is_current:
            await asyncio.to_thread(damage.mark_shown, self.desk.folder)

    def _filter(self) -> None:
        from services.log import logbook

        chosen = self.chosen.id if self.chosen else ""
        self._shown = logbook.matching(self._all, self._query)
        if wanted := self.desk.opened:
            self.desk.opened = ""
            if wanted not in [s.id for s in self._shown]:
                self._query, self._shown = "", list(self._all)
            self.add_class("-open")
            chosen = wanted
        ids = [s.id for s in self._shown]
        at = ids.index(chosen) if chosen in ids else 0
        self.query_one(SessionList).list_sessions(self._shown, at)
        self.redraw()

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor."""
        return self.query_one(SessionList).chosen

    # --- drawing --------------------------------------------------------------------------------

    def draw(self) -> None:
        """Titles, the empty state, the chosen session."""
        dot = f" {signs().dot} "
        count = (
            f"{len(self._shown)} of {plural(len(self._all), 'session')}"
            if self._query
            else plural(len(self._all), "session")
        )
        title = f"{count}{dot}filter: {clean(self._query)}" if self._query else count
        self.query_one("#list").border_title = Content(title) if self._loaded else Content("reading the log")
        empty = self.query_one("#empty", Line)
        empty.display = not self._shown or bool(self._problem)
        empty.show(self._empty())
        self._draw_page()

    def _empty(self) -> str:
        if self._problem:
            return f"{signs().warning} {clean(self._problem)}"
        if not self._loaded:
            return "reading the log"
        if self._query:
            return f"nothing fits the filter: {keys.FILTER} changes it, Esc takes it away"
        teleoperates = f"{keys.BENCH} {keys.TELEOPERATE} teleoperates"
        return f"no session yet: {keys.RECORD} records one, {teleoperates}, and it appears here"

    def _draw_page(self) -> None:
        session = self.chosen
        self.set_class(session is None, "-empty")
        if session is not None:
            view = self.query_one(PageView)
            view.border_title = Content(f"session {clean(session.id)}")
            view.show(session)

    # --- keys -----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Annotating needs a chosen session and, like filtering, that the arm is not busy: x must mean stop."""
        if action in ("note_to", "tag"):
            return self.chosen is not None and may_type(self.desk)
        if action == "judge_late":
            return self.unjudged is not None and may_type(self.desk)
        if action == "open":
            return self.chosen is not None
        if action == "filter":
            return may_type(self.desk)
        if action in ("rest", "release"):  # only for a running session; Bench has them for a free arm
            return self.desk.live and super().check_action(action, parameters)
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        """Show the chosen session alone, or the list again."""
        self.toggle_class("-open")

    def close_open(self) -> None:
        """Esc goes back to the list, then clears the filter."""
        if self.has_class("-open"):
            self.remove_class("-open")
        elif self._query:
            self._query = ""
            self._filter()

    def action_move(self, by: int) -> None:
        """Scroll the open session, or move the cursor."""
        if self.has_class("-open"):
            self.query_one(PageView).scroll_relative(y=by * 2, animate=False)
        else:
            self.query_one(SessionList).move(by)
            self.redraw()

    def action_page(self, by: int) -> None:
        """Scroll or move by a page."""
        if self.has_class("-open"):
            self.query_one(PageView).scroll_relative(y=by * self.size.height // 2, animate=False)
        else:
            self.query_one(SessionList).page(by)
            self.redraw()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """The mouse or a key chose a row."""
        message.stop()
        self.redraw()

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen row."""
        message.stop()
        self.action_open()

    def action_filter(self) -> None:
        title = "Filter: kind:record tag:night operator:anna, or any text"
        self.app.push_screen(TextEntry(self.desk, title, self._query, "filter"), self._filter_by)

    def _filter_by(self, query: str | None) -> None:
        if query is not None:
            self._query = query
            self._filter()
