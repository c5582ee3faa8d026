"""A camera's picture in half blocks: 256 colours, repainting only cells that changed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import signs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

JUMP = 24.0
"""A pixel that differs by more than this (0..255) in one channel has changed; less is noise and is averaged."""
SMOOTHING = 0.25
STICKY = 4.0
"""A cell keeps its colour until another one is closer by more than this (0..255)."""
RAMP = " .:-=+*#%@"


@lru_cache(maxsize=1)
def _cube() -> tuple[Pixels, Pixels]:
    """For each level 0..255: the nearest step of the 6x6x6 cube, and of the 24 greys; both (256,)."""
    import numpy as np

    steps = np.array([0, 95, 135, 175, 215, 255])
    levels = np.arange(256)
    cube = np.abs(levels[:, None] - steps[None, :]).argmin(axis=1).astype(np.uint8)
    grey = np.clip((levels - 3) // 10, 0, 23).astype(np.uint8)
    return cube, grey


@lru_cache(maxsize=1)
def _table() -> Pixels:
    """(256, 3): the RGB value of each colour number."""
    import numpy as np

    return np.array([Color.from_ansi(n).get_truecolor() for n in range(256)], np.uint8)


def steady_index(rgb: NDArray[np.float32], shown: Pixels) -> Pixels:
    """The colour numbers of `rgb` (h, w, 3), keeping the `shown` ones (h, w) where they are about as close."""
    import numpy as np

    best = palette_index(rgb.astype(np.uint8))
    table = _table().astype(np.float32)
    far = np.abs(table[shown] - rgb).max(axis=2)
    near = np.abs(table[best] - rgb).max(axis=2)
    return np.where(far - near > STICKY, best, shown).astype(np.uint8)


def palette_index(rgb: Pixels) -> Pixels:
    """The 256-colour number of each pixel of an (h, w, 3) picture; nearly grey pixels become greys."""
    import numpy as np

    cube, grey = _cube()
    steps = cube[rgb].astype(np.int16)
    number = 16 + 36 * steps[..., 0] + 6 * steps[..., 1] + steps[..., 2]
    spread = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    middle = rgb.mean(axis=2).astype(np.uint8)
    return np.where(spread < 14, 232 + grey[middle].astype(np.int16), number).astype(np.uint8)


@lru_cache(maxsize=256)
def _colour(number: int) -> Color:
    # With its triplet set, Textual's filter keeps the short 8-bit form.
    return Color(f"color({number})", ColorType.EIGHT_BIT, number, Color.from_ansi(number).get_truecolor())


@lru_cache(maxsize=8192)
def _style(top: int, bottom: int) -> Style:
    return Style(color=_colour(top), bgcolor=_colour(bottom))


class Preview(Widget):
    """Shows pictures, two pixels per cell; `wanted` is the size in pixels to request from the worker."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Preview { width: 1fr; height: 1fr; }
    """

    def __init__(self, camera: str, ratio: float = 4 / 3, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.camera = camera
        self.ratio = ratio
        self._mean: NDArray[np.float32] | None = None
        self._index: Pixels | None = None
        self._cells: NDArray[np.uint8] | None = None

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
            self._mean = self._index = self._cells = None
            self.refresh()

    def show(self, rgb: bytes, width: int, height: int) -> None:
        """Paint a picture of height * width * 3 bytes; an incomplete picture is ignored."""
        import numpy as np

        height -= height % 2
        if width <= 0 or height <= 0 or len(rgb) < width * height * 3:
            return
        new = np.frombuffer(rgb, np.uint8, width * height * 3).reshape(height, width, 3).astype(np.float32)
        if self._mean is None or self._index is None or self._mean.shape != new.shape:
            self._mean, self._index = new, palette_index(new.astype(np.uint8))
            self._cells = _pairs(self._index)
            self.refresh()
            return
        step = new - self._mean
        jumped = np.abs(step).max(axis=2, keepdims=True) > JUMP
        self._mean += np.where(jumped, step, SMOOTHING * step)
        self._index = steady_index(self._mean, self._index)
        self._repaint(_pairs(self._index))

    def _repaint(self, cells: NDArray[np.uint8]) -> None:
        assert self._cells is not None
        changed = (cells != self._cells).any(axis=2)
        if not changed.any():
            return
        self._cells = cells
        if changed.mean() > 0.6:
            self.refresh()
            return
        left, top = self._origin()
        regions = []
        for y in changed.any(axis=1).nonzero()[0].tolist():
            columns = changed[y].nonzero()[0]
            # One region per row: Textual sends a row from the widget's left edge to the region's end anyway.
            regions.append(Region(left + int(columns[0]), top + y, int(columns[-1] - columns[0]) + 1, 1))
        self.refresh(*regions)

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
        if self._cells is None:
            return Strip.blank(width, background)
        left, top = self._origin()
        row = y - top
        if not 0 <= row < self._cells.shape[0]:
            return Strip.blank(width, background)
        pairs = self._cells[row, : width - left].tolist()
        draw = self._half_blocks if signs().unicode else self._ramp
        rest = width - left - len(pairs)
        return Strip([Segment(" " * left, background), *draw(pairs), Segment(" " * rest, background)], width)

    def _half_blocks(self, pairs: list[list[int]]) -> list[Segment]:
        segments = []
        start = 0
        for x in range(1, len(pairs) + 1):
            if x == len(pairs) or pairs[x] != pairs[start]:
                top, bottom = pairs[start]
                sign = " " if top == bottom else "▀"
                segments.append(Segment(sign * (x - start), _style(top, bottom)))
                start = x
        return segments

    def _ramp(self, pairs: list[list[int]]) -> list[Segment]:
        def sign(number: int) -> str:
            red, green, blue = _colour(number).get_truecolor()
            return RAMP[(red * 3 + green * 6 + blue) * (len(RAMP) - 1) // 2550]

        return [Segment("".join(sign(max(pair)) for pair in pairs), self.rich_style)]


def _pairs(index: Pixels) -> Pixels:
    """(rows, columns, 2) colour numbers: top and bottom of each cell."""
    import numpy as np

    return np.stack([index[0::2], index[1::2]], axis=2)
