"""Which points of a long curve are drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def downsample(x: NDArray[np.generic], y: NDArray[np.float64], columns: int) -> NDArray[np.int64]:
    """Indices of the points to draw on `columns` columns, two per column, keeping every peak (MinMaxLTTB).

    `x` increases; both are finite and of the same length.
    """
    wanted = max(4, 2 * columns)
    if len(x) <= wanted:
        return np.arange(len(x))
    from tsdownsample import MinMaxLTTBDownsampler

    steps, values = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y)
    downsampler = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]
    return np.asarray(downsampler.downsample(steps, values, n_out=wanted), dtype=np.int64)
