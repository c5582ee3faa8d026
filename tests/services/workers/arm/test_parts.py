"""Which robots the console drives, and which it refuses by name before they are connected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lerobot.robots.bi_so_follower import BiSOFollowerConfig
from lerobot.robots.lekiwi import LeKiwiConfig
from lerobot.robots.so_follower import SO101FollowerConfig, SOFollowerConfig
from lerobot.robots.utils import make_robot_from_config

from services.workers.arm.device_problem import DeviceProblem
from services.workers.arm.parts import arms_of, buses_of, check_robot


class Plugin:
    """A robot as a plug-in may make one: the keys of its actions, and what it has for a bus."""

    name = "garden_robot"

    def __init__(self, *keys: str, bus: Any = None) -> None:
        self.action_features = dict.fromkeys(keys, float)
        self.bus = bus
        self.connected = False

    def connect(self, calibrate: bool = True) -> None:
        self.connected = True


class OtherBus:
    """A bus that cannot be held."""

    motors = ("a",)

    def sync_read(self, name: str) -> dict[str, float]:
        return {"a": 0.0}


def refusal(robot: Any) -> str:
    with pytest.raises(DeviceProblem) as caught:
        check_robot(robot)
    assert str(caught.value).startswith(f"follower: this console cannot drive {robot.name}")
    return str(caught.value)


def test_robots_of_one_arm_and_of_two_are_driven(tmp_path: Path) -> None:
    one = make_robot_from_config(SO101FollowerConfig(port="/dev/null", id="x", calibration_dir=tmp_path))
    arms = {f"{side}_arm_config": SOFollowerConfig(port="/dev/null") for side in ("left", "right")}
    two = make_robot_from_config(BiSOFollowerConfig(id="x", calibration_dir=tmp_path, **arms))
    for robot, prefixes in ((one, [""]), (two, ["left_", "right_"])):
        check_robot(robot)
        assert list(arms_of(robot)) == list(buses_of(robot)) == prefixes


def test_a_robot_with_wheels_is_refused_by_its_actions(tmp_path: Path) -> None:
    text = refusal(make_robot_from_config(LeKiwiConfig(port="/dev/null", id="x", calibration_dir=tmp_path, cameras={})))
    assert "its actions include x.vel, y.vel, theta.vel" in text


@pytest.mark.parametrize(
    ("robot", "words"),
    [
        (Plugin("joint_1", "joint_2", "gripper"), "its actions include joint_1, joint_2, gripper"),
        (Plugin("a.pos", "gripper.pos"), "it has no motors bus"),
        (Plugin("a.pos", bus=OtherBus()), "how to hold and release a OtherBus"),
    ],
)
def test_a_robot_that_cannot_be_held_or_released_is_refused_with_the_reason(robot: Plugin, words: str) -> None:
    assert words in refusal(robot)
    assert not robot.connected


def test_a_robot_whose_actions_are_not_its_motors_is_refused(tmp_path: Path) -> None:
    robot = make_robot_from_config(SO101FollowerConfig(port="/dev/null", id="x", calibration_dir=tmp_path))
    robot.__dict__["action_features"] = {"x.pos": float, "gripper.pos": float}
    assert "its actions are not the positions of its motors (they differ in elbow_flex, shoulder_lift" in refusal(robot)
