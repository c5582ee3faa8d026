"""What Textual paints holds no control character, whichever widget it comes from: the last place before the terminal.

Textual's `Content` and `Input` hand their text through as it is (8.2: a dataset's folder named with an OSC 52 sequence,
suggested in a form, wrote the clipboard). Every painted line is a `Strip`, whose `render` makes the terminal's bytes.
"""

from __future__ import annotations

from rich.console import Console
from rich.segment import Segment
from textual.strip import Strip

from services.text import without_controls

_render = Strip.render


def _render_clean(self: Strip, console: Console) -> str:
    if self._render_cache is None and not all(segment.text.isprintable() for segment in self._segments):
        cleaned = (Segment(without_controls(text), style, control) for text, style, control in self._segments)
        self._segments = list(cleaned)
    return _render(self, console)


def paint_clean() -> None:
    """From now on Textual paints clean text, in this process."""
    Strip.render = _render_clean  # type: ignore[method-assign]
