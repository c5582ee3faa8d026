"""LeRobot's Robot, Teleoperator and Camera over the simulated bench that `bench.prepare` chose.

Every device raises ConnectionError when the bench is gone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from math import cos, radians, sin
from typing import Any

from lerobot.cameras import Camera, make_cameras_from_configs
from lerobot.robots import Robot
from lerobot.robots.so_follower import SO101Follower
from lerobot.robots.utils import ensure_safe_goal_position
from lerobot.teleoperators import Teleoperator
from lerobot.utils.decorators import check_if_already_connected, check_if_not_connected
from lerobot.utils.errors import DeviceNotConnectedError

from services.sim import bench
from services.sim.arm import JOINTS
from services.sim.bus import SimBus
from services.sim.client import Camera as Source
from services.sim.client import World
from services.sim.config_devices import ServoFollowerConfig, SimCameraConfig, SimFollowerConfig, SimLeaderConfig
from services.sim.wire import VIEWS, Frame, WorldState

CUBE_FEATURES = ("cube.x", "cube.y", "cube.z", "cube.yaw_sin", "cube.yaw_cos")
_FIRST_FRAME_S = 2.0


class SimFollower(Robot):
    """The simulated SO-101 follower."""

    config_class = SimFollowerConfig
    name = "sim_so101_follower"

    def __init__(self, config: SimFollowerConfig) -> None:
        super().__init__(config)
        self.config = config
        self.bus = SimBus()
        self.cameras: dict[str, Camera] = make_cameras_from_configs(config.cameras)

    @property
    def _motors_ft(self) -> dict[str, type]:
        return {f"{name}.pos": float for name in JOINTS}

    @cached_property
    def observation_features(self) -> dict[str, type | tuple[int, ...]]:
        """Joints, the cube if configured, and cameras by name."""
        cube = dict.fromkeys(self.environment_features, float)
        cameras = {name: (camera.height, camera.width, 3) for name, camera in self.cameras.items()}
        return {**self._motors_ft, **cube, **cameras}

    @cached_property
    def environment_features(self) -> tuple[str, ...]:
        """The observed values that are not the robot's: the cube, if configured."""
        return CUBE_FEATURES if self.config.environment_state else ()

    @cached_property
    def action_features(self) -> dict[str, type]:
        """One goal per joint."""
        return self._motors_ft

    @property
    def is_connected(self) -> bool:
        """Whether bus and cameras are connected."""
        return self.bus.is_connected and all(camera.is_connected for camera in self.cameras.values())

    @property
    def is_calibrated(self) -> bool:
        """Always."""
        return True

    @check_if_already_connected  # type: ignore[untyped-decorator]
    def connect(self, calibrate: bool = True) -> None:
        """Connect; torque comes on with the goal at the measured pose, so nothing moves."""
        self.bus.connect()
        try:
            for camera in self.cameras.values():
                camera.connect()
            self.configure()
        except Exception:
            for camera in self.cameras.values():
                if camera.is_connected:
                    camera.disconnect()
            self.bus.disconnect(disable_torque=False)
            raise

    def calibrate(self) -> None:
        """Nothing to do."""

    def configure(self) -> None:
        """Goal := measured pose, then torque on; an arm with torque keeps the goal that it has."""
        if all(self.bus.sync_read("Torque_Enable").values()):
            return
        self.bus.sync_write("Goal_Position", self.bus.sync_read("Present_Position"))
        self.bus.enable_torque()

    @check_if_not_connected  # type: ignore[untyped-decorator]
    def get_observation(self) -> dict[str, Any]:
        """Joints, the cube if configured, and each camera's latest frame."""
        observation: dict[str, Any] = {
            f"{name}.pos": value for name, value in self.bus.sync_read("Present_Position").items()
        }
        if self.config.environment_state:
            observation |= _cube_features(self.bus.world.state())
        for name, camera in self.cameras.items():
            observation[name] = camera.read_latest()
        return observation

    @check_if_not_connected  # type: ignore[untyped-decorator]
    def send_action(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """Set goals; returns the goals sent, which `max_relative_target` may have limited."""
        goals = {key.removesuffix(".pos"): float(v) for key, v in action.items() if key.endswith(".pos")}
        limit = self.config.max_relative_target
        if limit is not None:
            present = self.bus.sync_read("Present_Position")
            pairs = {name: (goal, present[name]) for name, goal in goals.items()}
            goals = ensure_safe_goal_position(pairs, float(limit) if isinstance(limit, int) else limit)
        self.bus.sync_write("Goal_Position", goals)
        return {f"{name}.pos": goal for name, goal in goals.items()}

    @check_if_not_connected  # type: ignore[untyped-decorator]
    def disconnect(self) -> None:
        """Disconnect bus and cameras; torque is cut only if the configuration says so."""
        try:
            self.bus.disconnect(self.config.disable_torque_on_disconnect)
        finally:
            for camera in self.cameras.values():
                camera.disconnect()

    def take_started(self, take: int) -> None:
        """Tell the scripted person that take `take` (from 1) has begun."""
        self.bus.world.take_started(take)

    def take_ended(self, take: int) -> None:
        """Tell the scripted person that the take has ended."""
        self.bus.world.take_ended(take)


class ServoFollower(SO101Follower):
    """LeRobot's own SO-101 follower, unchanged, with the cube's pose beside what it observes itself."""

    config_class = ServoFollowerConfig
    name = "sim_so101_servo_follower"
    environment_features = CUBE_FEATURES

    @cached_property
    def observation_features(self) -> dict[str, type | tuple[int, ...]]:
        """LeRobot's, and the cube."""
        return {**super().observation_features, **dict.fromkeys(CUBE_FEATURES, float)}

    def get_observation(self) -> dict[str, Any]:
        """LeRobot's, and the cube."""
        observation: dict[str, Any] = super().get_observation()
        return observation | _cube_features(self._world.state())

    @cached_property
    def _world(self) -> World:
        return bench.open_world()

    def disconnect(self) -> None:
        """As LeRobot does."""
        super().disconnect()
        if "_world" in self.__dict__:
            self._world.close()
            del self._world


class SimLeader(Teleoperator):
    """The leader in the scripted person's hand."""

    config_class = SimLeaderConfig
    name = "sim_so101_leader"

    def __init__(self, config: SimLeaderConfig) -> None:
        super().__init__(config)
        self.config = config
        self._world: World | None = None

    @cached_property
    def action_features(self) -> dict[str, type]:
        """One position per joint."""
        return {f"{name}.pos": float for name in JOINTS}

    @cached_property
    def feedback_features(self) -> dict[str, type]:
        """Empty: the leader has no motors."""
        return {}

    @property
    def is_connected(self) -> bool:
        """Whether the leader is connected."""
        return self._world is not None

    @property
    def is_calibrated(self) -> bool:
        """Always."""
        return True

    @check_if_already_connected  # type: ignore[untyped-decorator]
    def connect(self, calibrate: bool = True) -> None:
        """Connect to the prepared bench."""
        self._world = bench.open_world()

    def calibrate(self) -> None:
        """Nothing to do."""

    def configure(self) -> None:
        """Nothing to do."""

    def get_action(self) -> dict[str, Any]:
        """The leader's joints."""
        return {f"{name}.pos": value for name, value in zip(JOINTS, self._connected().leader(), strict=True)}

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """The leader has no motors."""

    @check_if_not_connected  # type: ignore[untyped-decorator]
    def disconnect(self) -> None:
        """Close the connection."""
        world, self._world = self._connected(), None
        world.close()

    def take_started(self, take: int) -> None:
        """Tell the scripted person that take `take` (from 1) has begun."""
        self._connected().take_started(take)

    def take_ended(self, take: int) -> None:
        """Tell the scripted person that the take has ended."""
        self._connected().take_ended(take)

    def _connected(self) -> World:
        if self._world is None:
            raise DeviceNotConnectedError("the simulated leader is not connected; call connect() first")
        return self._world


class SimCamera(Camera):
    """One of the two painted cameras."""

    def __init__(self, config: SimCameraConfig) -> None:
        super().__init__(config)
        self.config = config
        self._source: Source | None = None
        self._consumed = 0

    def __str__(self) -> str:
        return f"SimCamera({self.config.view})"

    @property
    def is_connected(self) -> bool:
        """Whether the camera is connected."""
        return self._source is not None

    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        """The two views."""
        return [{"type": "sim_camera", "id": view, "view": view} for view in VIEWS]

    @check_if_already_connected  # type: ignore[untyped-decorator]
    def connect(self, warmup: bool = True) -> None:
        """Connect and wait for the first frame. Raises ConnectionError if none comes within 2 s."""
        world = bench.open_world()
        try:
            self._source = world.camera(self.config.view, self.width or 640, self.height or 480)
        finally:
            world.close()
        deadline = time.monotonic() + _FIRST_FRAME_S
        try:
            while self._source.latest() is None:
                if time.monotonic() > deadline:
                    raise ConnectionError(f"the simulated {self.config.view} camera delivers no frame")
                time.sleep(0.005)
        except ConnectionError:
            self.disconnect()
            raise

    def read(self) -> Frame:
        """A frame that has not been read yet."""
        return self.async_read(timeout_ms=1000)

    def async_read(self, timeout_ms: float = 200) -> Frame:
        """The next unconsumed frame. Raises TimeoutError if none comes in time."""
        source = self._connected()
        deadline = time.monotonic() + timeout_ms / 1000
        while (number := source.newest()) == self._consumed:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self} delivered no new frame within {timeout_ms:g} ms")
            time.sleep(0.002)
        self._consumed = number
        return self.read_latest(max_age_ms=1 << 30)

    def read_latest(self, max_age_ms: int = 500) -> Frame:
        """The newest frame, without waiting. Raises TimeoutError if it is older than `max_age_ms`."""
        shot = self._connected().latest()
        if shot is None:
            raise RuntimeError(f"{self} has not delivered a frame yet")
        frame, taken_ns = shot
        age_ms = (time.monotonic_ns() - taken_ns) / 1e6
        if age_ms > max_age_ms:
            raise TimeoutError(f"{self}: the latest frame is {age_ms:.0f} ms old (limit {max_age_ms} ms)")
        return frame

    @check_if_not_connected  # type: ignore[untyped-decorator]
    def disconnect(self) -> None:
        """Close the connection."""
        source, self._source = self._connected(), None
        source.close()

    def _connected(self) -> Source:
        if self._source is None:
            raise DeviceNotConnectedError(f"{self} is not connected; call connect() first")
        return self._source


def _cube_features(state: WorldState) -> dict[str, float]:
    yaw = radians(state.cube_yaw)
    return dict(zip(CUBE_FEATURES, (*state.cube[:3], sin(yaw), cos(yaw)), strict=True))
