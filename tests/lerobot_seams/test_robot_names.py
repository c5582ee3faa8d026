"""What this console says of robots without loading LeRobot is what LeRobot says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.recording.resuming import MOTORS, ROBOT_TYPES


@pytest.mark.parametrize("kind", ["so100_follower", "so101_follower"])
def test_the_so_arms_are_called_so_and_have_these_motors(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lerobot.robots import RobotConfig, make_robot_from_config, so_follower

    assert so_follower  # registers the types
    config = RobotConfig.get_choice_class(kind)(port="/dev/null", id="x", calibration_dir=tmp_path)  # type: ignore[call-arg]
    robot = make_robot_from_config(config)
    assert robot.robot_type == ROBOT_TYPES[kind]
    assert tuple(robot.action_features) == tuple(f"{motor}.pos" for motor in MOTORS)


def test_the_simulated_arm_is_called_so_and_has_these_motors() -> None:
    from services.sim.devices import SimFollower

    assert SimFollower.name == ROBOT_TYPES["sim_so101_follower"]
