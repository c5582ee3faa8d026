"""The bench profile as a session stores it: robot, leader, cameras, limits on motion.

Structs without checks, so that old files can be read; `services.bench.profiles` validates lab.toml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from sessions.conditions import Condition, Grid

CAMERAS, ARM_CONFIG = "cameras", "_arm_config"
SIM_PORT = "sim"
"""The port of an arm of the simulated bench: it has another path in each data folder."""
SIM_VIEW = "sim:"
"""What a camera's `index_or_path` begins with that looks at the simulated bench; behind it is the view's name."""
DEPTH = "_depth"
"""What LeRobot appends to a camera's name for its depth map (0.6.1, robots/so_follower/so_follower.py)."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the instruction that goes into the dataset; `name` is its short form for the screen.

    `stages` are what a trial of it reaches one after the other, such as reached, grasped, lifted, placed.
    """

    name: str
    text: str
    stages: tuple[str, ...] = ()


class Motion(msgspec.Struct, frozen=True, kw_only=True):
    """How the arm may move: degrees and degrees per second; the gripper in percent of its range.

    `max_joint_speed` and `max_gripper_speed` limit what it does by itself, `max_follow_speed` its joints while it
    follows: no hand moves a leader as fast, so that only a reading that leaps is held back.

    `rest` and `waypoints` map motor names to positions; without `rest` the arm holds its pose at the end.
    `lift` is added to motors before the arm moves to rest (on an SO-101 a negative shoulder_lift raises it).
    """

    max_joint_speed: float = 45.0
    max_gripper_speed: float = 80.0
    max_follow_speed: float = 500.0
    agree_within: float = 3.0
    jump_limit: float = 25.0
    gripper: str = "gripper"
    gripper_open: float = 60.0
    lift: dict[str, float] = {}
    rest: dict[str, float] = {}
    waypoints: tuple[dict[str, float], ...] = ()
    hold_warning_s: float = 300.0

    def is_gripper(self, motor: str) -> bool:
        """Whether a motor is the gripper: of the only arm, or of one of two (`left_gripper`)."""
        return is_gripper(motor, self.gripper)


def is_gripper(motor: str, gripper: str) -> bool:
    """Whether `motor` is the motor `gripper` of the only arm, or of one of several (`left_gripper`)."""
    return bool(gripper) and (motor == gripper or motor.endswith(f"_{gripper}"))


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults of the Record screen; vcodec, preset, encoder_threads and encoder_queue go to LeRobot's encoder."""

    fps: int = 30
    episode_seconds: float = 15.0
    reset_seconds: float = 5.0
    episodes: int = 50
    vcodec: str = "h264"
    preset: str = "ultrafast"
    encoder_threads: int = 1
    encoder_queue: int = 60


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One bench. `robot` and `teleop` are LeRobot's own config dictionaries, handed to LeRobot unchanged.

    `failure_modes` are the annotations for a failed trial, on the keys 1 to 9. `health` overrides default thresholds,
    by check (services/health). `conditions` and those of `conditions_grid` are what an evaluation can begin its trials
    under. `plugins` are the packages and Hub repositories whose code a checkpoint may run besides
    LeRobot's own. `share_runs`: other users of the machine may read the sessions' run folders.
    """

    robot: dict[str, Any]
    teleop: dict[str, Any] = {}
    name: str = ""
    motion: Motion = Motion()
    recording: Recording = Recording()
    operators: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    failure_modes: tuple[str, ...] = ("grasps air", "drops it", "misses the bowl", "does not move")
    conditions: tuple[Condition, ...] = ()
    conditions_grid: Grid | None = None
    health: dict[str, Any] = {}
    plugins: tuple[str, ...] = ()
    share_runs: bool = False
    sim: dict[str, Any] | None = None

    def task_text(self, task: str) -> str:
        """The instruction for the dataset: the text of the task of that name, else `task` itself."""
        return next((t.text for t in self.tasks if t.name == task.strip()), task.strip())

    def stages(self, text: str) -> tuple[str, ...]:
        """The stages of the task with that instruction; empty for one that lab.toml does not name."""
        return next((t.stages for t in self.tasks if t.text == text), ())

    @property
    def simulated(self) -> bool:
        """Whether this bench is the simulated one."""
        return self.sim is not None

    @property
    def emulated(self) -> bool:
        """Whether LeRobot's own drivers run on it: its arms are behind serial ports."""
        return self.simulated and SIM_PORT in (self.robot.get("port"), self.teleop.get("port"))

    @property
    def arms(self) -> tuple[str, ...]:
        """What its arms are called, as far as lab.toml says: `follower left`, `follower right`, `leader`."""
        devices = {"follower": self.robot, "leader": self.teleop}
        prefixes = {name: [arm_prefix(key) for key in arm_tables(table)] or [""] for name, table in devices.items()}
        return tuple(arm_name(name, prefix) for name, table in devices.items() if table for prefix in prefixes[name])

    @property
    def cameras(self) -> dict[str, dict[str, Any]]:
        """The cameras by the names that the robot's observations give them, as LeRobot's config dictionaries."""
        return {place.name: place.table for place in camera_places(self.robot)}

    @property
    def pictures(self) -> dict[str, dict[str, Any]]:
        """The cameras' tables by the name of each picture: a camera with `use_depth` gives a depth map, too."""
        return {name: place.table for place in camera_places(self.robot) for name in place.pictures}


