"""Builds robot, leader and cameras from LeRobot configurations, and connects them without moving the arm."""

from __future__ import annotations

import dataclasses
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

from services.bench.device_locks import DeviceLocks
from services.bench.profiles import Profile
from services.bench.usb_cameras import USB_2, camera_file, slow_port
from services.error_text import message
from services.near import did_you_mean
from services.workers.arm.calibration import fingerprints, follower_joints
from services.workers.arm.calibration_check import CalibrationProblem, Wishes, unreadable_file
from services.workers.arm.camera_trouble import check_plugged_in
from services.workers.arm.connect_arm import (
    NO_WISHES,
    as_found,
    close_ports,
    connect_arm,
    leave_torque_alone,
    take_hold,
)
from services.workers.arm.device_problem import DeviceProblem, sentence
from services.workers.arm.hands_off import keep_hands_off
from services.workers.arm.motors import Motors, Torque
from services.workers.arm.parts import Cameras, arms_of, buses_of, check_robot
from services.workers.arm.remedies import shared_ports
from services.workers.arm.swapped import SwapCheck, Swapped, check_before_configuring
from services.workers.process.environment import load_libusb
from sessions.bench import ARM_CONFIG, CameraPlace, arm_name, arm_prefix, arm_tables, camera_places, without_cameras
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
    shared_ports: tuple[str, ...] = ()
    """A sentence for each port that another program has open, too."""
    locks: DeviceLocks | None = None
    """Those of the session, for a device that comes back at another path."""
    slow_cameras: tuple[str, ...] = ()
    """A sentence for each camera in a port that is slower than the camera."""
    person: Any = None
    """Who is to hear of takes where the devices are LeRobot's own: the scripted person of a simulated bench."""

    @cached_property
    def cameras(self) -> dict[str, Any]:
        """The connected cameras by the names that the robot's observations give them."""
        return Cameras(self.robot).by_name()

    def look_at_cameras_again(self) -> None:
        """The robot has other cameras now."""
        vars(self).pop("cameras", None)

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
            joints=follower_joints(self.robot),
            lay=positions(self.robot),
        )

    def all(self) -> list[Any]:
        """Robot, leader, cameras and person, for hooks that a simulated bench has."""
        return [d for d in (self.robot, self.teleop, *self.cameras.values(), self.person) if d is not None]


def connect(
    profile: Profile,
    *,
    arm_only: bool,
    progress: Callable[[str], None],
    leader: bool = True,
    check: Callable[[Robot], None] | None = None,
    locks: DeviceLocks | None = None,
    fits: Callable[[Devices], None] | None = None,
    wishes: Wishes = NO_WISHES,
    hands_off: bool = False,
) -> Devices:
    """Build and connect. Afterwards the arm holds its pose; a camera that fails is listed in `absent`.

    With `arm_only` neither cameras nor leader are touched, since one of them may hang; without `leader`, not the
    leader. What can be known before is refused before anything is connected; `check` looks at the robot then, and may
    raise what it likes, if no camera is absent. `fits` looks at robot and cameras once the cameras are connected and
    before an arm is, and may raise, too. `locks` hold each port wherever it is opened; `wishes` is what to do about a
    calibration that does not fit. Torque is enabled last: a failure leaves it as it was found. With `hands_off` the
    follower can only be read, and keeps the torque that it has. Raises DeviceProblem if the robot or the leader cannot
    be used.
    """
    robot, teleop, absent = _build(profile, arm_only=arm_only, leader=leader, check=check, hands_off=hands_off)
    cameras = Cameras(robot)
    slow: list[str] = []
    connected = _connect_cameras(cameras, absent, slow, progress)
    if fits is not None:
        _see_whether(fits, robot, absent, cameras, connected)
    progress("connecting the follower")
    connect_arm(robot, "follower", profile.robot, locks, wishes)
    try:
        cameras.keep(connected)
        cameras.check()
        if teleop is not None:
            progress("connecting the leader")
            connect_arm(teleop, "leader", profile.teleop, locks, wishes)
        if not hands_off:
            take_hold(robot)
    except DeviceProblem as problem:
        as_it_is = "" if isinstance(problem, Swapped) else as_found(robot, wishes)
        disconnect(Devices(robot, teleop), cut_torque=False)
        if isinstance(problem, CalibrationProblem):
            raise problem.with_more(as_it_is) from problem
        raise DeviceProblem(f"{problem}{as_it_is}") from problem
    ports = [str(getattr(bus, "port", "")) for device in (robot, teleop) for bus in buses_of(device).values()]
    return Devices(robot, teleop, absent, shared_ports(ports), locks, slow_cameras=tuple(slow))


