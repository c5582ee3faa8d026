"""The arm's joint names, limits, poses and closed-form inverse kinematics. Plain numpy.

Units are LeRobot's: degrees, and for the gripper 0 (closed) to 100 (open). Zero is the middle of the
range as LeRobot calibrates it: upper arm upright, forearm and gripper straight ahead.
"""

from __future__ import annotations

from math import acos, atan2, cos, degrees, hypot, radians, sin

import numpy as np
from numpy.typing import NDArray

type Pose = NDArray[np.float64]
"""Six joint values in the order of JOINTS."""

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
LOWER = np.array([-110.0, -100.0, -97.0, -95.0, -157.0, 0.0])
UPPER = np.array([110.0, 100.0, 97.0, 95.0, 163.0, 100.0])

REST = np.array([0.0, -96.0, 93.0, 30.0, 0.0, 10.0])
"""Folded, above the table, near the joint stops; torque may be cut here."""
LIFT = np.array([0.0, -60.0, 55.0, 45.0, 0.0, 50.0])
"""The way-point between HOME and REST."""
HOME = np.array([0.0, -35.0, 16.0, 88.0, 0.0, 50.0])
"""Where the demonstrator begins: gripper down, well above the table."""

# Metres, as in so101.xml: pan axis, shoulder axis, links, and the point between the finger pads.
_PAN_X, _SHOULDER_R, _SHOULDER_Z = 0.0388, 0.0304, 0.1166
_UPPER, _UPPER_ANGLE = hypot(0.028, 0.1126), degrees(atan2(0.1126, 0.028))
_FOREARM, _HAND = 0.135, 0.158


class OutOfReach(ValueError):
    """No joint pose brings the fingers there."""


def clip(pose: Pose) -> Pose:
    """`pose` within the joint limits."""
    return np.clip(pose, LOWER, UPPER)


def azimuth(x: float, y: float) -> float:
    """The direction of (x, y) from the pan axis in degrees, counter-clockwise from straight ahead."""
    return degrees(atan2(y, x - _PAN_X))


def reach(x: float, y: float, z: float, *, roll: float, gripper: float, pitch: float = 90.0) -> Pose:
    """The pose that brings the point between the finger pads to (x, y, z) metres in the table's frame.

    `pitch` is the gripper's angle below the horizon, 90 straight down. Raises OutOfReach.
    """
    radius = hypot(x - _PAN_X, y) - _SHOULDER_R
    wrist_r = radius - _HAND * cos(radians(pitch))
    wrist_z = z - _SHOULDER_Z + _HAND * sin(radians(pitch))
    distance = hypot(wrist_r, wrist_z)
    cosine = (distance**2 - _UPPER**2 - _FOREARM**2) / (2 * _UPPER * _FOREARM)
    if not -1.0 <= cosine <= 1.0:
        raise OutOfReach(f"the arm does not reach ({x:.3f}, {y:.3f}, {z:.3f})")
    bend = degrees(acos(cosine))
    upper = degrees(atan2(wrist_z, wrist_r)) + degrees(
        atan2(_FOREARM * sin(radians(bend)), _UPPER + _FOREARM * cos(radians(bend)))
    )
    forearm = upper - bend
    lift = _UPPER_ANGLE - upper
    elbow = -forearm - lift
    pose = np.array([-azimuth(x, y), lift, elbow, pitch - lift - elbow, roll, gripper])
    if np.any(pose < LOWER - 1e-9) or np.any(pose > UPPER + 1e-9):
        raise OutOfReach(f"({x:.3f}, {y:.3f}, {z:.3f}) needs a joint beyond its limit")
    return pose


def reach_down(x: float, y: float, z: float, *, roll: float, gripper: float) -> Pose:
    """As `reach`, with the gripper as upright as the joints allow (90 to 50 degrees). Raises OutOfReach."""
    for pitch in (90.0, 85.0, 80.0, 75.0, 70.0, 65.0, 60.0, 55.0):
        try:
            return reach(x, y, z, roll=roll, gripper=gripper, pitch=pitch)
        except OutOfReach:
            continue
    return reach(x, y, z, roll=roll, gripper=gripper, pitch=50.0)
