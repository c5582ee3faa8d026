"""How far two pictures of a scene differ, as one number: 0 is the same, and it grows with how far a thing was moved.

What is compared is the logarithm of brightness, and colour beside it, less important. What light, exposure and white
balance can explain is fitted and taken off, robustly, so that a thing that was moved does not count as light; what is
smaller than the noise of a sensor is no difference. The rest is blurred at five scales, each of which weighs the more
the coarser it is: the sum then grows about linearly with the distance between where a thing is and where it should be,
also where the two do not overlap. (Weighted coefficients of several scales are close to the earth mover's distance:
Shirdhonkar and Jacobs, "Approximate earth mover's distance in linear time", CVPR 2008. The robust fit is Tukey's
biweight: Beaton and Tukey, Technometrics 16, 1974.)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from services.ghost.pictures import resized

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.ghost.pictures import Rgb

    Floats = NDArray[np.float32]

WIDTH = 128
"""Columns of the pictures that are compared: 5 mm of a table of 60 cm are about one of them."""
_DARK = 48.0
"""Counts that are added before the logarithm, as a share of which a change counts: dark noise does not."""
_COLOUR = 0.4
"""How much a change of colour counts beside one of brightness: videos keep a quarter of the colour's pixels."""
_NOISE = 0.04
"""A smaller change of a pixel (of the logarithm, about a share) is noise, or a video's compression."""
_MOST = 0.3
"""More counts no more: an arm that stands elsewhere, black on white, must not outweigh what was moved."""
_SCALES = (1, 2, 4, 8, 16)
"""Of the blurs, in pixels."""
_COARSE = 0.8
"""The exponent of a scale's weight: 1 lets what else differs pull at a thing that is nearly in place, 0.5 leads it
nowhere from far off."""
_PER_UNIT = 1000.0
"""For a number that people read: a cube of 25 mm that lies 1 cm off, seen from above, makes about 10."""
_ROUNDS = 5


def size_for(width: int, height: int) -> tuple[int, int]:
    """(width, height) at which pictures of this shape are compared; 4:3 where it is not known."""
    return (WIDTH, max(2, round(WIDTH * height / width))) if width > 0 and height > 0 else (WIDTH, WIDTH * 3 // 4)


class Compared:
    """A picture that others are compared with."""

    def __init__(self, rgb: Rgb) -> None:
        """`rgb` is (height, width, 3) of any size."""
        self.size = size_for(rgb.shape[1], rgb.shape[0])
        self._own = _perceived(resized(rgb, *self.size))
        self._light = _light(self._own)

    def difference(self, rgb: Rgb) -> float:
        """How far a picture of the same shape, of any size, differs: 0 and more."""
        import numpy as np

        change = _perceived(resized(rgb, *self.size)) - self._own
        for channel, light in enumerate(self._light):
            change[..., channel] -= _explained(light, change[..., channel])
        change = np.sign(change) * np.clip(np.abs(change) - _NOISE, 0, _MOST)
        return _PER_UNIT * float(sum(scale**_COARSE * _blurred(change, scale) for scale in _SCALES))


def _perceived(rgb: Rgb) -> Floats:
    """(height, width, 3): the logarithm of brightness, and how much redder and bluer than grey a pixel is."""
    import numpy as np

    counts = rgb.astype(np.float32)
    bright = counts @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
    red, blue = (_COLOUR * (counts[..., n] - bright) / (bright + _DARK) for n in (0, 2))
    return np.stack([np.log1p(bright / _DARK), red, blue], axis=-1)


def _light(own: Floats) -> list[Floats]:
    """For each channel what light may change: all of it, by a gradient, and its contrast; (height, width, 4)."""
    import numpy as np

    height, width = own.shape[:2]
    across, down = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    flat, x, y = np.ones_like(own[..., 0]), np.tile(across, (height, 1)), np.tile(down[:, None], (1, width))
    channels = (own[..., n] - own[..., n].mean() for n in range(3))
    return [np.stack([flat, x, y, channel], axis=-1) for channel in channels]


def _explained(light: Floats, change: Floats) -> Floats:
    """The part of a channel's change (height, width) that light makes, by pixels that changed as most did."""
    import numpy as np

    causes, wanted = light[::2, ::2].reshape(-1, light.shape[2]), change[::2, ::2].reshape(-1)
    off: Floats = wanted - np.float32(np.median(wanted))
    strengths = np.zeros(light.shape[2], np.float32)
    for _ in range(_ROUNDS):
        spread = max(6 * float(np.median(np.abs(off))), _NOISE)
        weighted = causes * (np.clip(1 - (off / spread) ** 2, 0, None) ** 2)[:, None]
        square = weighted.T @ causes + 1e-3 * np.eye(len(strengths), dtype=np.float32)
        strengths = np.linalg.solve(square, weighted.T @ wanted)
        off = wanted - causes @ strengths
    return light @ strengths


def _blurred(change: Floats, scale: int) -> float:
    """What is left of a change (height, width, channels) at a scale: the mean over pixels, summed over channels."""
    import numpy as np

    height, width, channels = change.shape
    rows, columns = _blur(height, scale), _blur(width, scale)
    lower = (rows @ change.reshape(height, -1)).reshape(len(rows), width, channels)
    return float(np.abs(columns @ lower).sum()) / (len(rows) * len(columns))


@lru_cache(maxsize=32)
def _blur(pixels: int, scale: int) -> Floats:
    """(pixels / scale, pixels): a Gaussian about every `scale`-th pixel."""
    import numpy as np

    count = max(1, -(-pixels // scale))
    centres = (np.arange(count) + 0.5) * pixels / count - 0.5
    near = np.exp(-0.5 * ((centres[:, None] - np.arange(pixels)) / scale) ** 2)
    weights: Floats = (near / near.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights
