"""The texts in a box's border, of which Textual would repaint the whole box, and the rest of the screen beside it."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget


def set_titles(box: Widget, title: Content, subtitle: Content | None = None) -> None:
    """Set them; only those that changed are painted, and of the box only their row."""
    _set(box, "border_title", title, 0)
    if subtitle is not None:
        _set(box, "border_subtitle", subtitle, box.outer_size.height - 1)


def set_subtitle(box: Widget, subtitle: Content) -> None:
    """Set the lower one alone."""
    _set(box, "border_subtitle", subtitle, box.outer_size.height - 1)


def _set(box: Widget, name: str, text: Content, row: int) -> None:
    before: Content | None = getattr(box, f"_{name}")
    if before is None or not box.outer_size:
        setattr(box, name, text)
        return
    new = (text.expand_tabs(4).split() or [text])[0]  # as Textual's own setter does
    if not new.is_same(before):
        setattr(box, f"_{name}", new)
        box.refresh(Region(0, row, box.outer_size.width, 1).translate(-box.content_offset))
