"""The world's client: sends requests and reads frames. No torch, LeRobot or MuJoCo."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from services.sim.place import place_of
from services.sim.servos import control
from services.sim.settings import SettingsProblem
from services.sim.shared import SharedMemory
from services.sim.wire import DeviceFault, Frame, GoalRecord, Reply, Request, WorldState

ANSWER_S = 0.4
"""Seconds after which an unanswered request fails."""


class Camera(Protocol):
    """An open camera."""

    def latest(self) -> tuple[Frame, int] | None:
        """The newest frame (the caller may keep it) and its time.monotonic_ns(); None before the first.

        Raises ConnectionError if the camera or the world is gone.
        """

    def newest(self) -> int:
        """The newest frame's number; grows by one per frame."""

    def close(self) -> None:
        """Close the camera."""


class World(Protocol):
    """The bench as devices see it, over a socket or in the same process."""

    def joints(self) -> tuple[float, ...]:
        """The follower's measured pose."""

    def leader(self) -> tuple[float, ...]:
        """The leader's pose."""

    def command(self, goals: Sequence[float | None]) -> None:
        """New goals, None for a joint that keeps its own."""

    def set_torque(self, on: bool) -> None:
        """All of the follower's motors on or off."""

    def take_started(self, take: int) -> None:
        """Report that take `take` (from 1) has begun."""

    def take_ended(self, take: int) -> None:
        """Report that the take has ended."""

    def lay(self, x: float, y: float, yaw: float) -> None:
        """Lay the cube at (x, y) metres, turned by `yaw` degrees."""

    def state(self) -> WorldState:
        """The bench's current state."""

    def camera(self, view: str, width: int, height: int) -> Camera:
        """Open a camera."""

    def close(self) -> None:
        """Close the connection."""


