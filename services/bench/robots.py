"""What lab.toml alone tells of a robot, before it is connected: its name in datasets, its values, its pictures' sizes.

For robots that are known here; of others only the pictures are known, and the worker asks the robot itself.
tests/lerobot_seams/test_robot_names.py compares all of it with LeRobot's own robots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sessions.bench import DEPTH, Profile

ROBOT_TYPES = {
    "so100_follower": "so_follower",
    "so101_follower": "so_follower",
    "sim_so101_follower": "sim_so101_follower",
    "sim_so101_servo_follower": "sim_so101_servo_follower",
    "bi_so_follower": "bi_so_follower",
}
"""What a dataset calls these robots of lab.toml (LeRobot: `Robot.name`)."""
MOTORS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
"""The motors of an arm, in order."""
SIDES = {"bi_so_follower": ("left_", "right_")}
"""The prefixes of the arms of robots that have two, in order."""
CUBE = ("cube.x", "cube.y", "cube.z", "cube.yaw_sin", "cube.yaw_cos")
"""What a simulated robot observes of its surroundings: the one on servos always, the other with `environment_state`."""

Features = dict[str, dict[str, Any]]


def value_names(robot: Mapping[str, Any]) -> list[str]:
    """The names of a robot's joint positions in observations and actions, in order; empty if it is not known here."""
    kind = str(robot.get("type"))
    sides = SIDES.get(kind, ("",)) if kind in ROBOT_TYPES else ()
    return [f"{side}{motor}.pos" for side in sides for motor in MOTORS]


def known_values(robot: Mapping[str, Any]) -> Features:
    """A robot's features that are no pictures, as LeRobot's dataset features; empty if it is not known here."""
    names = value_names(robot)
    if not names:
        return {}
    features = {key: _vector(names) for key in ("observation.state", "action")}
    if robot.get("environment_state") or robot.get("type") == "sim_so101_servo_follower":
        features["observation.environment_state"] = _vector(CUBE)
    return features


def known_pictures(profile: Profile) -> Features:
    """Each picture by its name: its shape (height, width, channels) and its rate `fps`, as far as lab.toml tells."""
    pictures: Features = {}
    for name, camera in profile.pictures.items():
        height, width = camera.get("height"), camera.get("width")
        known = {"fps": camera["fps"]} if "fps" in camera else {}
        if isinstance(height, int) and isinstance(width, int):
            is_depth = name.endswith(DEPTH) and name not in profile.cameras
            known["shape"] = (height, width, 1 if is_depth else 3)
        pictures[name] = known
    return pictures


def _vector(names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    return {"dtype": "float32", "shape": (len(names),), "names": list(names)}
