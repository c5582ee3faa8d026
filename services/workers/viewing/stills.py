"""Pictures that lie in the dataset's parquet files, one by frame, as PNG or JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from sessions.files import read_file


class Stills:
    """A camera's pictures of one episode. Reads the row group of the frame that is looked at, and keeps it."""

    def __init__(self, root: Path, data: Path, key: str, rows: Any) -> None:
        """`rows` are the places of the episode's frames in the file. Raises OSError or pyarrow.ArrowException."""
        self._root, self._data, self._key, self._rows = root, data, key, rows
        with pq.ParquetFile(data) as file:
            counts = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
        self._starts = np.cumsum([0, *counts])
        self._group = -1
        self._pictures: Any = None

    def picture(self, frame: int, width: int, height: int) -> bytes:
        """The frame's picture in `width` x `height` pixels: RGB. Raises as above, or ValueError if it is none."""
        encoded = np.frombuffer(self._encoded(int(self._rows[frame])), np.uint8)
        found = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
        if found is None:
            raise ValueError("it is no picture that can be decoded")
        small = cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(small[:, :, ::-1]).tobytes()

    def close(self) -> None:
        """Forget them."""
        self._pictures = None

    def _encoded(self, row: int) -> bytes:
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if group != self._group:
            with pq.ParquetFile(self._data) as file:
                self._pictures = file.read_row_group(group, columns=[self._key]).column(0)
            self._group = group
        held = self._pictures[row - int(self._starts[group])].as_py()
        held = held if isinstance(held, dict) else {"bytes": held}
        if isinstance(held.get("bytes"), bytes):
            return bytes(held["bytes"])
        if held.get("path"):
            return read_file(self._root / held["path"])
        raise ValueError("there is none in the data")
