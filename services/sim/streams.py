"""A painted view for LeRobot's own OpenCVCamera: uncompressed pictures through a FIFO, which FFmpeg reads.

YUV4MPEG2 says size and rate in its header, and nobody compresses anything. Whoever opens the file gets a stream from
its header on: once a reader is there the path leads to another FIFO, for the next one. Its writing end is always open
somewhere, so that opening it blocks nobody and a painter that dies ends the stream.
"""

from __future__ import annotations

import fcntl
import os
import select
import termios
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from services.sim.wire import Frame

QUICK = "fflags;nobuffer|probesize;32|analyzeduration;0"
"""For OPENCV_FFMPEG_CAPTURE_OPTIONS in the process that reads: FFmpeg does not look for more than the header."""
_PIPE_BYTES = 1 << 20
"""Room for a whole picture; what anybody may ask Linux for."""


class Stream:
    """One view at `path` in `size` (width, height; both even). The world makes it, its painter writes to it."""

    def __init__(self, path: Path, size: tuple[int, int], fps: int) -> None:
        """Raises OSError where there can be no FIFO, ValueError for an odd size."""
        if size[0] % 2 or size[1] % 2 or min(size) < 2:
            raise ValueError(f"a camera of the simulated bench has an even width and height, not {size[0]}x{size[1]}")
        self.path, self.size = path, size
        self._header = f"YUV4MPEG2 W{size[0]} H{size[1]} F{fps}:1 Ip A1:1 C420jpeg\n".encode()
        self._waiting = self._end = -1
        """Writing ends: of the FIFO at the path, and of the one that is read."""
        self._begun = False
        self._rest = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.offer()

    def offer(self) -> None:
        """A new FIFO at the path."""
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        os.mkfifo(fresh, 0o600)
        reader = os.open(fresh, os.O_RDONLY | os.O_NONBLOCK)  # without one there is no opening it for writing
        self._close_waiting()
        self._waiting = os.open(fresh, os.O_WRONLY | os.O_NONBLOCK)
        with suppress(OSError):  # then a picture goes in pieces
            fcntl.fcntl(self._waiting, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.close(reader)
        fresh.replace(self.path)

    def stop(self) -> None:
        """End the stream of who reads it now, or is about to."""
        self._close_waiting()
        if self._end >= 0:
            os.close(self._end)
            self._end = -1
        self.offer()

    def release(self) -> None:
        """Close the writing end: another process has it, too."""
        self._close_waiting()

    def withdraw(self) -> None:
        """No camera is there any more."""
        self.path.unlink(missing_ok=True)
        self._close_waiting()

    def _close_waiting(self) -> None:
        if self._waiting >= 0:
            os.close(self._waiting)
            self._waiting = -1

    @property
    def descriptor(self) -> int:
        """The writing end that a painter has to keep."""
        return self._waiting

    @property
    def read(self) -> bool:
        """Whether somebody reads it; the next one's turn comes when the one before has left."""
        if self._end >= 0 and not _has_reader(self._end):
            os.close(self._end)
            self._end = -1
        if self._end < 0 and _has_reader(self._waiting):
            self._end, self._waiting = self._waiting, -1
            self._begun, self._rest = False, b""
            self.offer()
        return self._end >= 0

    def send(self, picture: Frame) -> None:
        """The next picture, height x width x 3, RGB; none while the reader has not taken the one before."""
        with suppress(BrokenPipeError):  # `read` sees that, too
            if self._rest or self._queued():
                self._write(self._rest)
                return
            if (picture.shape[1], picture.shape[0]) != self.size:
                picture = np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            head, self._begun = b"FRAME\n" if self._begun else self._header + b"FRAME\n", True
            self._write(head + planes.tobytes())

    def _write(self, data: bytes) -> None:
        self._rest = data
        with suppress(BlockingIOError):
            while self._rest:
                self._rest = self._rest[os.write(self._end, self._rest) :]

    def _queued(self) -> int:
        return int.from_bytes(fcntl.ioctl(self._end, termios.FIONREAD, b"\0" * 4), "little")


def _has_reader(end: int) -> bool:
    """Whether somebody has the FIFO open for reading: a writing end without a reader is an error to Linux."""
    poll = select.poll()
    poll.register(end, 0)
    return not poll.poll(0)
