"""A camera for LeRobot's own OpenCVCamera: MJPEG through a pipe that can be pulled out and plugged in again."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

QUICK = "fflags;nobuffer|probesize;200000|analyzeduration;300000"
"""For OPENCV_FFMPEG_CAPTURE_OPTIONS; without it each connect takes 5 s."""
FPS = 30.0


class FifoCamera:
    """Moving stripes at `path`, with `size` (height, width); a file cannot set fps and size, so `table` has none.

    FFmpeg does not take much smaller pictures for MJPEG.
    """

    def __init__(self, path: Path, size: tuple[int, int] = (240, 320)) -> None:
        self.path, self.size = path, size
        self._over = threading.Event()
        self.plug()

    @property
    def table(self) -> dict[str, Any]:
        """The camera in a lab.toml."""
        return {"type": "opencv", "index_or_path": str(self.path)}

    def plug(self, size: tuple[int, int] | None = None) -> None:
        """It is there, and delivers to who opens it."""
        self.size = size or self.size
        self._over = threading.Event()
        os.mkfifo(self.path)
        threading.Thread(target=self._write, args=(self._over, self.size), daemon=True).start()

    def unplug(self) -> None:
        """It goes."""
        self._over.set()
        self.path.unlink(missing_ok=True)

    def end_stream(self) -> None:
        """Its stream ends; the file stays."""
        self._over.set()

    def _write(self, over: threading.Event, size: tuple[int, int]) -> None:
        while not over.is_set():
            with suppress(OSError):  # nobody reads, or nobody any more
                end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
                os.set_blocking(end, True)
                with open(end, "wb", buffering=0) as file:
                    self._pictures(file, over, size)
            time.sleep(0.01)

    def _pictures(self, file: Any, over: threading.Event, size: tuple[int, int]) -> None:
        due, k = time.monotonic(), 0
        while not over.is_set():
            picture = np.full((*size, 3), 60, np.uint8)
            picture[k % size[0]] = 255
            file.write(cv2.imencode(".jpg", picture)[1].tobytes())
            k, due = k + 1, due + 1 / FPS
            time.sleep(max(0.0, due - time.monotonic()))
