"""The world's painter: a separate process, so that painting never delays a command to the arm."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import mujoco

from services.child_process import die_with
from services.sim.feed import CameraFeed
from services.sim.painter import Painter
from services.sim.plant import Plant
from services.sim.settings import SimSettings
from services.sim.shared import HEIGHT, WIDTH, SharedMemory
from services.sim.wire import VIEWS, DeviceFault

CAMERA_FPS = 30


def start(memory: SharedMemory, settings: SimSettings) -> int:
    """Fork the painter and return its process id. It does not outlive this process."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.closerange(3, 1 << 16)  # the painter must not keep the world's sockets; the mapping needs no descriptor
        die_with(parent)
        os.setpriority(os.PRIO_PROCESS, 0, 10)
        _paint(memory, settings, parent)
    finally:
        os._exit(0)


def _paint(memory: SharedMemory, settings: SimSettings, parent: int) -> None:
    plant = Plant()
    model, data = plant.model, plant.data
    painters = {view: Painter(model, view, WIDTH, HEIGHT) for view in VIEWS}
    feeds = {view: CameraFeed(view, settings, CAMERA_FPS) for view in VIEWS}
    due = time.monotonic()
    index = 0
    while os.getppid() == parent:
        state = memory.read_state()
        if state is not None:
            data.qpos[:] = state.qpos
            mujoco.mj_kinematics(model, data)
            mujoco.mj_camlight(model, data)
            for bit, view in enumerate(VIEWS):
                if state.views >> bit & 1:
                    taken = time.monotonic_ns()
                    try:
                        paint = partial(painters[view].paint, data)
                        picture = feeds[view].next(paint, index, state.take, state.frame)
                    except DeviceFault as fault:
                        memory.write_failure(view, str(fault), taken)
                        continue
                    if picture is not None:
                        memory.write_frame(view, picture, taken)
        index += 1
        due = max(due + 1 / CAMERA_FPS, time.monotonic() - 0.1)
        time.sleep(max(0.0, due - time.monotonic()))
