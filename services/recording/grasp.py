"""Where an SO-101 grasped in a take: its gripper was told to close and stood still, held open by something. Pure.

The links are those of the arm's published model (TheRobotStudio/SO-ARM100, `Simulation/SO101`), whose zero is that of
LeRobot's calibration: the middle of each joint's range. On a real arm the place is as exact as that middle was found,
a centimetre or so.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians, sin
from typing import Any

from services.bench.robots import MOTORS, ROBOT_TYPES, SIDES
from sessions.conditions import Place

PAN_X, SHOULDER_R = 38.8, 30.4
"""Millimetres from the base's origin to the pan axis, and from there to the shoulder's."""
UPPER_UP, UPPER_AHEAD, FOREARM, HAND = 112.6, 28.0, 135.0, 158.0
"""Millimetres of the upper arm (up and ahead while it stands upright), forearm, and hand to between its pads."""

SQUEEZE = 4.0
"""Percent of its opening by which the gripper is told to close further than it does."""
STILL = 1.0
"""Percent that it moves at most between the first and the last of PERIODS_S."""
PERIODS_S = 0.2


def known(robot: Mapping[str, Any]) -> bool:
    """Whether the robot of lab.toml is one such arm, read in degrees."""
    kind = str(robot.get("type"))
    return kind in ROBOT_TYPES and kind not in SIDES and robot.get("use_degrees", True) is True


def fingers(joints: Mapping[str, float]) -> tuple[float, float, float]:
    """X (ahead), y (left) and z (up) of the point between the finger pads in mm from the base's origin.

    `joints` are degrees by motor.
    """
    pan, upper = radians(joints["shoulder_pan"]), radians(joints["shoulder_lift"])
    forearm = upper + radians(joints["elbow_flex"])
    hand = forearm + radians(joints["wrist_flex"])
    ahead = SHOULDER_R + UPPER_UP * sin(upper) + UPPER_AHEAD * cos(upper) + FOREARM * cos(forearm) + HAND * cos(hand)
    up = 116.6 + UPPER_UP * cos(upper) - UPPER_AHEAD * sin(upper) - FOREARM * sin(forearm) - HAND * sin(hand)
    return PAN_X + ahead * cos(pan), -ahead * sin(pan), up


class Grasp:
    """The first grasp of a take. Give it each frame."""

    def __init__(self, fps: int) -> None:
        self._periods = max(2, round(PERIODS_S * fps))
        self.place: Place | None = None
        self._closing: list[float] = []

    def add(self, observation: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """A frame, with LeRobot's names (`gripper.pos`): degrees, and for the gripper 0 (closed) to 100 (open)."""
        if self.place is not None:
            return
        try:
            opening, told = float(observation["gripper.pos"]), float(action["gripper.pos"])
            joints = {motor: float(observation[f"{motor}.pos"]) for motor in MOTORS}
        except (KeyError, TypeError, ValueError):
            return
        self._closing = [*self._closing, opening][-self._periods :] if opening - told >= SQUEEZE else []
        if len(self._closing) == self._periods and abs(self._closing[0] - opening) <= STILL:
            x, y, _ = fingers(joints)
            self.place = Place(round(x, 1), round(y, 1))
