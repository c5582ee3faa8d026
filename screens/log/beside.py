"""Two sessions side by side: one is marked, the other chosen; two trainings go to the comparison on Train."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from screens.log.listing import ListingScreen
from screens.views import keys
from screens.widgets.page_view import WidthText
from sessions.document import Session
from sessions.models import SessionKind

if TYPE_CHECKING:
    from services.log.side_by_side import Both

BESIDE_KEYS: tuple[BindingType, ...] = (
    Binding("space", "mark_beside", "mark", id="log.beside",
            tooltip="Mark the chosen session, to lay another one beside it; once more takes the mark off"),
    Binding("c", "compare_sessions", "compare", id="log.compare",
            tooltip="The marked session and the chosen one side by side, with what differs; again closes it"),
)  # fmt: skip


class SideText(WidthText):
    """Both pages, laid out for a width."""

    def __init__(self) -> None:
        super().__init__()
        self._sections: Sequence[Both] = ()
        self._heads = ("", "")

    def show(self, sections: Sequence[Both], heads: tuple[str, str]) -> None:
        """Show these sections of the two that are called so."""
        self._sections, self._heads = sections, heads
        self.change()

    def lay_out(self, width: int) -> Content:
        """The lines in `width` cells."""
        from screens.views.side_lines import lines

        return Content("\n").join(Content.assemble(*line) for line in lines(self._sections, self._heads, width))


class SideView(VerticalScroll):
    """Never takes the focus: the screen's keys scroll it."""

    DEFAULT_CSS = """
    SideView { scrollbar-size: 1 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="side", classes="panel", can_focus=False)

    def compose(self) -> ComposeResult:
        yield SideText()

    def show(self, sections: Sequence[Both], heads: tuple[str, str]) -> None:
        """Show both, from the top, with what they are called in the title."""
        one, other = (f"{n} {head}" for n, head in enumerate(heads, 1))
        self.border_title = Content(f"{one}  {other}")
        self.query_one(SideText).show(sections, (one, other))
        self.scroll_home(animate=False)


class BesideScreen(ListingScreen):
    """The mark, and the view of two sessions in the place of the list."""

    _marked = ""

    @property
    def beside(self) -> bool:
        """Whether two sessions are shown side by side."""
        return self.has_class("-side")

    def close_beside(self) -> None:
        """Back to what was there before."""
        self.remove_class("-side")
        self.redraw()

    def action_mark_beside(self) -> None:
        """Mark the chosen session, or take the mark off."""
        session = self.chosen
        if session is None:
            return
        self._marked = "" if self._marked == session.id else session.id
        if self._marked:
            self.desk.notice(f"marked: choose another session, then {keys.COMPARE_SESSIONS} lays both side by side")
        self.redraw()

    def action_compare_sessions(self) -> None:
        """Lay the two side by side, or close that."""
        if self.beside:
            self.close_beside()
            return
        chosen = self.chosen
        marked = self.index.session(self._marked)
        if chosen is None:
            return
        if marked is None or marked.id == chosen.id:
            self.desk.refuse(f"no other session is marked: {keys.MARK_BESIDE} marks one, then choose another")
        elif marked.kind is chosen.kind is SessionKind.TRAIN:
            self.desk.runs.compare(marked.id, chosen.id)
            self.app.switch_mode("train")
        else:
            self._lay_side_by_side(marked, chosen)

    @work(group="beside", exclusive=True)
    async def _lay_side_by_side(self, one: Session, other: Session) -> None:
        sections = await asyncio.to_thread(self._both, one, other)
        self.query_one(SideView).show(sections, (_head(one), _head(other)))
        self.add_class("-side")
        self.redraw()

    def _both(self, one: Session, other: Session) -> Sequence[Both]:
        """Both pages, row by row. In a thread: what the trials say takes up to a second."""
        from services.log.page import page
        from services.log.side_by_side import side_by_side

        first, second = (page(session, whole=self.index.evaluation(session.id)) for session in (one, other))
        return side_by_side(first, second)


def _head(session: Session) -> str:
    from services.log.headline import began, subject

    return f"{subject(session)}  {began(session)}"
