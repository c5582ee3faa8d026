"""What a preflight compares: what is known of the training's data, and what the bench shows and asks for now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.evaluation.preflight.pictures import Look, Slot
from sessions.bench import is_gripper
from sessions.calibration import JointCalibration

Pose = Mapping[str, float]
"""Positions by motor."""
DEGREES, NORMALISED = "degrees", "-100 to 100"
"""The two units in which LeRobot's SO-101 drivers give a joint (`use_degrees`); a gripper is 0 to 100 in both."""


@dataclass(frozen=True)
class Setting:
    """How readings of the follower come about. `units` is empty, and the others are, where it is not known.

    `fingerprint` is the SHA-256 of the calibration file, `joints` what is in it, `rest` the taught rest pose, and
    `lay` where the joints were when the arm was connected.
    """

    units: str = ""
    fingerprint: str = ""
    joints: Mapping[str, JointCalibration] = field(default_factory=dict)
    rest: Pose = field(default_factory=dict)
    lay: Pose = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """The data that the policy learnt from, as far as they can be reached; `problem` says why they cannot.

    `slots` have the pictures of each camera by its name there, `unseen` the reason for a camera without. `low` and
    `high` are the ends of each joint's range, `starts` the poses in which episodes begin, `settings` those of the
    sessions that recorded them, `fps` is 0 where it is not known.
    """

    dataset: str = ""
    problem: str = ""
    fps: float = 0.0
    tasks: Sequence[str] = ()
    episodes: int = 0
    slots: Mapping[str, Slot] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    low: Pose = field(default_factory=dict)
    high: Pose = field(default_factory=dict)
    starts: Sequence[Pose] = ()
    settings: Sequence[Setting] = ()


@dataclass(frozen=True)
class Live:
    """The bench now, and what is asked of it. `pictures` are by the names that the training has for the cameras.

    `dark` gives the reason for a camera of the policy that shows nothing. `reads`: the policy reads the task's text.
    """

    task: str
    fps: float
    reads: bool = True
    pictures: Mapping[str, Look] = field(default_factory=dict)
    dark: Mapping[str, str] = field(default_factory=dict)
    pose: Pose = field(default_factory=dict)
    setting: Setting = field(default_factory=Setting)
    gripper: str = "gripper"

    def is_gripper(self, motor: str) -> bool:
        """Whether the motor is a gripper."""
        return is_gripper(motor, self.gripper)