class CameraPlace(NamedTuple):
    """Where a robot's table has a camera: `keys` lead to it, `name` is what the robot's observations call it."""

    name: str
    keys: tuple[str, ...]
    table: dict[str, Any]

    @property
    def pictures(self) -> list[str]:
        """What the observations call its pictures: the name, and with `use_depth` that of the depth map."""
        given = (self.table.get("use_rgb", True), self.name), (self.table.get("use_depth", False), self.name + DEPTH)
        return [name for is_given, name in given if is_given]


def camera_places(robot: Mapping[str, Any]) -> list[CameraPlace]:
    """Every camera in a LeRobot robot config dictionary: the robot's own, and those of its arms.

    LeRobot 0.6.1 (robots/bi_so_follower) calls the camera `wrist` in `left_arm_config` `left_wrist`, and leaves the
    robot's own names as they are.
    """
    return list(_camera_places(robot))


def _camera_places(robot: Mapping[str, Any]) -> Iterator[CameraPlace]:
    for name, table in _camera_tables(robot).items():
        yield CameraPlace(name, (CAMERAS, name), table)
    for key, arm in arm_tables(robot).items():
        for name, table in _camera_tables(arm).items():
            yield CameraPlace(f"{arm_prefix(key)}{name}", (key, CAMERAS, name), table)


def _camera_tables(device: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Those that are tables: lab.toml has no others, a log from elsewhere may hold anything."""
    found = device.get(CAMERAS)
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def arm_tables(device: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tables of a two-armed device's arms by key (`left_arm_config`); empty for a device of one arm."""
    return {k: v for k, v in device.items() if k.endswith(ARM_CONFIG) and isinstance(v, Mapping)}


def arm_prefix(key: str) -> str:
    """The prefix of an arm's motors and cameras: `left_` for the table `left_arm_config`."""
    return key.removesuffix(ARM_CONFIG) + "_"


def arm_name(device: str, prefix: str) -> str:
    """What an arm is called: `follower`, or with the prefix of its motors `follower left`."""
    return f"{device} {prefix.rstrip('_')}".rstrip()


def without_cameras(robot: Mapping[str, Any]) -> dict[str, Any]:
    """A LeRobot robot config dictionary without any camera."""
    arms = {key: {k: v for k, v in arm.items() if k != CAMERAS} for key, arm in arm_tables(robot).items()}
    return {k: v for k, v in robot.items() if k != CAMERAS} | arms