def _build(
    profile: Profile, *, arm_only: bool, leader: bool, check: Callable[[Robot], None] | None, hands_off: bool
) -> tuple[Robot, Teleoperator | None, dict[str, str]]:
    """Robot, leader and absent cameras, after everything that can be refused before they are connected."""
    _load_plugins()
    robot, absent = _build_robot(profile, [] if arm_only else camera_places(profile.robot))
    check_robot(robot)
    _check_rest(robot, profile)
    teleop = _build_leader(profile) if leader and not arm_only and profile.teleop else None
    if teleop is not None:
        _check_match(robot, teleop)
    if check is not None and not absent:
        check(robot)
    if hands_off:
        keep_hands_off(robot, simulated=profile.simulated)
    else:
        leave_torque_alone(robot)
    swapped = SwapCheck(profile, robot, teleop)
    for device in (robot, teleop):
        check_before_configuring(device, swapped)
    return robot, teleop, absent


def _build_robot(profile: Profile, wanted: list[CameraPlace]) -> tuple[Robot, dict[str, str]]:
    """The robot with the cameras whose drivers load, and the others with the reason."""
    absent: dict[str, str] = {}
    config = _decode(RobotConfig, without_cameras(profile.robot), "follower", f"bench.{profile.name}.robot")
    for place in wanted:
        try:
            where = f"bench.{profile.name}.robot.{'.'.join(place.keys)}"
            decoded = _decode(CameraConfig, dict(place.table), place.name, where)
            _check_paths(place.name, place.table)
            make_cameras_from_configs({place.name: decoded})
            owner = getattr(config, place.keys[0]) if place.keys[0].endswith(ARM_CONFIG) else config
            owner.cameras[place.keys[-1]] = decoded
        except Exception as error:  # a driver may raise anything while it loads
            absent[place.name] = sentence(place.name, error, camera_file(place.table.get("index_or_path")))
    _check_paths("follower", profile.robot)
    try:
        robot = make_robot_from_config(config)
    except Exception as error:
        raise unreadable_file(error, "follower", profile.robot) or DeviceProblem(sentence("follower", error)) from error
    _set_torque_cut(robot, False)  # `disconnect` decides
    return robot, absent


def _build_leader(profile: Profile) -> Teleoperator:
    config = _decode(TeleoperatorConfig, profile.teleop, "leader", f"bench.{profile.name}.teleop")
    _check_paths("leader", profile.teleop)
    try:
        return make_teleoperator_from_config(config)
    except Exception as error:
        raise unreadable_file(error, "leader", profile.teleop) or DeviceProblem(sentence("leader", error)) from error


def _decode(base: Any, table: Mapping[str, Any], device: str, where: str) -> Any:
    """A LeRobot config object, decoded from `table` as on LeRobot's command line. Raises DeviceProblem."""
    kind = str(table.get("type", ""))
    _register(base, kind)
    if kind not in base.get_known_choices():
        kinds = ", ".join(sorted(base.get_known_choices()))
        raise DeviceProblem(f"{device}: {where}.type: LeRobot knows no {kind!r}; it knows {kinds}")
    try:
        return draccus.decode(base, dict(table))
    except Exception as error:  # draccus may raise several types
        known = [field.name for field in dataclasses.fields(base.get_choice_class(kind))]
        unknown = next((key for key in table if key not in (*known, "type")), "")
        raise DeviceProblem(f"{device}: {where}: {message(error)}{did_you_mean(unknown, known)}") from error


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
    """Raises DeviceProblem if a port or device file of a device, or of one of its arms, does not exist."""
    for key in PATH_KEYS:
        path = table.get(key)
        if isinstance(path, str) and path.startswith("/") and not os.path.exists(path):
            raise DeviceProblem(f"{device}: {path} is not there; plug it in, or correct `{key}` in lab.toml")
    for key, arm in arm_tables(table).items():
        _check_paths(arm_name(device, arm_prefix(key)), arm)


