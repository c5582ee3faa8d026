"""Log: every session in a table; filtered, ordered, opened, annotated, followed to where it came from."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from screens.desk.messages import SessionChanged
from screens.frame.arm_actions import ARM_SESSION_KEYS
from screens.frame.availability import may_type
from screens.log.attempt_list import AttemptList
from screens.log.beside import BESIDE_KEYS, SideView
from screens.log.filter_line import FilterLine
from screens.log.going_on import GO_ON_KEY
from screens.log.reporting import REPORT_KEY
from screens.log.tree import TREE_KEYS, LifeList, TreeScreen
from screens.views import keys
from screens.views.signs import clean, signs
from screens.widgets.keyline import Key
from screens.widgets.line import Line
from screens.widgets.page_view import PageView
from screens.widgets.rows import RowList
from services.log.problem import LogbookProblem
from services.units import plural
from sessions.document import Session
from sessions.models import Episode, SessionKind, SessionStatus

LATE_VERDICTS = ("judge_late('success')", "judge_late('failure')", "judge_late('void')")
BESIDE = 120
"""Columns of a terminal from which the chosen session's page stands beside the list."""
TYPES_S = 0.12
"""How long after a key of the filter the chosen session's page waits for another one."""
NARROW = 100
"""Columns of a terminal below which an opened session's episodes stand below its page, not beside it."""


