"""A plot, drawn in a thread, kept until its data or its size changes; cursor and checkpoints are painted on top."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

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
CURSOR, CURSOR_ON_LINE = "bold $foreground", "bold $foreground on $lifted"
STATION, CHOSEN = "$accent", "bold $warning"
BREAK = "$warning"
BLANKS = (" ", "┈", "┊")
"""Cells behind the curves: nothing, or the grid."""


@dataclass(frozen=True)
class Overlay:
    """What is painted on the drawing: a cursor at an x value, and marks on the x axis, one of them chosen.

    `breaks` are x values at which the run was interrupted: broken lines from top to bottom.
    """

    cursor: float | None = None
    stations: tuple[float, ...] = ()
    chosen: float | None = None
    breaks: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Figure:
    """What a plot shows. `version` counts changes of the data; `source` identifies the data set.

    `window` limits x; None shows everything.
    """

    source: Hashable = None
    version: Hashable = 0
    series: tuple[Series, ...] = ()
    marks: tuple[float, ...] = ()
    log: bool = False
    placeholder: str = ""
    """Text shown while nothing can be drawn."""
    window: tuple[float, float] | None = None
    x_name: str = "step"

    @property
    def look(self) -> Hashable:
        """What changes by a key, not by new points."""
        return (self.source, self.log, self.window, self.x_name)


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
        self._overlay = Overlay()
        self._drawing = Drawing()
        self._drawn_state: Hashable = None
        self._drawn_look: Hashable = None
        self._drawn_at = 0.0
        self._busy = False
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
            return "nothing in this range" if figure.window else "no room here"
        return f"nothing above 0: {keys.LOG_AXIS} shows linear axes" if figure.log else "not one value is a number"

    @property
    def columns(self) -> int:
        """Cells between the axes; 1 while nothing is drawn."""
        return max(1, self._drawing.right - self._drawing.left)

    def show(self, figure: Figure, overlay: Overlay | None = None) -> None:
        """Show this figure, and this on top of it."""
        before, self._figure = self._figure, figure
        if figure.placeholder != before.placeholder and not self._drawing.rows:
            self.refresh()
        self._lay(overlay or Overlay())
        self._redraw()

    def _lay(self, overlay: Overlay) -> None:
        before, self._overlay = self._overlay, overlay
        columns = [self._column(before.cursor), self._column(overlay.cursor)]
        if columns[0] != columns[1]:
            self.refresh(*(Region(x, 0, 1, self.size.height) for x in columns if x is not None))
        if before.breaks != overlay.breaks:
            self.refresh()
        elif replace(before, cursor=None) != replace(overlay, cursor=None) and self._drawing.rows:
            self.refresh(Region(0, self._axis, self.size.width, 1))

    def _column(self, at: float | None) -> int | None:
        """The cell of an x value; None outside the canvas, and outside a widget that shrank since the drawing."""
        column = None if at is None else self._drawing.column(at)
        return column if column is not None and column < self.size.width else None

    @property
    def _axis(self) -> int:
        """The row of the x axis."""
        return max(0, len(self._drawing.rows) - 2)

    # --- drawing --------------------------------------------------------------------------------

    @property
    def _look(self) -> Hashable:
        """What changes by a key or a resize: drawn at once."""
        return (self._figure.look, tuple(self.size), signs().unicode)

    @property
    def _wanted(self) -> Hashable:
        return (self._look, self._figure.version)

    def on_resize(self, event: events.Resize) -> None:
        """Draw again at the new size, without waiting."""
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
            self._set_drawing(Drawing(), self._wanted, self._look)
            return
        wait = self._drawn_at + EVERY_S - time.monotonic()
        if self._drawn_look == self._look and wait > 0:
            self._timer = self.set_timer(wait, self._redraw)
        else:
            self._busy = True
            self._draw()

    @work(group="plot")
    async def _draw(self) -> None:
        """Draw in a thread, so that the loop stays free for keys; then again if the figure changed meanwhile."""
        figure, key, look, size = self._figure, self._wanted, self._look, self.size
        try:
            drawing = await asyncio.to_thread(
                draw, figure.series, figure.marks, width=size.width, height=size.height, log=figure.log,
                unicode=signs().unicode, window=figure.window, x_name=figure.x_name,
            )  # fmt: skip
        finally:
            self._busy = False
        self._drawn_at, self.drawn = time.monotonic(), self.drawn + 1
        self._set_drawing(drawing, key, look)
        self._redraw()

    def _set_drawing(self, drawing: Drawing, key: Hashable, look: Hashable) -> None:
        before, self._drawing = self._drawing, drawing
        self._drawn_state, self._drawn_look = key, look
        over = self._overlay
        if over.cursor is not None or over.breaks or not before.rows or len(before.rows) != len(drawing.rows):
            self.refresh()
            return
        rows = [y for y, pair in enumerate(zip(before.rows, drawing.rows, strict=True)) if not pair[0].is_same(pair[1])]
        if over.stations or over.chosen is not None:
            rows.append(self._axis)
        if rows:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    # --- painting -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row; the placeholder if nothing is drawn.

        After a resize the drawing is of the old size until the new one is ready: rows are cut off or filled up.
        """
        width = self.size.width
        rows = self._drawing.rows
        if not rows:
            placeholder = self._placeholder if y == self.size.height // 2 else ""
            return strip(self, Content.styled(" " * ((width - len(placeholder)) // 2) + placeholder, "$quiet"), width)
        if y >= len(rows):
            return strip(self, Content(""), width)
        row = rows[y]
        if y == self._axis:
            row = self._with_stations(row)
        elif y < self._axis:
            row = self._with_cursor(self._with_breaks(row))
        return strip(self, row, width)

    def _with_breaks(self, row: Content) -> Content:
        """The row with a broken line at each interruption, behind the dots of a curve."""
        places = [at for x in self._overlay.breaks if (at := self._column(x)) is not None and at < len(row.plain)]
        sign = "╎" if signs().unicode else "!"
        return _replaced(row, [(at, sign, BREAK) for at in places if row.plain[at] in BLANKS])

    def _with_cursor(self, row: Content) -> Content:
        """The row with the cursor: a thin line, behind the dots of a curve."""
        at = self._column(self._overlay.cursor)
        if at is None or at >= len(row.plain):
            return row
        sign = row.plain[at]
        blank = sign in (*BLANKS, "╎", "!")
        bar = ("│" if signs().unicode else "|", CURSOR) if blank else (sign, CURSOR_ON_LINE)
        return _replaced(row, [(at, *bar)])

    def _with_stations(self, row: Content) -> Content:
        """The axis with a mark for each checkpoint; the chosen one last, so that no other covers it."""
        shown, plain = self._overlay, ("△", "▲") if signs().unicode else ("^", "A")
        marks = [(at, plain[0], STATION) for x in shown.stations if (at := self._column(x)) is not None]
        if (at := self._column(shown.chosen)) is not None:
            marks.append((at, plain[1], CHOSEN))
        return _replaced(row, [mark for mark in marks if mark[0] < len(row.plain)])


def _replaced(row: Content, marks: Sequence[tuple[int, str, str]]) -> Content:
    """The row with one cell replaced for each (cell, sign, style)."""
    for at, sign, style in marks:
        row = Content.assemble(row[:at], (sign, style), row[at + 1 :])
    return row
