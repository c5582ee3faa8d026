"""Pictures as arrays: from bytes, in another size, one half-transparent over another."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rgb = NDArray[np.uint8]
    """Height x width x 3."""
    Matrix = NDArray[np.float32]


def picture(rgb: bytes, width: int, height: int) -> Rgb:
    """The picture in these bytes, row by row. Raises ValueError if they are too few."""
    import numpy as np

    return np.frombuffer(rgb, np.uint8, width * height * 3).reshape(height, width, 3)


def resized(rgb: Rgb, width: int, height: int) -> Rgb:
    """The picture in another size, each pixel the mean of the area that it covers."""
    import numpy as np

    if rgb.shape[:2] == (height, width):
        return rgb
    rows, columns = _areas(rgb.shape[0], height), _areas(rgb.shape[1], width)
    lower = (rows @ rgb.reshape(len(rgb), -1).astype(np.float32)).reshape(height, -1, 3)
    small = columns @ lower  # for each row: (width, before) @ (before, 3)
    return np.clip(small + 0.5, 0, 255).astype(np.uint8)


def blended(over: Rgb, under: Rgb, share: float = 0.5) -> Rgb:
    """`over` as transparent as `share` says (1: it hides what is below), in the size of `under`."""
    import numpy as np

    above = resized(over, under.shape[1], under.shape[0]).astype(np.float32)
    return (share * above + (1 - share) * under + 0.5).astype(np.uint8)


@lru_cache(maxsize=32)
def _areas(before: int, after: int) -> Matrix:
    """(after, before): which share each of the pixels before has in each of those after."""
    import numpy as np

    edges = np.arange(after + 1) * before / after
    pixels = np.arange(before)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    areas: Matrix = (np.clip(shared, 0, None) * after / before).astype(np.float32)
    return areas
