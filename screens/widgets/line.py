"""Text widgets that repaint only what changed and never trigger a layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from screens.views.cut import cut
from screens.views.measured import Part, plain, sentence

ALL = ("plain", "quiet", "accent", "success", "warning", "danger")


def set_tone(widget: Widget, name: str) -> None:
    """Set the CSS class of a tone on a widget; an unknown name removes it.

    Each change of a class makes Textual recompute styles, which takes milliseconds: change at most once, and only
    if needed.
    """
    others = [f"-{other}" for other in ALL if other != name and widget.has_class(f"-{other}")]
    adds = name in ALL and not widget.has_class(f"-{name}")
    if others:
        widget.remove_class(*others, update=not adds)
    if adds:
        widget.add_class(f"-{name}")


class Line(Static):
    """A Static of fixed size; `show` is cheap if the content has not changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Line { height: 1; text-wrap: nowrap; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._shown = Content("")

    @property
    def text(self) -> str:
        """The plain text of this line."""
        return self._shown.plain

    def show(self, content: Content | str) -> None:
        """Show `content`; a plain string is text, never markup."""
        new = Content(content) if isinstance(content, str) else content
        if not new.is_same(self._shown):
            self._shown = new
            self.update(new, layout=False)

    def render(self) -> Content:
        """The content, each row cut to the width of the line unless it wraps."""
        width, content = self.size.width, self._shown
        if not width or self.styles.text_wrap == "wrap":
            return content
        return Content("\n").join(cut(row, width) for row in content.split(allow_blank=True))

    def tone(self, name: str) -> None:
        """Set the colour of the line by its tone."""
        set_tone(self, name)


class Sentence(Line):
    """A sentence in parts, laid out in its own box: it wraps, then shortens, and never loses what to press."""

    DEFAULT_CSS = """
    Sentence { height: 1; text-wrap: nowrap; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._parts: tuple[Part, ...] = ()

    @property
    def whole(self) -> str:
        """All parts in their full wording."""
        return plain(self._parts)

    def say(self, parts: Iterable[Part]) -> None:
        """Show these parts; cheap if they have not changed."""
        self._parts = tuple(parts)
        width, height = self.size
        self.show(sentence(self._parts, width, height) if width and height else self.whole)

    def on_resize(self) -> None:
        self.say(self._parts)


def strip(widget: Widget, content: Content, width: int) -> Strip:
    """`content` over the widget's style as one line of exactly `width` cells; the last style extends to the edge."""
    content = cut(content, width)
    parse = widget.app.stylesheet.parse_style
    parts = content.render(widget.visual_style, "", parse_style=parse)
    segments = [Segment(text, style.rich_style) for text, style in parts if text]
    return Strip(segments).adjust_cell_length(width, segments[-1].style if segments else widget.rich_style)


class Lines(Widget):
    """Rows of content in a box of fixed size; repaints only rows that changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Lines { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Content] = []

    @property
    def text(self) -> str:
        """The plain text of all rows."""
        return "\n".join(row.plain for row in self._rows)

    def show(self, rows: Sequence[Content]) -> None:
        """Show these rows; cheap if they have not changed."""
        before, self._rows = self._rows, list(rows)
        if len(before) != len(rows):
            self.refresh()
            return
        changed = [y for y, pair in enumerate(zip(before, rows, strict=True)) if not pair[0].is_same(pair[1])]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        return strip(self, self._rows[y] if y < len(self._rows) else Content(""), self.size.width)
