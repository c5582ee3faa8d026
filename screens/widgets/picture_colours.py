"""The colours that pictures are painted in: as many as the terminal has, and steady, so that noise sends nothing.

A colour is a number: in true colour 5 bits each of red, green and blue; else the number that the terminal gives it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich._palettes import STANDARD_PALETTE
from rich.color import Color, ColorType
from rich.style import Style

from screens.views.palette import GREYISH, rgb_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rgb = NDArray[np.uint8]
    Numbers = NDArray[np.uint16]

TRUE, EIGHT_BIT, STANDARD = "truecolor", "256", "standard"
"""Rich's names of what a terminal has; a terminal without colours gets a grey ramp of characters."""
_STICKY = {TRUE: 10.0, EIGHT_BIT: 4.0, STANDARD: 12.0}
"""A cell keeps its colour until another one is closer by more than this (0..255)."""
_BITS = 5


class PictureColours:
    """One set of colours. The numbers of a picture have its shape (h, w)."""

    def __init__(self, system: str) -> None:
        import numpy as np

        self.system = system if system in _STICKY else TRUE
        self._sticky = _STICKY[self.system]
        grid = np.arange(1 << 3 * _BITS)
        levels = np.stack([grid >> 2 * _BITS, grid >> _BITS & 31, grid & 31], axis=1)
        cells = ((levels << 3) | (levels >> 2)).astype(np.float32)
        if self.system == TRUE:
            self._numbers: Numbers = grid.astype(np.uint16)
            self._table = cells
            return
        numbers, table = _of_terminal(self.system)
        self._table = np.zeros((max(numbers) + 1, 3), np.float32)
        self._table[numbers] = table
        self._numbers = np.array(numbers, np.uint16)[_nearest(cells, table)]

    def numbers(self, rgb: Rgb) -> Numbers:
        """The colour of each pixel of an (h, w, 3) picture."""
        import numpy as np

        red, green, blue = (rgb[..., n].astype(np.uint16) >> 8 - _BITS for n in range(3))
        numbers: Numbers = self._numbers[red << 2 * _BITS | green << _BITS | blue]
        return numbers

    def steady(self, rgb: NDArray[np.float32], shown: Numbers) -> Numbers:
        """The colours of `rgb` (h, w, 3), keeping the `shown` ones (h, w) where the difference is hardly visible."""
        import numpy as np

        best = self.numbers(rgb.astype(np.uint8))
        far = np.abs(self._table[shown] - rgb).max(axis=2)
        near = np.abs(self._table[best] - rgb).max(axis=2)
        return np.where(far - near > self._sticky, best, shown).astype(np.uint16)

    def rgb(self, number: int) -> tuple[int, int, int]:
        """Red, green and blue of a colour, 0..255."""
        red, green, blue = (int(level) for level in self._table[number])
        return red, green, blue

    @lru_cache(maxsize=32_768)  # noqa: B019  there is one per terminal
    def style(self, top: int, bottom: int) -> Style:
        """The style of an upper half block."""
        return Style(color=self._colour(top), bgcolor=self._colour(bottom))

    @lru_cache(maxsize=32_768)  # noqa: B019
    def _colour(self, number: int) -> Color:
        rgb = self.rgb(number)
        if self.system == TRUE:
            return Color.from_rgb(*rgb)
        kind = ColorType.EIGHT_BIT if self.system == EIGHT_BIT else ColorType.STANDARD
        # With its triplet set, Textual's filter keeps the short form.
        return Color(f"color({number})", kind, number, Color.from_rgb(*rgb).triplet)


@lru_cache(maxsize=3)
def picture_colours(system: str | None) -> PictureColours:
    """The colours of a terminal, by Rich's name for what it has; made when the first picture comes."""
    return PictureColours(system or TRUE)


def _of_terminal(system: str) -> tuple[list[int], Rgb]:
    """The numbers of a terminal's colours, and their (N, 3) values."""
    import numpy as np

    if system == EIGHT_BIT:
        numbers = list(range(16, 256))
        return numbers, np.array([rgb_of(n) for n in numbers], np.uint8)
    numbers = list(range(16))
    return numbers, np.array([STANDARD_PALETTE[n] for n in numbers], np.uint8)


def _nearest(cells: NDArray[np.float32], table: Rgb) -> NDArray[np.intp]:
    """For each of `cells` (M, 3) the nearest colour of `table` (N, 3), as people see it; greys only become greys."""
    import numpy as np

    wanted, given = _oklab(cells), _oklab(table.astype(np.float32))
    distance = (wanted**2).sum(1)[:, None] + (given**2).sum(1)[None, :] - 2 * wanted @ given.T
    grey = np.hypot(wanted[:, 1], wanted[:, 2]) < GREYISH
    coloured = np.hypot(given[:, 1], given[:, 2]) > 0.01
    distance[np.ix_(grey, coloured)] += 1.0
    nearest: NDArray[np.intp] = distance.argmin(axis=1)
    return nearest


def _oklab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) lightness and colour axes, as `screens.views.palette.oklab`."""
    import numpy as np

    level = rgb / 255
    linear = np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    axes = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    lab: NDArray[np.float32] = (np.cbrt(linear @ cones.T) @ axes.T).astype(np.float32)
    return lab
