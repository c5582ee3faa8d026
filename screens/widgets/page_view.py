"""A session's page in a scrolling box, laid out for the width of the box."""

from __future__ import annotations

import asyncio

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from screens.views.session_page import session_page
from services.folders import DataFolder
from services.log.sections import Section
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
        self._says: Section | None = None
        """What the trials of the session say, where that is worked out beside the page."""
        self._folder: DataFolder | None = None
        self._curves: Section | None = None

    def show(self, page: Session | str, *, attempts: bool = True, whole: Evaluation | None = None) -> None:
        """Show a session's page, or plain text; cheap if it has not changed."""
        if (page, attempts, whole) != (self._page, self._attempts, self._whole):
            if (page, whole) != (self._page, self._whole):
                self._conclude(page, whole)
                self._draw_curves(page)
            self._page, self._attempts, self._whole = page, attempts, whole
            self.change()

    def read_curves_in(self, folder: DataFolder) -> None:
        """Show the curves of trainings, which are read from their run folders."""
        self._folder = folder

    def _draw_curves(self, page: Session | str) -> None:
        """Read them in a thread; those of the same training stay until they are read again."""
        same = isinstance(page, Session) and isinstance(self._page, Session) and page.id == self._page.id
        self._curves = self._curves if same else None
        if self._folder is not None and isinstance(page, Session) and page.training is not None:
            self._read_curves(page, self._folder)

    @work(exclusive=True, group="curves")
    async def _read_curves(self, session: Session, folder: DataFolder) -> None:
        await asyncio.sleep(0.15)  # a cursor that passes reads nothing
        found = await asyncio.to_thread(_curves, folder, session.id)
        if session is self._page:
            self._curves = found
            self.change()

    def _conclude(self, page: Session | str, whole: Evaluation | None) -> None:
        """Tests of a comparison are made in a thread, the others as the page is laid out."""
        from services.log.trials.conclusion import takes_long, waiting

        self._says = None
        if isinstance(page, Session) and takes_long(page, whole):
            self._says = waiting()
            self._work_out(page, whole)

    @work(exclusive=True)
    async def _work_out(self, session: Session, whole: Evaluation | None) -> None:
        from services.log.trials.conclusion import conclusion, sentences

        said = await asyncio.to_thread(sentences, session, whole)
        if (session, whole) == (self._page, self._whole):
            self._says = conclusion(said)
            self.change()

    def lay_out(self, width: int) -> Content:
        """The text in `width` cells."""
        page = self._page
        if isinstance(page, str):
            return Content(page)
        return session_page(
            page, width, attempts=self._attempts, whole=self._whole, says=self._says, curves=self._curves
        )


def _curves(folder: DataFolder, session_id: str) -> Section:
    """In a thread, the import too: numpy takes 0.1 s."""
    from services.training.page_curves import curve_section

    return curve_section(folder.run(session_id))


class PageView(VerticalScroll):
    """Never takes the focus: the screen's keys scroll it."""

    DEFAULT_CSS = """
    PageView { scrollbar-size: 1 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="panel", can_focus=False)

    def compose(self) -> ComposeResult:
        yield PageText()

    def read_curves_in(self, folder: DataFolder) -> None:
        """Show the curves of trainings, which are read from their run folders in this data folder."""
        self.query_one(PageText).read_curves_in(folder)

    def show(self, page: Session | str, *, attempts: bool = True, whole: Evaluation | None = None) -> None:
        """Show a session's page, without `attempts` without its table of episodes or trials, or plain text.

        `whole` is the evaluation that the session belongs to.
        """
        self.query_one(PageText).show(page, attempts=attempts, whole=whole)
