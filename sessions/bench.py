"""The bench profile as a session stores it: robot, leader, cameras, limits on motion.

Structs without checks, so that old files can be read; `services.bench.profiles` validates lab.toml.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the instruction that goes into the dataset; `name` is its short form for the screen."""

    name: str
    text: str


class Motion(msgspec.Struct, frozen=True, kw_only=True):
    """How the arm may move by itself: degrees and degrees per second; the gripper in percent of its range.

    `rest` and `waypoints` map motor names to positions; without `rest` the arm holds its pose at the end.
    `lift` is added to motors before the arm moves to rest (on an SO-101 a negative shoulder_lift raises it).
    """

    max_joint_speed: float = 45.0
    max_gripper_speed: float = 80.0
    agree_within: float = 3.0
    jump_limit: float = 25.0
    gripper: str = "gripper"
    gripper_open: float = 60.0
    lift: dict[str, float] = {}
    rest: dict[str, float] = {}
    waypoints: tuple[dict[str, float], ...] = ()
    hold_warning_s: float = 300.0


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
    by check (services/health). `plugins` are the packages and Hub repositories whose code a checkpoint may run besides
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
    health: dict[str, Any] = {}
    plugins: tuple[str, ...] = ()
    share_runs: bool = False
    sim: dict[str, Any] | None = None

    @property
    def simulated(self) -> bool:
        """Whether this bench is the simulated one."""
        return self.sim is not None

    @property
    def cameras(self) -> dict[str, dict[str, Any]]:
        """The robot's cameras by name, as LeRobot's config dictionaries."""
        return dict(self.robot.get("cameras") or {})
