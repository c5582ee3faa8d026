"""Content that does not fit its cells. Pure."""

from __future__ import annotations

from textual.content import Content

from screens.views.signs import signs


def cut(content: Content, width: int) -> Content:
    """`content` in at most `width` cells; where something is cut off, it ends in the sign for more."""
    shown = content.truncate(width, ellipsis=True)
    if shown.cell_length == content.cell_length or not shown.plain:
        return shown
    return Content(shown.plain[:-1] + signs().more, list(shown.spans))  # Textual's own ellipsis is no ASCII
