"""A session's page in a scrolling box, laid out for the width of the box."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from screens.views.session_page import session_page
from sessions.document import Session


class PageText(Widget):
    """The text; its height follows from the width that the layout gives it."""

    DEFAULT_CSS = """
    PageText { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._page: Session | str = ""
        self._laid_out: tuple[int, Content] = (0, Content(""))

    def show(self, page: Session | str) -> None:
        """Show a session's page, or plain text; cheap if it has not changed."""
        if page != self._page:
            self._page, self._laid_out = page, (0, Content(""))
            self.refresh(layout=True)

    def content(self, width: int) -> Content:
        """The text laid out in `width` cells."""
        if self._laid_out[0] != width:
            text = Content(self._page) if isinstance(self._page, str) else session_page(self._page, width)
            self._laid_out = width, text
        return self._laid_out[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self.content(width).get_height({}, width)

    def render(self) -> Content:
        return self.content(self.size.width)


class PageView(VerticalScroll):
    """Never takes the focus: the screen's keys scroll it."""

    DEFAULT_CSS = """
    PageView { scrollbar-size: 1 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="panel", can_focus=False)

    def compose(self) -> ComposeResult:
        yield PageText()

    def show(self, page: Session | str) -> None:
        """Show a session's page, or plain text."""
        self.query_one(PageText).show(page)
