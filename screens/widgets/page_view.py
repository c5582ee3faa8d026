"""A session's page in a scrolling box, laid out for the width of the box."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from screens.views.session_page import session_page
from sessions.chains import Evaluation
from sessions.document import Session


class WidthText(Widget):
    """Text whose height follows from the width that the layout gives it; laid out anew for another width only."""

    DEFAULT_CSS = """
    WidthText { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._laid_out: tuple[int, Content] = (0, Content(""))

    def lay_out(self, width: int) -> Content:
        """The text in `width` cells."""
        raise NotImplementedError

    def change(self) -> None:
        """Lay it out anew: it says something else."""
        self._laid_out = (0, Content(""))
        self.refresh(layout=True)

    def content(self, width: int) -> Content:
        """The text in `width` cells, laid out at most once."""
        if self._laid_out[0] != width:
            self._laid_out = width, self.lay_out(width)
        return self._laid_out[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self.content(width).get_height({}, width)

    def render(self) -> Content:
        return self.content(self.size.width)


class PageText(WidthText):
    """A session's page, or plain text."""

    def __init__(self) -> None:
        super().__init__()
        self._page: Session | str = ""
        self._attempts = True
        self._whole: Evaluation | None = None

    def show(self, page: Session | str, *, attempts: bool = True, whole: Evaluation | None = None) -> None:
        """Show a session's page, or plain text; cheap if it has not changed."""
        if (page, attempts, whole) != (self._page, self._attempts, self._whole):
            self._page, self._attempts, self._whole = page, attempts, whole
            self.change()

    def lay_out(self, width: int) -> Content:
        """The text in `width` cells."""
        page = self._page
        if isinstance(page, str):
            return Content(page)
        return session_page(page, width, attempts=self._attempts, whole=self._whole)


class PageView(VerticalScroll):
    """Never takes the focus: the screen's keys scroll it."""

    DEFAULT_CSS = """
    PageView { scrollbar-size: 1 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="panel", can_focus=False)

    def compose(self) -> ComposeResult:
        yield PageText()

    def show(self, page: Session | str, *, attempts: bool = True, whole: Evaluation | None = None) -> None:
        """Show a session's page, without `attempts` without its table of episodes or trials, or plain text.

        `whole` is the evaluation that the session belongs to.
        """
        self.query_one(PageText).show(page, attempts=attempts, whole=whole)
