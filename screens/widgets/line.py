"""Text that repaints only when it changed, and never asks for a new layout."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

ALL = ("plain", "quiet", "accent", "success", "warning", "danger")


def set_tone(widget: Widget, name: str) -> None:
    """Give a widget the class of a tone, none where it is no tone.

    Each change of a class has Textual compute styles anew, in milliseconds: once at most, and only where it changes.
    """
    others = [f"-{other}" for other in ALL if other != name and widget.has_class(f"-{other}")]
    adds = name in ALL and not widget.has_class(f"-{name}")
    if others:
        widget.remove_class(*others, update=not adds)
    if adds:
        widget.add_class(f"-{name}")


class Line(Static):
    """A Static of fixed size; `show` is cheap to call with what stands there already."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Line { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._shown = Content("")

    @property
    def text(self) -> str:
        """What the operator reads here, without its styles."""
        return self._shown.plain

    def show(self, content: Content | str) -> None:
        """Show `content`; a plain string is text, never markup."""
        new = Content(content) if isinstance(content, str) else content
        if not new.is_same(self._shown):
            self._shown = new
            self.update(new, layout=False)

    def tone(self, name: str) -> None:
        """Give the line the colour of a tone."""
        set_tone(self, name)


def strip(widget: Widget, content: Content, width: int) -> Strip:
    """`content` on the widget's own style as one line of exactly `width` cells; a last style runs to the edge."""
    if content.cell_length > width:
        content = content.truncate(width, ellipsis=True)
    parse = widget.app.stylesheet.parse_style
    parts = content.render(widget.visual_style, "", parse_style=parse)
    segments = [Segment(text, style.rich_style) for text, style in parts if text]
    return Strip(segments).adjust_cell_length(width, segments[-1].style if segments else widget.rich_style)


class Lines(Widget):
    """Rows of content in a box of fixed size; only rows that changed are painted."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Lines { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Content] = []

    @property
    def text(self) -> str:
        """What the operator reads here."""
        return "\n".join(row.plain for row in self._rows)

    def show(self, rows: Sequence[Content]) -> None:
        """Show these rows; cheap to call with what stands there already."""
        before, self._rows = self._rows, list(rows)
        if len(before) != len(rows):
            self.refresh()
            return
        changed = [y for y, pair in enumerate(zip(before, rows, strict=True)) if not pair[0].is_same(pair[1])]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """One row."""
        return strip(self, self._rows[y] if y < len(self._rows) else Content(""), self.size.width)
