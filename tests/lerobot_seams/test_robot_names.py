"""What this console says of robots without loading LeRobot is what LeRobot says of them."""

from __future__ import annotations

from typing import Any

import pytest

from services.bench.robots import ROBOT_TYPES, known_pictures, known_values
from sessions.bench import Profile

CAMERA = {"type": "opencv", "index_or_path": 0, "width": 64, "height": 48, "fps": 30}
SIMULATED = {"type": "sim_camera", "view": "wrist", "width": 64, "height": 48, "fps": 15}
DEPTH = {
    "type": "intelrealsense", "serial_number_or_name": "1", "width": 64, "height": 48, "fps": 30, "use_depth": True,
}  # fmt: skip
PORT = {"port": "/dev/null"}
ROBOTS: dict[str, dict[str, Any]] = {
    "so100_follower": {**PORT, "cameras": {"wrist": CAMERA}},
    "so101_follower": {**PORT, "cameras": {"wrist": DEPTH, "top": CAMERA}},
    "sim_so101_servo_follower": {"port": "/dev/null", "cameras": {"wrist": SIMULATED}},
    "sim_so101_follower": {"environment_state": True, "cameras": {"wrist": SIMULATED}},
    "bi_so_follower": {
        "left_arm_config": {**PORT, "cameras": {"wrist": CAMERA}}, "right_arm_config": PORT, "cameras": {"top": CAMERA},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_known_robot_has_these_values_and_pictures(kind: str) -> None:
    import draccus
    from lerobot.robots import RobotConfig, bi_so_follower, make_robot_from_config, so_follower

    from services.sim import devices
    from services.workers.arm.devices import load_drivers
    from services.workers.arm.features import dataset_features

    assert so_follower and bi_so_follower and devices  # register the types
    profile = Profile(name="b", robot={"type": kind, "id": "x", **ROBOTS[kind]})
    load_drivers(profile)
    robot = make_robot_from_config(draccus.decode(RobotConfig, profile.robot))
    assert robot.name == ROBOT_TYPES[kind]
    found = dataset_features(robot)
    pictures = {f"observation.images.{name}": p["shape"] for name, p in known_pictures(profile).items()}
    assert pictures == {key: tuple(f["shape"]) for key, f in found.items() if "images" in key}
    values = {key: (f["shape"], f["names"]) for key, f in known_values(profile.robot).items()}
    assert values == {key: (tuple(f["shape"]), list(f["names"])) for key, f in found.items() if "images" not in key}


def test_nothing_is_said_of_the_values_of_other_robots_and_of_sizes_that_lab_toml_does_not_say() -> None:
    profile = Profile(robot={"type": "koch_follower", "cameras": {"top": {"type": "opencv", "fps": 30}}})
    assert (known_values(profile.robot), known_pictures(profile)) == ({}, {"top": {"fps": 30}})