class LogScreen(TreeScreen):
    """A table with the chosen session beside it; opened, the session alone, with a cursor over its episodes."""

    CSS_PATH = "log.tcss"
    FOOTER: ClassVar[tuple[str, ...]] = (
        "take_over", "pause", "rest", "release", "finish", "open", "mark", "look_at", "filter", *LATE_VERDICTS,
        "resume_evaluation",
        "note_to", "tag", "follow('origin')", "follow('result')", "return", "tree", "mark_beside",
        "compare_sessions", "order", "copy", "report",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="log.open",
                tooltip="The chosen session alone, in full; once more back"),
        Binding("slash", "filter", "filter", id="log.filter",
                tooltip="Words, kind:eval, verdict:failure, #night, operator:anna, after:2026-11; applies as you type"),
        Binding("O", "order", "order", id="log.order", tooltip="Order by the next column, marked in the header"),
        Binding("n", "note_to", "notes", id="log.note", tooltip="Write a note to the chosen session, or edit one"),
        Binding("t", "tag", "tag", id="log.tag", tooltip="Put a tag on the chosen session; -tag takes it off"),
        Binding("y", "copy", "copy", id="log.copy",
                tooltip="Copy its id, a path or the command that repeats it, to your own terminal"),
        Binding("left", "follow('origin')", "came from", id="log.origin",
                tooltip="The session that made the data or the policy of this one"),
        Binding("right", "follow('result')", "came of it", id="log.results",
                tooltip="The trainings and evaluations that used what this one made"),
        Binding("backspace", "return", "back", id="log.return", tooltip="Back to where the last link was followed"),
        Binding("r", "mark", "reject", id="log.mark",
                tooltip="Reject or accept the chosen episode of the opened session, with a reason"),
        Binding("i", "look_at", "look at it", id="log.look",
                tooltip="Look at the chosen episode of the opened session"),
        Binding("s", "judge_late('success')", "success", id="log.success",
                tooltip="The trial that was left without a verdict did the task"),
        Binding("f", "judge_late('failure')", "failure", id="log.failure", tooltip="That trial failed"),
        Binding("v", "judge_late('void')", "void", id="log.void", tooltip="That trial does not count"),
        REPORT_KEY,
        GO_ON_KEY,
        *TREE_KEYS,
        *BESIDE_KEYS,
        Binding("up", "move(-1)", "up", show=False, id="log.up", tooltip="The row above, or scroll"),
        Binding("down", "move(1)", "down", show=False, id="log.down", tooltip="The row below, or scroll"),
        Binding("pageup", "page(-1)", "page up", show=False, id="log.page-up", tooltip="A page up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="log.page-down", tooltip="A page down"),
        *ARM_SESSION_KEYS,
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """The table, the chosen session beside it, and the episodes of an opened one."""
        with Container(id="panes"):
            with Vertical(id="list", classes="panel"):
                yield FilterLine()
                yield self.listed
                yield Line(id="empty")
            with Vertical(id="tree", classes="panel"):
                yield LifeList()
            yield PageView(id="page")
            yield SideView()
            with Vertical(id="attempts", classes="panel"):
                yield AttemptList()

    def on_mount(self) -> None:
        self.query_one(PageView).read_curves_in(self.desk.folder)
        self.read()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE, "-beside")
        self.set_class(event.size.width < NARROW, "-narrow")

    def on_screen_resume(self) -> None:
        """New sessions may have been recorded; a cursor on the newest one stays on the newest."""
        listed = self.listed
        self.read(newest=listed.cursor == 0 and not self.opened)

    def on_session_changed(self, message: SessionChanged) -> None:
        self.read()

    @property
    def opened(self) -> bool:
        """Whether a session is shown alone."""
        return self.has_class("-open") and not self.beside

    def open_session(self, session_id: str) -> None:
        """Show the session of this id alone; a filter that hides it is taken away."""
        if self.choose(session_id):
            self._open()
        else:
            self.redraw()

    def _open(self) -> None:
        self.query_one(FilterLine).close()
        self.remove_class("-tree", "-side")
        self.add_class("-open")
        self.query_one(AttemptList).cursor = 0
        self.query_one(PageView).scroll_home(animate=False)
        self.redraw()
        if (session := self.chosen) and session.episodes and session.status is not SessionStatus.RUNNING:
            self._reconcile(session.id)

    @work(group="reconcile", exclusive=True)
    async def _reconcile(self, session_id: str) -> None:
        """Marks that reached only the dataset, because a console was killed, reach the log."""
        from services.log import marking

        try:
            if await asyncio.to_thread(marking.reconcile, self.desk.folder, session_id):
                self.read()
        except LogbookProblem:
            return  # the log says what is known; marking says why it cannot

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor."""
        return super().chosen if self.growing else self.document(self.listed.chosen)

    @property
    def episode(self) -> Episode | None:
        """The episode under the cursor of an opened session."""
        return self.query_one(AttemptList).episode if self.opened else None

    # --- drawing --------------------------------------------------------------------------------

    def draw(self) -> None:
        """Titles, the empty state, the chosen session."""
        line = self.query_one(FilterLine)
        if line.typing and not may_type(self.desk):
            line.close()
        total = plural(len(self.index.entries), "session")
        dot = f" {signs().dot} "
        count = f"{self._matches} of {total}{dot}filter: {clean(self._query)}" if self._query else total
        self.set_class(bool(self._query) and not line.typing, "-filtered")
        self.query_one("#list").border_title = Content(count if self._loaded else "reading the log")
        if line.typing:
            line.say(f"{self._matches} of {total}", self._query_problem)
        marked = Content(f"marked: {clean(self._marked)}" if self._marked else "")
        self.query_one("#list").border_subtitle = self.query_one("#tree").border_subtitle = marked
        empty = self.query_one("#empty", Line)
        says = self._empty()
        empty.display = bool(says)
        empty.show(says)
        if line.typing and time.monotonic() - self._typed_at < TYPES_S:
            self.set_timer(TYPES_S, self.redraw)  # a page takes longer than the list: not at every key
        else:
            self._draw_page()

    def _empty(self) -> str:
        """What is wrong with the log, or why nothing is listed."""
        if self._problem:
            return f"{signs().warning} {clean(self._problem)}"
        if self._matches:
            return ""
        if not self._loaded:
            return "reading the log"
        if self.query_one(FilterLine).typing:
            return "no session matches"
        if self._query:
            return f"nothing fits the filter: {keys.FILTER} changes it, Esc takes it away"
        teleoperates = f"{keys.BENCH} {keys.TELEOPERATE} teleoperates"
        return f"no session yet: {keys.RECORD} records one, {teleoperates}, and it appears here"

    def _draw_page(self) -> None:
        session = self.chosen
        self.set_class(session is None, "-empty")
        if session is None:
            self.remove_class("-open")
            return
        attempts = self.query_one(AttemptList)
        attempts.list_attempts(session)
        alone = self.opened and bool(attempts.items)
        self.set_class(alone, "-attempts")
        self.query_one("#attempts").border_title = Content(attempts.title)
        view = self.query_one(PageView)
        view.border_title = Content(f"session {clean(session.id)}")
        view.show(session, attempts=not alone, whole=self.whole(session))

    # --- keys -----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Annotating needs a chosen session and, like filtering, that the arm is not busy: x must mean stop."""
        match action:
            case "note_to" | "tag" | "report":
                return self.chosen is not None and may_type(self.desk)
            case "mark":
                return self.episode is not None and may_type(self.desk)
            case "look_at":
                return self.episode is not None and not self.desk.works
            case "judge_late":
                return self.unjudged is not None and may_type(self.desk)
            case "resume_evaluation":
                return self.chosen is not None and self.chosen.kind is SessionKind.EVAL
            case "open" | "follow" | "copy" | "order" | "tree" | "mark_beside":
                return self.chosen is not None
            case "compare_sessions":
                return self.beside or bool(self._marked)
            case "return":
                return bool(self._trail)
            case "filter":
                return may_type(self.desk)
            case "rest" | "release":  # only for a running session; Bench has them for a free arm
                return self.desk.live and super().check_action(action, parameters)
        return super().check_action(action, parameters)

    def footer_keys(self) -> list[Key]:
        """With what `open` and `reject` do now."""
        episode = self.episode
        says = {"open": "list" if self.opened and not self.growing else "open"}
        says |= {"tree": "list"} if self.growing else {}
        says |= {"compare": "close"} if self.beside else {}
        says |= {"mark": "unmark"} if self.chosen is not None and self.chosen.id == self._marked else {}
        if episode is not None and not episode.accepted:
            says["reject"] = "accept"
        shown = [key for key in super().footer_keys() if self.resumable or key.label != GO_ON_KEY.description]
        if (self.growing or self.beside) and not self.desk.live:
            shown.sort(key=lambda key: key.label not in ("open", "tree" if self.growing else "compare"))
        return [replace(key, label=says.get(key.label, key.label)) for key in shown]

    def action_open(self) -> None:
        """Show the chosen session alone, or the list again."""
        if self.growing or self.beside:
            if (session := self.chosen) is not None:
                self.open_session(session.id)
        elif self.opened:
            self.close_open()
        else:
            self._open()

    def close_open(self) -> None:
        """Esc goes back to the list, then clears the filter."""
        line = self.query_one(FilterLine)
        if self.beside:
            self.close_beside()
        elif self.growing:
            self.close_tree()
        elif self.opened:
            self._trail.clear()
            self.remove_class("-open")
            self.redraw()
        elif line.typing or self._query:
            line.close()
            self._query = ""
            self.filter(self.chosen.id if self.chosen else "")

    def action_move(self, by: int) -> None:
        """Move the cursor over sessions, or over the opened session's episodes; or scroll its page."""
        attempts = self.query_one(AttemptList)
        if self.beside:
            self.query_one(SideView).scroll_relative(y=by * 2, animate=False)
        elif self.growing:
            self.query_one(LifeList).move(by)
        elif not self.opened:
            self.listed.move(by)
        elif attempts.items:
            attempts.move(by)
        else:
            self.query_one(PageView).scroll_relative(y=by * 2, animate=False)
        self.redraw()

    def action_page(self, by: int) -> None:
        """Scroll the opened page, or move by a page."""
        if self.beside:
            self.query_one(SideView).scroll_relative(y=by * self.size.height // 2, animate=False)
        elif self.growing:
            self.query_one(LifeList).page(by)
            self.redraw()
        elif self.opened:
            self.query_one(PageView).scroll_relative(y=by * self.size.height // 2, animate=False)
        else:
            self.listed.page(by)
            self.redraw()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """The mouse or a key chose a row."""
        message.stop()
        self.redraw()

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen row."""
        message.stop()
        if self.growing:
            self.action_open()
        elif not self.opened:
            self._open()

    def action_order(self) -> None:
        """Order the table by its next column."""
        self.listed.order_by_next()
        self.redraw()

    def action_filter(self) -> None:
        """Type into the filter, above the list."""
        self.remove_class("-open", "-tree", "-side")
        self.query_one(FilterLine).open(self._query)
        self.redraw()

    def action_look_at(self) -> None:
        """Look at the chosen episode, over this screen."""
        session, episode = self.chosen, self.episode
        if session is not None and episode is not None:
            self.desk.look_at(Path(session.dataset_root), episode.index)
