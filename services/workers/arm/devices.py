"""Builds robot, leader and cameras from LeRobot configurations, and connects them without moving the arm."""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import draccus
import lerobot.cameras
import lerobot.robots
import lerobot.teleoperators
from lerobot.cameras import CameraConfig, make_cameras_from_configs
from lerobot.robots import Robot, RobotConfig, make_robot_from_config
from lerobot.teleoperators import Teleoperator, TeleoperatorConfig, make_teleoperator_from_config
from lerobot.utils.import_utils import register_third_party_plugins

from services.bench.profiles import Profile
from services.workers.arm.calibration import fingerprints
from services.workers.arm.connect_arm import as_found, close_ports, connect_arm, leave_torque_alone, take_hold
from services.workers.arm.device_problem import DeviceProblem, first_line, sentence
from services.workers.arm.motors import Motors, Torque, arms_of
from services.workers.process.environment import load_libusb
from sessions.facts import BenchConnected

MODULE_OF = {  # common types, so that not every device package of LeRobot has to be imported
    "so100_follower": "lerobot.robots.so_follower",
    "so101_follower": "lerobot.robots.so_follower",
    "so100_leader": "lerobot.teleoperators.so_leader",
    "so101_leader": "lerobot.teleoperators.so_leader",
    "opencv": "lerobot.cameras.opencv",
    "intelrealsense": "lerobot.cameras.realsense",
}
PATH_KEYS = ("port", "index_or_path")

logger = logging.getLogger(__name__)


@dataclass
class Devices:
    """The connected devices. `absent` maps each camera that could not be connected to the reason."""

    robot: Robot
    teleop: Teleoperator | None
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def cameras(self) -> dict[str, Any]:
        """The connected cameras by name."""
        return dict(getattr(self.robot, "cameras", {}))

    @property
    def motors(self) -> list[str]:
        """The robot's motor names, without the `.pos` of its action features."""
        return [key.removesuffix(".pos") for key in self.robot.action_features]

    @cached_property
    def bench_connected(self) -> BenchConnected:
        """The event that describes this bench."""
        arms = {"follower": self.robot} | ({"leader": self.teleop} if self.teleop else {})
        return BenchConnected(
            robot=str(self.robot.robot_type),
            leader=str(self.teleop.name) if self.teleop else "",
            cameras=tuple(self.cameras),
            calibration=fingerprints(arms),
        )

    def all(self) -> list[Any]:
        """Robot, leader and cameras, for hooks that simulated devices have."""
        return [d for d in (self.robot, self.teleop, *self.cameras.values()) if d is not None]


def connect(
    profile: Profile,
    *,
    arm_only: bool,
    progress: Callable[[str], None],
    leader: bool = True,
    check: Callable[[Robot], None] | None = None,
) -> Devices:
    """Build and connect. Afterwards the arm holds its pose; a camera that fails is listed in `absent`.

    With `arm_only` neither cameras nor leader are touched, since one of them may hang; without `leader`, not the
    leader. `check` looks at the robot before it is connected, and may raise what it likes, if no camera is absent.
    Torque is enabled last: a failure leaves it as it was found. Raises DeviceProblem if the robot or the leader
    cannot be used.
    """
    _load_plugins()
    robot, absent = _build_robot(profile, {} if arm_only else profile.cameras)
    if check is not None and not absent:
        check(robot)
    leave_torque_alone(robot)
    progress("connecting the cameras")
    cameras = _connect_cameras(robot, absent)
    progress("connecting the follower")
    connect_arm(robot, "follower", profile.robot)
    if cameras is not None:
        robot.cameras = cameras
    teleop = None
    try:
        _check_rest(robot, profile)
        if leader and not arm_only and profile.teleop:
            progress("connecting the leader")
            teleop = _build_leader(profile)
            connect_arm(teleop, "leader", profile.teleop)
            _check_match(robot, teleop)
        take_hold(robot)
    except DeviceProblem as problem:
        whole = f"{problem}{as_found(robot)}"
        disconnect(Devices(robot, teleop), cut_torque=False)
        raise DeviceProblem(whole) from problem
    return Devices(robot, teleop, absent)


def _build_robot(profile: Profile, wanted: dict[str, dict[str, Any]]) -> tuple[Robot, dict[str, str]]:
    """The robot with the cameras whose drivers load, and the others with the reason."""
    absent: dict[str, str] = {}
    table = {k: v for k, v in profile.robot.items() if k != "cameras"}
    config = _decode(RobotConfig, table, "follower", f"bench.{profile.name}.robot")
    cameras: dict[str, CameraConfig] = {}
    for name, camera in wanted.items():
        try:
            decoded = _decode(CameraConfig, dict(camera), name, f"bench.{profile.name}.robot.cameras.{name}")
            _check_paths(name, camera)
            make_cameras_from_configs({name: decoded})
            cameras[name] = decoded
        except Exception as error:  # a driver may raise anything while it loads
            absent[name] = sentence(name, error)
    if hasattr(config, "cameras"):
        config.cameras = cameras
    _check_paths("follower", profile.robot)
    config.disable_torque_on_disconnect = False  # `disconnect` decides
    try:
        return make_robot_from_config(config), absent
    except Exception as error:
        raise DeviceProblem(sentence("follower", error)) from error


