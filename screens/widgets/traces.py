"""Small curves of an episode's joints with a cursor at the frame that is shown; a click goes there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import signs
from screens.views.traces import Curve, Grid, grid, title
from screens.widgets import braille
from screens.widgets.line import strip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bits = NDArray[np.int64]


class Traces(Widget):
    """One curve per joint, in a grid. A step of the cursor repaints two columns of each and the titles."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Traces { width: 1fr; height: 1fr; }
    """

    @dataclass
    class Scrubbed(Message):
        """A click chose this frame."""

        frame: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._curves: Sequence[Curve] = ()
        self._frames = 0
        self._frame = 0
        self._drawings: dict[tuple[int, int, int], tuple[Bits, Bits]] = {}

    def show(self, curves: Sequence[Curve], frames: int) -> None:
        """Draw these curves, of an episode of `frames` frames, the cursor at the first."""
        self._curves, self._frames, self._frame = curves, frames, 0
        self._drawings.clear()
        self.refresh()

    def move(self, frame: int) -> None:
        """Put the cursor at this frame."""
        if frame == self._frame:
            return
        before, self._frame = self._column(self._frame), frame
        now, made = self._column(frame), self._grid
        regions = []
        for at in range(made.shown):
            left, top = self._place(at)
            regions.append(Region(left, top, self._cell, 1))
            if before != now:
                regions += [Region(left + x, top + 1, 1, made.rows - 1) for x in (before, now)]
        self.refresh(*regions)

    @property
    def text(self) -> str:
        """What is drawn, row by row."""
        return "\n".join(self.render_line(y).text for y in range(self.size.height))

    @property
    def _grid(self) -> Grid:
        return grid(len(self._curves), self.size.width, self.size.height)

    @property
    def _cell(self) -> int:
        """Width of a curve's place in cells, one of them empty."""
        return self.size.width // self._grid.columns

    def _place(self, at: int) -> tuple[int, int]:
        """(column, row) of the curve's first cell."""
        made = self._grid
        return at % made.columns * self._cell, at // made.columns * made.rows

    def _column(self, frame: int) -> int:
        """The cell of a frame within its curve."""
        return round(frame / max(1, self._frames - 1) * (self._cell - 2))

    def on_click(self, event: events.Click) -> None:
        """A click on a curve goes to the frame there."""
        at = (event.x % self._cell) / max(1, self._cell - 2)
        if self._frames:
            self.post_message(self.Scrubbed(min(self._frames - 1, round(at * (self._frames - 1)))))

    def render_line(self, y: int) -> Strip:
        made, width = self._grid, self.size.width
        first = y // made.rows * made.columns
        shown = range(first, min(first + made.columns, made.shown))
        if not shown or y >= -(-made.shown // made.columns) * made.rows:
            return Strip.blank(width, self.rich_style)
        parts = [self._part(at, y % made.rows) for at in shown]
        return Strip([segment for part in parts for segment in part]).adjust_cell_length(width, self.rich_style)

    def _part(self, at: int, row: int) -> Strip:
        if row == 0:
            return strip(self, title(self._curves[at], self._frame, self._cell), self._cell)
        state, action = self._drawn(at, self._cell - 1, self._grid.rows - 1)
        styles = self.styles_of_curves
        cursor = self._column(self._frame)
        cells = []
        for x, (over, under) in enumerate(zip(state[row - 1].tolist(), action[row - 1].tolist(), strict=True)):
            style = styles["cursor" if x == cursor else "state" if over else "action"]
            cells.append(Segment(_sign(over | under, cursor=x == cursor), style))
        return Strip([*Strip(cells).simplify(), Segment(" ", self.rich_style)], self._cell)

    @property
    def styles_of_curves(self) -> dict[str, Style]:
        """The styles of the state, of the action and of the cursor."""
        names = {"state": "$foreground", "action": "$accent", "cursor": "bold $foreground on $edge"}
        parse = self.app.stylesheet.parse_style
        base = self.visual_style
        return {name: (base + parse(style)).rich_style for name, style in names.items()}

    def _drawn(self, at: int, width: int, height: int) -> tuple[Bits, Bits]:
        """The dots of state and action; computed once for a size."""
        known = self._drawings.get((at, width, height))
        if known is None:
            curve, limits = self._curves[at], self._curves[at].limits
            known = bits(curve.state, limits, width, height), bits(curve.action, limits, width, height)
            self._drawings[at, width, height] = known
        return known


def _sign(dots: int, *, cursor: bool) -> str:
    if not dots:
        return " " if not cursor else "│" if signs().unicode else "|"
    return chr(braille.BLANK + dots) if signs().unicode else "*"


def bits(values: NDArray[np.float32], limits: tuple[float, float], width: int, height: int) -> Bits:
    """The dots of a curve in `width` x `height` cells, as bits of braille, (height, width); none where it is no number.

    Its first and its last frame are in the middle of the first and of the last cell.
    """
    import numpy as np

    finite = np.isfinite(values)
    x, last = np.arange(len(values), dtype=np.float64), max(1, len(values) - 1)
    field = braille.Field(width, max(0, height), (0.0, float(last)), limits)
    gap = np.cumsum(~finite)[finite]
    return braille.raster(x[finite], values[finite].astype(np.float64), gap, field)
