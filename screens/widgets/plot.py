"""A plot, drawn in a thread, kept until its data or its size changes, with a cursor on top."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass

from rich.style import Style
from textual import events, work
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from screens.views import keys
from screens.views.signs import signs
from screens.widgets.line import strip
from screens.widgets.plotting import Drawing, Series, draw, drawable

EVERY_S = 1.0
"""Shortest time between two drawings for new points; a change by a key is drawn at once."""


@dataclass(frozen=True, eq=False)
class Figure:
    """What a plot shows. `version` counts changes of the data; `source` identifies the data set."""

    source: Hashable = None
    version: int = 0
    series: tuple[Series, ...] = ()
    marks: tuple[float, ...] = ()
    log: bool = False
    placeholder: str = ""
    """Text shown while nothing can be drawn."""

    @property
    def look(self) -> Hashable:
        """What changes by a key, not by new points."""
        return (self.source, self.log)


class Plot(Widget):
    """`show` is cheap if nothing changed; a hidden plot draws nothing."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Plot { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.drawn = 0
        """Number of drawings made so far."""
        self._figure = Figure()
        self._drawing = Drawing()
        self._drawn_state: Hashable = None
        self._drawn_look: Hashable = None
        self._cursor: float | None = None
        self._busy = False
        self._drawn_at = 0.0
        self._timer: Timer | None = None

    @property
    def text(self) -> str:
        """The plain text of the plot, or its placeholder."""
        return "\n".join(row.plain for row in self._drawing.rows) or self._placeholder

    @property
    def _placeholder(self) -> str:
        """The text shown while nothing is drawn."""
        figure = self._figure
        if not self._drawn_state or not any(len(one.x) for one in figure.series):
            return figure.placeholder
        if any(drawable(one, log=figure.log).any() for one in figure.series):
            return "no room here"
        return f"nothing above 0: {keys.LOG_AXIS} shows linear axes" if figure.log else "not one value is a number"

    @property
    def columns(self) -> int:
        """Cells between the axes; 1 while nothing is drawn."""
        return max(1, self._drawing.right - self._drawing.left)

    def show(self, figure: Figure, cursor: float | None = None) -> None:
        """Show this figure, with the cursor at the x value `cursor`."""
        before, self._figure = self._figure, figure
        if figure.placeholder != before.placeholder and not self._drawing.rows:
            self.refresh()
        self._move(cursor)
        self._redraw()

    def _move(self, cursor: float | None) -> None:
        columns = [self._column(self._cursor), self._column(cursor)]
        self._cursor = cursor
        if columns[0] != columns[1]:
            self.refresh(*(Region(x, 0, 1, self.size.height) for x in columns if x is not None))

    def _column(self, cursor: float | None) -> int | None:
        return None if cursor is None else self._drawing.column(cursor)

    # --- drawing --------------------------------------------------------------------------------

    @property
    def _wanted(self) -> Hashable:
        figure = self._figure
        return (figure.source, figure.version, figure.log, tuple(self.size), signs().unicode)

    def on_resize(self, event: events.Resize) -> None:
        """Draw again at the new size, without waiting."""
        self._drawn_look = None
        self._redraw()

    def on_unmount(self) -> None:
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _redraw(self) -> None:
        """Draw now, later, or not at all."""
        if self._busy or self._wanted == self._drawn_state or not self.size.width:
            return
        self._stop_timer()
        if not any(len(one.x) for one in self._figure.series):
            self._set_drawing(Drawing(), self._wanted, self._figure.look)
            return
        wait = self._drawn_at + EVERY_S - time.monotonic()
        if self._drawn_look == self._figure.look and wait > 0:
            self._timer = self.set_timer(wait, self._redraw)
        else:
            self._busy = True
            self._draw()

    @work(group="plot")
    async def _draw(self) -> None:
        """Draw in a thread, so that the loop stays free for keys; then again if the figure changed meanwhile."""
        figure, key, size = self._figure, self._wanted, self.size
        try:
            drawing = await asyncio.to_thread(
                draw, figure.series, figure.marks, width=size.width, height=size.height, log=figure.log,
                unicode=signs().unicode,
            )  # fmt: skip
        finally:
            self._busy = False
        self._drawn_at, self.drawn = time.monotonic(), self.drawn + 1
        self._set_drawing(drawing, key, figure.look)
        self._redraw()

    def _set_drawing(self, drawing: Drawing, key: Hashable, look: Hashable) -> None:
        self._drawing, self._drawn_state, self._drawn_look = drawing, key, look
        self.refresh()

    # --- painting -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row; the placeholder if nothing is drawn."""
        width = self.size.width
        rows = self._drawing.rows
        if not rows:
            placeholder = self._placeholder if y == self.size.height // 2 else ""
            return strip(self, Content.styled(" " * ((width - len(placeholder)) // 2) + placeholder, "$quiet"), width)
        line = strip(self, rows[y] if y < len(rows) else Content(""), width)
        at = self._column(self._cursor)
        if at is None or y >= len(rows) - 1:
            return line
        before, here, after = line.divide([at, at + 1, width])
        return Strip.join([before, here.apply_style(Style(reverse=True)), after])
