"""Text large enough to read from two metres away."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import signs
from screens.widgets import glyphs
from screens.widgets.line import set_tone


class BigText(Widget):
    """One short text in the largest size that fits its box; plain bold text if none does."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    BigText { height: 3; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None, right: bool = False, most: int = 3) -> None:
        super().__init__(id=id)
        self.text = ""
        self._wordings: tuple[str, ...] = ("",)
        self._right = right
        self._most = most

    def show(self, text: str, tone: str = "", shorter: Sequence[str] = ()) -> None:
        """Show `text`, else the first of `shorter` that fits large; repaints only the lines that changed."""
        if tone:
            set_tone(self, tone)
        self._wordings = (text, *shorter)
        self._draw()

    def on_resize(self) -> None:
        """Another wording may be the longest that fits."""
        self._draw()

    def _draw(self) -> None:
        text, *shorter = self._wordings
        text = next((each for each in (text, *shorter) if self.scale(each)), text)
        if text == self.text:
            return
        before, self.text = self._lines(self.text), text
        after = self._lines(text)
        if len(before) != len(after):
            self.refresh()
            return
        width = self.size.width
        changed = [
            Region(0, y, width, 1) for y, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
        ]
        if changed:
            self.refresh(*changed)

    def scale(self, text: str) -> int:
        """The largest size in which `text` fits; 0 if none does."""
        for scale in range(self._most, 0, -1):
            if glyphs.width(text, scale) <= self.size.width and glyphs.height(scale) <= self.size.height:
                return scale
        return 0

    def _lines(self, text: str) -> tuple[str, ...]:
        scale = self.scale(text)
        if not text or not scale:
            return (text,)
        return glyphs.big(text, scale, signs().unicode)

    def render_line(self, y: int) -> Strip:
        """One line of the large text, aligned left or right."""
        lines = self._lines(self.text)
        style = self.rich_style
        width = self.size.width
        line = lines[y] if y < len(lines) else ""
        line = line[:width].rjust(width) if self._right else line[:width].ljust(width)
        return Strip([Segment(line, style)], width)
