"""A camera's picture in half blocks, in the colours that the terminal has, repainting only cells that changed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual._context import NoActiveAppError
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import clean, signs
from screens.widgets.picture_colours import PictureColours, picture_colours

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.uint16]

JUMP = 24.0
"""A pixel that differs by more than this (0..255) in one channel has changed; less is noise and is averaged."""
SMOOTHING = 0.25
RAMP = " .:-=+*#%@"
"""Dark to light, where there is no colour or no half block."""


class Preview(Widget):
    """Shows pictures, two pixels per cell; `wanted` is the size in pixels to request from the worker."""

    ALLOW_SELECT = False
    SMOOTHING: ClassVar[float] = SMOOTHING
    """The part of a small change that is shown at once: 1 shows every picture as it is."""
    DEFAULT_CSS = """
    Preview { width: 1fr; height: 1fr; }
    """

    def __init__(self, camera: str, ratio: float = 4 / 3, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.camera = camera
        self.ratio = ratio
        self._mean: NDArray[np.float32] | None = None
        self._numbers: Numbers | None = None
        self._cells: Numbers | None = None
        self._message = ""

    @property
    def colours(self) -> PictureColours:
        """Those of the terminal, as Textual sees it, also while the screen is being built or removed."""
        try:
            return picture_colours(self.app.console.color_system)
        except NoActiveAppError:  # drawn without a console
            return picture_colours(None)

    @property
    def wanted(self) -> tuple[int, int]:
        """(width, height) in pixels that fill this widget at the camera's ratio; (0, 0) when hidden."""
        width, height = self.size.width, self.size.height * 2
        if not width or not height or not self.display:
            return (0, 0)
        if width > height * self.ratio:
            width = round(height * self.ratio)
        else:
            height = max(2, round(width / self.ratio) // 2 * 2)
        return (width, height)

    def clear(self) -> None:
        if self._cells is not None:
            self._mean = self._numbers = self._cells = None
            self.refresh()

    def say(self, message: str) -> None:
        """Show a sentence in place of the picture; without one, pictures are shown again."""
        if message != self._message:
            self._message = message
            self.clear()
            self.refresh()

    def show(self, rgb: bytes, width: int, height: int) -> int:
        """Paint a picture of height * width * 3 bytes; returns how many cells changed. Ignores an incomplete one."""
        import numpy as np

        height -= height % 2
        if width <= 0 or height <= 0 or len(rgb) < width * height * 3 or self._message:
            return 0
        new = np.frombuffer(rgb, np.uint8, width * height * 3).reshape(height, width, 3).astype(np.float32)
        if self._mean is None or self._numbers is None or self._mean.shape != new.shape:
            self._mean, self._numbers = new, self.colours.numbers(new.astype(np.uint8))
            self._cells = _pairs(self._numbers)
            self.refresh()
            return width * height // 2
        step = new - self._mean
        jumped = np.abs(step).max(axis=2, keepdims=True) > JUMP
        self._mean += np.where(jumped, step, self.SMOOTHING * step)
        self._numbers = self.colours.steady(self._mean, self._numbers)
        return self._repaint(_pairs(self._numbers))

    def _repaint(self, cells: Numbers) -> int:
        assert self._cells is not None
        changed = (cells != self._cells).any(axis=2)
        count = int(changed.sum())
        if not count:
            return 0
        self._cells = cells
        if changed.mean() > 0.6:
            self.refresh()
            return count
        left, top = self._origin()
        regions = []
        for y in changed.any(axis=1).nonzero()[0].tolist():
            columns = changed[y].nonzero()[0]
            # One region per row: of its cells only those are sent that differ.
            regions.append(Region(left + int(columns[0]), top + y, int(columns[-1] - columns[0]) + 1, 1))
        self.refresh(*regions)
        return count

    def _origin(self) -> tuple[int, int]:
        """(column, row) of the picture's first cell: the picture is centred."""
        assert self._cells is not None
        rows, columns = self._cells.shape[:2]
        return max(0, (self.size.width - columns) // 2), max(0, (self.size.height - rows) // 2)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of `crop`, bypassing Textual's style cache: there is no border and the picture keeps changing."""
        if self.app.no_color:
            return super().render_lines(crop)
        background = self.rich_style  # Textual computes it on every access
        return [self._row(y, background).crop(crop.x, crop.right) for y in crop.line_range]

    def render_line(self, y: int) -> Strip:
        return self._row(y, self.rich_style)

    def _row(self, y: int, background: Style) -> Strip:
        """One row; one segment per run of equal cells, so that little is sent."""
        width = self.size.width
        if self._message:
            return self._message_row(y, background)
        if self._cells is None:
            return Strip.blank(width, background)
        left, top = self._origin()
        row = y - top
        if not 0 <= row < self._cells.shape[0]:
            return Strip.blank(width, background)
        pairs = self._cells[row, : width - left].tolist()
        draw = self._half_blocks if signs().unicode and not self.app.no_color else self._ramp
        rest = width - left - len(pairs)
        return Strip([Segment(" " * left, background), *draw(pairs), Segment(" " * rest, background)], width)

    def _message_row(self, y: int, background: Style) -> Strip:
        """The sentence, wrapped and centred."""
        width, height = self.size
        lines = textwrap.wrap(clean(self._message), max(1, width - 2))[:height]
        at = y - (height - len(lines)) // 2
        text = lines[at] if 0 <= at < len(lines) else ""
        return Strip([Segment(text.center(width), background)], width)

    def _half_blocks(self, pairs: list[list[int]]) -> list[Segment]:
        style = self.colours.style
        segments = []
        start = 0
        for x in range(1, len(pairs) + 1):
            if x == len(pairs) or pairs[x] != pairs[start]:
                top, bottom = pairs[start]
                sign = " " if top == bottom else "▀"
                segments.append(Segment(sign * (x - start), style(top, bottom)))
                start = x
        return segments

    def _ramp(self, pairs: list[list[int]]) -> list[Segment]:
        def light(number: int) -> int:
            red, green, blue = self.colours.rgb(number)
            return red * 3 + green * 6 + blue

        shades = ((light(top) + light(bottom)) * (len(RAMP) - 1) // 5100 for top, bottom in pairs)
        return [Segment("".join(RAMP[shade] for shade in shades), self.rich_style)]


def _pairs(numbers: Numbers) -> Numbers:
    """(rows, columns, 2) colours: top and bottom of each cell."""
    import numpy as np

    return np.stack([numbers[0::2], numbers[1::2]], axis=2)