def _build_leader(profile: Profile) -> Teleoperator:
    config = _decode(TeleoperatorConfig, profile.teleop, "leader", f"bench.{profile.name}.teleop")
    _check_paths("leader", profile.teleop)
    try:
        return make_teleoperator_from_config(config)
    except Exception as error:
        raise DeviceProblem(sentence("leader", error)) from error


def _decode(base: Any, table: Mapping[str, Any], device: str, where: str) -> Any:
    """A LeRobot config object, decoded from `table` as on LeRobot's command line. Raises DeviceProblem."""
    kind = str(table.get("type", ""))
    _register(base, kind)
    if kind not in base.get_known_choices():
        known = ", ".join(sorted(base.get_known_choices()))
        raise DeviceProblem(f"{device}: {where}.type: LeRobot knows no {kind!r}; it knows {known}")
    try:
        return draccus.decode(base, dict(table))
    except Exception as error:  # draccus may raise several types
        raise DeviceProblem(f"{device}: {where}: {first_line(error)}") from error


def _register(base: Any, kind: str) -> None:
    """Import the module that registers `kind`; if unknown, every module that can be imported."""
    if kind in base.get_known_choices():
        return
    if kind in MODULE_OF:
        importlib.import_module(MODULE_OF[kind])
        return
    package = {RobotConfig: lerobot.robots, TeleoperatorConfig: lerobot.teleoperators}.get(base, lerobot.cameras)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.ispkg:
            try:
                importlib.import_module(module.name)
            except Exception as error:  # a robot whose SDK is not installed
                logger.info("%s cannot be imported: %s", module.name, error)


@cache
def _load_plugins() -> None:
    """Load third-party device plugins, and libusb for RealSense. Once."""
    with suppress(Exception):
        load_libusb()
    register_third_party_plugins()


def load_drivers(profile: Profile) -> None:
    """Import what `connect` needs for this bench; opens nothing. Import errors are left for `connect` to report."""
    _load_plugins()
    tables = [(RobotConfig, profile.robot), (TeleoperatorConfig, profile.teleop)]
    for base, table in tables + [(CameraConfig, camera) for camera in profile.cameras.values()]:
        with suppress(Exception):  # a driver may raise anything while it loads
            _register(base, str(table.get("type", "")))


def _check_paths(device: str, table: Mapping[str, Any]) -> None:
    for key in PATH_KEYS:
        path = table.get(key)
        if isinstance(path, str) and path.startswith("/") and not os.path.exists(path):
            raise DeviceProblem(f"{device}: {path} is not there; plug it in, or correct `{key}` in lab.toml")


def _connect_cameras(robot: Robot, absent: dict[str, str]) -> dict[str, Any] | None:
    """Connect each camera separately, and take them off the robot, so that its own connect cannot fail on one.

    None if the robot has no cameras.
    """
    if not hasattr(robot, "cameras"):
        return None
    connected = {}
    for name, camera in robot.cameras.items():
        try:
            camera.connect()
            connected[name] = camera
        except Exception as error:  # drivers may raise anything
            absent[name] = sentence(name, error)
    robot.cameras = {}
    return connected


def _check_match(robot: Robot, teleop: Teleoperator) -> None:
    missing = set(robot.action_features) ^ set(teleop.action_features)
    if missing:
        raise DeviceProblem(
            f"leader: {teleop.name} does not speak the joints of {robot.name} (they differ in "
            f"{', '.join(sorted(missing))}); choose a leader of the same kind in lab.toml"
        )


def _check_rest(robot: Robot, profile: Profile) -> None:
    motion = profile.motion
    named = {motor for pose in (motion.rest, motion.lift, *motion.waypoints) for motor in pose}
    unknown = named - {key.removesuffix(".pos") for key in robot.action_features}
    if unknown:
        raise DeviceProblem(
            f"follower: bench.{profile.name}.motion names {', '.join(sorted(unknown))}, which {robot.name} lacks"
        )


def disconnect(devices: Devices, *, cut_torque: bool) -> Torque:
    """Disconnect everything; cuts torque only if `cut_torque`. Returns the torque as last read. Never raises."""
    motors = Motors(devices.robot)
    try:
        torque = motors.switch_off() if cut_torque else motors.torque()
    except Exception as error:  # drivers may raise anything
        logger.warning("%s: %s", devices.robot, error)
        torque = motors.torque()
    for part in arms_of(devices.robot).values() or [devices.robot]:
        config = getattr(part, "config", None)
        if config is not None:  # if the motors cannot be asked, LeRobot cuts torque
            config.disable_torque_on_disconnect = cut_torque and not motors.one_by_one
    for device in (devices.robot, devices.teleop):
        if device is None:
            continue
        try:
            device.disconnect()
        except Exception as error:  # an unplugged cable must not prevent disconnecting the rest
            logger.warning("%s: %s", device, error)
            close_ports(device)
    return torque