def _connect_cameras(
    cameras: Cameras, absent: dict[str, str], slow: list[str], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Connect each camera separately, and take them off the robot, so that its own connect cannot fail on one.

    Those that fail go to `absent`, a sentence for each that is in a slow port to `slow`.
    """
    connected = {}
    for name, camera in cameras.by_name().items():
        progress(f"connecting the camera {name}")  # a RealSense that hangs takes 15 s
        try:
            usb = check_plugged_in(camera)
            camera.connect()
            connected[name] = camera
            if usb.startswith("2"):
                slow.append(slow_port(name, USB_2, vars(camera.config)))
        except Exception as error:  # drivers may raise anything
            absent[name] = sentence(name, error, camera_file(_place(camera)))
    cameras.keep({})
    return connected


def _place(camera: Any) -> object:
    return getattr(getattr(camera, "config", None), "index_or_path", None)


def _see_whether(
    fits: Callable[[Devices], None], robot: Robot, absent: dict[str, str], cameras: Cameras, connected: dict[str, Any]
) -> None:
    """Raises what `fits` raises, with the cameras disconnected again."""
    cameras.keep(connected)
    try:
        fits(Devices(robot, None, absent))
    except BaseException:
        for camera in connected.values():
            with suppress(Exception):  # drivers may raise anything
                camera.disconnect()
        raise
    finally:
        cameras.keep({})


def need_every_camera(devices: Devices) -> None:
    """Raises DeviceProblem if a camera of the bench is absent: a recording would lack its pictures."""
    if devices.absent:
        without = "that camera" if len(devices.absent) == 1 else "those cameras"
        leave_out = f"to record without {without}, take {' and '.join(devices.absent)} out of the bench in lab.toml"
        raise DeviceProblem(f"{'; '.join(devices.absent.values())}. No arm was connected; {leave_out}")


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


def positions(robot: Robot) -> dict[str, float]:
    """Where the motors are now; empty where they do not say."""
    found: dict[str, float] = {}
    for prefix, bus in buses_of(robot).items():
        try:
            read = bus.sync_read("Present_Position")
            found |= {f"{prefix}{motor}": round(float(value), 2) for motor, value in read.items()}
        except Exception as error:  # drivers may raise anything
            logger.warning("%s: %s", robot, error)
    return found


def torque_of(devices: Devices) -> str:
    """What the follower's motors say of their torque, for people."""
    return Motors(devices.robot).torque().words


def disconnect(devices: Devices, *, cut_torque: bool) -> Torque:
    """Disconnect everything; cuts torque only if `cut_torque`. Returns the torque as last read. Never raises."""
    motors = Motors(devices.robot)
    try:
        torque = motors.switch_off() if cut_torque else motors.torque()
    except Exception as error:  # drivers may raise anything
        logger.warning("%s: %s", devices.robot, error)
        torque = motors.torque()
    _set_torque_cut(devices.robot, cut_torque and not motors.one_by_one)  # if they cannot be asked, LeRobot does it
    whole = [device for device in (devices.robot, devices.teleop) if device is not None]
    for device in [part for each in whole for part in arms_of(each).values() or [each]]:
        try:
            device.disconnect()
        except Exception as error:  # an unplugged cable must not prevent disconnecting the rest
            logger.warning("%s: %s", device, error)
            close_ports(device)
    return torque


def _set_torque_cut(robot: Robot, cut: bool) -> None:
    """Whether LeRobot's own disconnect cuts torque, of each arm."""
    for part in (robot, *arms_of(robot).values()):
        config = getattr(part, "config", None)
        if config is not None:
            config.disable_torque_on_disconnect = cut
