"""A session's page in a box that scrolls, laid out for the room that the box has."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from screens.views.session_page import session_page
from sessions.document import Session


class PageText(Widget):
    """The text, as high as the width that the layout gives it makes it."""

    DEFAULT_CSS = """
    PageText { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._what: Session | str = ""
        self._laid_out: tuple[int, Content] = (0, Content(""))

    def show(self, what: Session | str) -> None:
        """Show a session's page, or plain text; cheap to call with what stands there already."""
        if what != self._what:
            self._what, self._laid_out = what, (0, Content(""))
            self.refresh(layout=True)

    def content(self, width: int) -> Content:
        """The text in `width` cells."""
        if self._laid_out[0] != width:
            text = Content(self._what) if isinstance(self._what, str) else session_page(self._what, width)
            self._laid_out = width, text
        return self._laid_out[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the text has in `width` cells."""
        return self.content(width).get_height({}, width)

    def render(self) -> Content:
        """The text in the cells that there are."""
        return self.content(self.size.width)


class PageView(VerticalScroll):
    """Never takes the focus: the screen's keys scroll it."""

    DEFAULT_CSS = """
    PageView { scrollbar-size: 1 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="panel", can_focus=False)

    def compose(self) -> ComposeResult:
        """The text in the box."""
        yield PageText()

    def show(self, what: Session | str) -> None:
        """Show a session's page, or plain text."""
        self.query_one(PageText).show(what)
