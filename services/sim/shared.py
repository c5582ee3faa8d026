"""Shared memory between the world, its painter and the cameras: one file, mapped by all three.

Each view has a ring of slots. A slot's number is written before and after its pixels, so a reader that
was overtaken notices and reads again. The state for the painter carries a checksum.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.folders import APP, FolderProblem, socket_folder
from services.sim.wire import VIEWS, Frame

WIDTH, HEIGHT = 640, 480
_SLOTS = 4
_PIXELS = WIDTH * HEIGHT * 3
_NUMBER = struct.Struct("<Q")
_SLOT_HEAD = struct.Struct("<QqQ")  # number, time.monotonic_ns(), bytes of a failed camera's message
_SLOT_SIZE = 64 + _PIXELS + 64
_VIEW_SIZE = 64 + _SLOTS * _SLOT_SIZE
_STATE_SIZE = 4096
_STATE = struct.Struct("<qqqq13d")  # views wanted (bits), camera period, take, frame, qpos
SIZE = _STATE_SIZE + len(VIEWS) * _VIEW_SIZE


class PainterState(NamedTuple):
    """What the painter needs: views to paint (bits), camera period, take, frame and MuJoCo's qpos."""

    views: int
    period: int
    take: int
    frame: int
    qpos: tuple[float, ...]


class Shot(NamedTuple):
    """One frame as a camera delivered it; `failure` is why there is none, else empty."""

    number: int
    taken_ns: int
    failure: str
    pixels: Frame


def memory_folder() -> Path:
    """A private folder in memory (/dev/shm), else the socket folder. Raises FolderProblem."""
    if not Path("/dev/shm").is_dir():
        return socket_folder()
    path = Path("/dev/shm") / f"{APP}-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) != 0o700:
        raise FolderProblem(f"{path} is not a private folder of yours; remove it and start again")
    return path


class SharedMemory:
    """The mapped file. One writer per part: the world writes the state, its painter the frames."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Raises OSError if the file is missing or cannot be made."""
        flags = os.O_RDWR | os.O_NOFOLLOW | ((os.O_CREAT | os.O_EXCL) if create else 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if create:
                os.ftruncate(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Unmap; frames read before stay valid."""
        self._map.close()

    def write_state(self, state: PainterState) -> None:
        """Publish the state for the painter."""
        body = _STATE.pack(state.views, state.period, state.take, state.frame, *state.qpos)
        self._map[: len(body) + 4] = body + zlib.crc32(body).to_bytes(4, "little")

    def read_state(self) -> PainterState | None:
        """The latest state; None if it is being written."""
        whole = self._map[: _STATE.size + 4]
        body = whole[: _STATE.size]
        if zlib.crc32(body).to_bytes(4, "little") != whole[_STATE.size :]:
            return None
        views, period, take, frame, *qpos = _STATE.unpack(body)
        return PainterState(views, period, take, frame, tuple(qpos))

    def write_frame(self, view: str, pixels: Frame, taken_ns: int) -> None:
        """Publish a frame of HEIGHT x WIDTH x 3."""
        self._write(view, pixels.reshape(-1), taken_ns, 0)

    def write_failure(self, view: str, message: str, taken_ns: int) -> None:
        """Publish, in place of a frame, that the camera has failed."""
        text = np.frombuffer(message.encode()[:1000], np.uint8)
        self._write(view, text, taken_ns, len(text))

    def _write(self, view: str, content: NDArray[np.uint8], taken_ns: int, text: int) -> None:
        at = self._view(view)
        number = self._number(at) + 1
        slot = at + 64 + (number % _SLOTS) * _SLOT_SIZE
        _SLOT_HEAD.pack_into(self._map, slot, number, taken_ns, text)
        np.frombuffer(self._map, np.uint8, len(content), slot + 64)[:] = content
        _NUMBER.pack_into(self._map, slot + 64 + _PIXELS, number)
        _NUMBER.pack_into(self._map, at, number)

    def read_frame(self, view: str) -> Shot | None:
        """A copy of the newest whole frame; None before the first one."""
        at = self._view(view)
        for _ in range(20):
            number = self._number(at)
            if number == 0:
                return None
            slot = at + 64 + (number % _SLOTS) * _SLOT_SIZE
            if self._number(slot + 64 + _PIXELS) != number:
                continue
            pixels = np.frombuffer(self._map, np.uint8, _PIXELS, slot + 64).copy()
            written, taken_ns, text = _SLOT_HEAD.unpack_from(self._map, slot)
            if written == number == self._number(slot):  # again: the writer may have overtaken it
                failure = pixels[:text].tobytes().decode(errors="replace")
                return Shot(number, taken_ns, failure, pixels.reshape(HEIGHT, WIDTH, 3))
        return None

    def newest(self, view: str) -> int:
        """The number of the newest frame; 0 before the first one."""
        return self._number(self._view(view))

    def _view(self, view: str) -> int:
        return _STATE_SIZE + VIEWS.index(view) * _VIEW_SIZE

    def _number(self, at: int) -> int:
        return int(_NUMBER.unpack_from(self._map, at)[0])
