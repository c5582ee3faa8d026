"""LeRobot configurations of the simulated bench's devices, registered by importing this module."""

from __future__ import annotations

from dataclasses import dataclass, field

from lerobot.cameras import CameraConfig
from lerobot.robots import RobotConfig
from lerobot.robots.so_follower import SO101FollowerConfig
from lerobot.teleoperators import TeleoperatorConfig

from services.sim.wire import VIEWS


@CameraConfig.register_subclass("sim_camera")
@dataclass(kw_only=True)
class SimCameraConfig(CameraConfig):
    """A painted camera; `view` is overhead or wrist."""

    view: str
    fps: int | None = 30
    width: int | None = 640
    height: int | None = 480

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise ValueError(f"view: the simulated bench has {' and '.join(VIEWS)}, not {self.view!r}")


@RobotConfig.register_subclass("sim_so101_follower")
@dataclass(kw_only=True)
class SimFollowerConfig(RobotConfig):
    """Like LeRobot's SO-101 follower, without a port."""

    disable_torque_on_disconnect: bool = True
    max_relative_target: float | dict[str, float] | None = None
    cameras: dict[str, CameraConfig] = field(default_factory=dict)
    environment_state: bool = False
    """Adds the cube's pose to the observation: cube.x, cube.y, cube.z, cube.yaw_sin, cube.yaw_cos."""


@RobotConfig.register_subclass("sim_so101_servo_follower")
@dataclass(kw_only=True)
class ServoFollowerConfig(SO101FollowerConfig):
    """LeRobot's SO-101 follower on emulated servos, which always observes the cube's pose, too."""


@TeleoperatorConfig.register_subclass("sim_so101_leader")
@dataclass(kw_only=True)
class SimLeaderConfig(TeleoperatorConfig):
    """Like LeRobot's SO-101 leader, without a port."""