class WorldClient:
    """One connection to the world of a data folder. Every call raises ConnectionError if it is gone."""

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        """Connects at once."""
        self.place = place_of(data_dir)
        self._lock = threading.Lock()
        self._buffer = b""
        self._gone = ""
        self._overdue = 0  # replies whose requests timed out; they are skipped when they arrive
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.connect(str(self.place.socket))
        except OSError as error:
            self._socket.close()
            reason = "it is not running" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
            raise self._stopped(reason) from error
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN | select.POLLHUP)

    def close(self) -> None:
        """Close the connection; the world keeps running."""
        with self._lock:
            self._gone = self._gone or "the connection was closed"
            self._socket.close()

    def __enter__(self) -> WorldClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- verbs ----------------------------------------------------------------------------------

    def joints(self) -> tuple[float, ...]:
        """The follower's measured pose."""
        return self._ask(Request("joints")).values

    def leader(self) -> tuple[float, ...]:
        """The leader's pose."""
        return self._ask(Request("leader")).values

    def command(self, goals: Sequence[float | None]) -> None:
        """New goals, None for a joint that keeps its own."""
        if not all(goal is None or isfinite(goal) for goal in goals):  # JSON would make null of it
            raise ValueError(f"goals must be finite, not {list(goals)}")
        self._ask(Request("command", values=tuple(goals)))

    def set_torque(self, on: bool) -> None:
        """All of the follower's motors on or off."""
        self._ask(Request("torque", on=on))

    def take_started(self, take: int) -> None:
        """Tell the scripted person that take `take` (from 1) has begun."""
        self._ask(Request("take_started", number=take))

    def take_ended(self, take: int) -> None:
        """Tell the scripted person that the take has ended."""
        self._ask(Request("take_ended", number=take))

    def lay(self, x: float, y: float, yaw: float) -> None:
        """Lay the cube at (x, y) metres, turned by `yaw` degrees."""
        self._ask(Request("lay", values=(x, y, yaw)))

    def apply(
        self,
        settings: Mapping[str, Any],
        fps: int,
        *,
        servos: bool = False,
        streams: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Begin a session with these settings; with `servos`, the arms are behind the ports in `place.servos`.

        `streams` are the views (width, height) that are files in `place.cameras`. Raises SettingsProblem, which names
        key and reason, and ValueError for a view or size that cannot be.
        """
        self._ask(Request("apply", settings=dict(settings), fps=fps, servos=servos, streams=dict(streams or {})))

    def do(self, act: control.AnyAct) -> control.Stand:
        """Do something to a servo bench; how the arm stands then. Raises ValueError where there is none."""
        reply = self._ask(Request("act", settings=msgspec.to_builtins(act)))
        return msgspec.convert(reply.stand, control.Stand, strict=False)

    def state(self) -> WorldState:
        """The bench's current state."""
        state = self._ask(Request("state")).state
        assert state is not None
        return state

    def goal_log(self, count: int) -> tuple[GoalRecord, ...]:
        """The last `count` commands (at most 512, of a servo bench what its packet log keeps), oldest first."""
        return self._ask(Request("goal_log", number=count)).log

    def shutdown(self) -> None:
        """End the world; returns once it has released socket, memory and lock, within about a second."""
        self._ask(Request("shutdown"))
        self.close()
        deadline = time.monotonic() + 2.0
        while self.place.socket.exists() and time.monotonic() < deadline:
            time.sleep(0.005)

    def camera(self, view: str, width: int, height: int) -> Camera:
        """Open a camera on its own connection."""
        return _RemoteCamera(self.place.data_dir, view, width, height)

    def watch(self, view: str) -> None:
        """Have the world paint this view while this connection is open."""
        self._ask(Request("watch", view=view))

    def check(self) -> None:
        """Raises ConnectionError if the world has closed the connection; sends no request."""
        with self._lock:
            if self._gone:
                raise self._stopped(self._gone)
            if self._poll.poll(0) and not self._overdue:  # only the end arrives without a request
                raise self._lost("it closed the connection")

    # --- the socket -----------------------------------------------------------------------------

    def _ask(self, request: Request) -> Reply:
        with self._lock:
            if self._gone:
                raise self._stopped(self._gone)
            try:
                self._socket.settimeout(ANSWER_S)
                self._socket.sendall(msgspec.json.encode(request) + b"\n")
            except OSError as error:  # a partly sent request would corrupt the next one
                raise self._lost(error.strerror or str(error)) from error
            try:
                reply = msgspec.json.decode(self._answer(), type=Reply)
            except TimeoutError as error:  # a busy machine: later requests may be answered again
                self._overdue += 1
                raise self._stopped(f"no answer within {ANSWER_S} s") from error
            except (OSError, msgspec.MsgspecError) as error:
                raise self._lost(getattr(error, "strerror", None) or str(error)) from error
        if reply.problem == "device":
            raise DeviceFault(reply.error)
        if reply.problem == "settings":
            raise SettingsProblem(reply.error)
        if reply.problem:
            raise ValueError(reply.error)
        return reply

    def _answer(self) -> bytes:
        """The reply to the last request, after skipping overdue ones."""
        deadline = time.monotonic() + ANSWER_S
        while self._overdue:
            self._line(deadline)
            self._overdue -= 1
        return self._line(deadline)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                raise ConnectionResetError("it closed the connection")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _lost(self, reason: str) -> ConnectionError:
        self._gone = reason
        self._socket.close()
        return self._stopped(reason)

    def _stopped(self, reason: str) -> ConnectionError:
        return ConnectionError(f"the simulated bench of {self.place.data_dir} stopped: {reason}")


class _RemoteCamera:
    """Frames from shared memory, scaled to the camera's size."""

    def __init__(self, data_dir: Path, view: str, width: int, height: int) -> None:
        self._view, self._size = view, (width, height)
        self._world = WorldClient(data_dir)
        try:
            self._world.watch(view)
            self._memory = SharedMemory(self._world.place.memory)
        except OSError:
            self._world.close()
            raise
        self._opened_ns = time.monotonic_ns()

    def latest(self) -> tuple[Frame, int] | None:
        self._world.check()
        shot = self._memory.read_frame(self._view)
        if shot is None or shot.taken_ns < self._opened_ns:
            return None
        if shot.failure:
            raise DeviceFault(shot.failure)
        return self._scaled(shot.pixels), shot.taken_ns

    def newest(self) -> int:
        self._world.check()
        return self._memory.newest(self._view)

    def close(self) -> None:
        self._world.close()
        self._memory.close()

    def _scaled(self, pixels: Frame) -> Frame:
        if (pixels.shape[1], pixels.shape[0]) == self._size:
            return pixels
        import cv2

        return np.asarray(cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
