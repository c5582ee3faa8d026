"""The world's socket protocol: one JSON object per line, a request and its reply."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

type Frame = NDArray[np.uint8]
"""Height x width x 3, RGB."""

VIEWS = ("overhead", "wrist")


class WorldState(msgspec.Struct, frozen=True):
    """The bench at one moment. Joints are degrees, the gripper 0 to 100, in the order of arm.JOINTS."""

    time: float
    """Simulated seconds."""
    joints: tuple[float, ...]
    """The follower's measured pose."""
    goals: tuple[float, ...]
    """The last commanded goals, within the joint limits."""
    torque: bool
    leader: tuple[float, ...]
    cube: tuple[float, ...]
    """x, y, z in metres, then the quaternion w, x, y, z."""
    cube_yaw: float
    """Degrees, -180 to 180."""
    cube_in_bowl: bool
    take: int
    """The last take that began in this session; 0 before the first."""
    taking: bool
    """Whether that take is running."""
    frame: int
    """Control periods since that take began."""
    leader_home: bool
    leader_finished: bool
    """Whether the demonstration has ended."""
    cameras: tuple[str, ...] = ()
    """The views that a client watches."""
    pid: int = 0


class GoalRecord(msgspec.Struct, frozen=True, array_like=True):
    """One command as it was received: time.monotonic_ns() and the goals."""

    received_ns: int
    goals: tuple[float, ...]


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """`op` names the verb; the other fields are its arguments."""

    op: str
    values: tuple[float | None, ...] = ()
    on: bool = False
    number: int = 0
    view: str = ""
    settings: dict[str, Any] = {}
    fps: int = 30
    servos: bool = False
    streams: dict[str, tuple[int, int]] = {}
    """Width and height of each view that LeRobot's own camera class reads."""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a request; `problem` is the cause of `error`: a device, the settings or the request."""

    error: str = ""
    problem: Literal["", "device", "settings", "request"] = ""
    values: tuple[float, ...] = ()
    state: WorldState | None = None
    log: tuple[GoalRecord, ...] = ()
    stand: dict[str, Any] = {}


class DeviceFault(ConnectionError):
    """A device that fails because a fault was configured for it."""
