"""The world's painter: a separate process, so that painting never delays a command to the arm."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping

import mujoco

from services.child_process import die_with
from services.sim.feed import CameraFeed
from services.sim.painter import Painter
from services.sim.plant import Plant
from services.sim.settings import SimSettings
from services.sim.shared import HEIGHT, WIDTH, PainterState, SharedMemory
from services.sim.streams import Stream
from services.sim.wire import VIEWS, DeviceFault, Frame

CAMERA_FPS = 30


def start(memory: SharedMemory, settings: SimSettings, streams: Mapping[str, Stream]) -> int:
    """Fork the painter and return its process id. It does not outlive this process, and writes to the streams."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _close_all_but([stream.descriptor for stream in streams.values()])
        die_with(parent)
        os.setpriority(os.PRIO_PROCESS, 0, 10)
        _Easel(memory, settings, streams).paint_while(parent)
    finally:
        os._exit(0)


def _close_all_but(descriptors: list[int]) -> None:
    """The painter must not keep the world's sockets; the mapping needs no descriptor."""
    begin = 3
    for kept in [*sorted(descriptors), 1 << 16]:
        os.closerange(begin, kept)
        begin = kept + 1


class _Easel:
    """Both views, for shared memory and for the streams."""

    def __init__(self, memory: SharedMemory, settings: SimSettings, streams: Mapping[str, Stream]) -> None:
        self._memory, self._streams = memory, streams
        self._plant = Plant()
        self._painters = {view: Painter(self._plant.model, view, WIDTH, HEIGHT) for view in VIEWS}
        self._feeds = {view: CameraFeed(view, settings, CAMERA_FPS) for view in VIEWS}
        self._index = 0

    def paint_while(self, parent: int) -> None:
        """Paint what is looked at, once a period."""
        due = time.monotonic()
        while os.getppid() == parent:
            state = self._memory.read_state()
            if state is not None:
                read = [view for view, stream in self._streams.items() if stream.read]
                self._paint(state, {view for bit, view in enumerate(VIEWS) if state.views >> bit & 1}, read)
            self._index += 1
            due = max(due + 1 / CAMERA_FPS, time.monotonic() - 0.1)
            time.sleep(max(0.0, due - time.monotonic()))

    def _paint(self, state: PainterState, watched: set[str], read: list[str]) -> None:
        if not watched and not read:
            return
        model, data = self._plant.model, self._plant.data
        data.qpos[:] = state.qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        for view in sorted({*watched, *read}, key=VIEWS.index):
            taken = time.monotonic_ns()
            try:
                picture = self._feeds[view].next(self._painter(view), self._index, state.take, state.frame)
            except DeviceFault as fault:
                self._fail(view, str(fault), taken)
                continue
            if picture is None:
                continue
            if view in watched:
                self._memory.write_frame(view, picture, taken)
            if view in read:
                self._streams[view].send(picture)

    def _painter(self, view: str) -> Callable[[int], Frame]:
        return lambda index: self._painters[view].paint(self._plant.data, index)

    def _fail(self, view: str, message: str, taken_ns: int) -> None:
        """As a camera whose cable is pulled: its pictures end."""
        self._memory.write_failure(view, message, taken_ns)
        if view in self._streams:
            self._streams[view].stop()
