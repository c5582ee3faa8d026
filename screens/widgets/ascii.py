"""What Textual draws by itself in characters that are no ASCII: scroll bars, and the ends of titles that do not fit."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widget import Widget

from screens.views.cut import cut

BORDER = 4
"""Cells of a border's edge that a title cannot have: two corners, and a blank beside each."""


class WholeCells(ScrollBarRender):
    """A scroll bar without parts of cells at its ends."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


def draw_scroll_bars(*, ascii_only: bool) -> None:
    """Set how all scroll bars are drawn; call it once, before the first screen is built."""
    ScrollBar.renderer = WholeCells if ascii_only else ScrollBarRender


def fitting(box: Widget, title: Content) -> Content:
    """A title as its border has room for it; as it is before the box has a size."""
    room = box.outer_size.width - 2 - BORDER
    return cut(title, room) if room > 0 else title
