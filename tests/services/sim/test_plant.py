"""The arm's body: poses, torque, hold, limits."""

import numpy as np
import pytest

from services.sim.arm import HOME, JOINTS, LIFT, LOWER, REST, UPPER, OutOfReach, reach, reach_down
from services.sim.plant import BOWL, SPAWN_CENTRE, SPAWN_RANGE, Plant, spawn_pose


def test_inverse_kinematics_bring_the_fingers_there() -> None:
    plant = Plant()
    gripper = plant.model.body("gripper").id
    for x, y, z in [(0.23, 0.0, 0.0135), (0.27, 0.05, 0.05), (0.18, -0.06, 0.10), (0.165, 0.165, 0.09)]:
        plant.place_arm(reach_down(x, y, z, roll=20, gripper=50))
        turn = plant.data.xmat[gripper].reshape(3, 3)
        assert plant.data.xpos[gripper] + turn @ [0.097, 0, 0] == pytest.approx([x, y, z], abs=1e-3)
    with pytest.raises(OutOfReach):
        reach(0.6, 0.0, 0.1, roll=0, gripper=50)


def test_the_named_poses_and_the_ways_between_them_touch_nothing() -> None:
    plant = Plant()
    for start, end in ((HOME, LIFT), (LIFT, REST), (HOME, REST)):
        for share in np.linspace(0, 1, 60):
            plant.place_arm(start + share * (end - start))
            assert not plant.touches("table", "bowl", "cube")


def test_goals_are_clipped_to_the_joint_limits() -> None:
    plant = Plant()
    plant.goals = np.full(6, 1000.0)
    assert plant.goals.tolist() == UPPER.tolist()
    plant.goals = np.full(6, -1000.0)
    assert plant.goals.tolist() == LOWER.tolist()
    assert len(JOINTS) == 6


def test_cut_torque_at_rest_settles_gently() -> None:
    plant = Plant()
    plant.place_arm(REST)
    worst = 0.0
    for _ in range(480):
        plant.step()
        worst = max(worst, float(np.abs(plant.joint_speeds[:5]).max()))
    assert np.abs(plant.joints - REST).max() < 6
    assert worst < 40  # degrees per second
    assert not plant.touches("table")


def test_cut_torque_lets_a_raised_arm_sag_and_torque_brings_it_back() -> None:
    plant = Plant()
    plant.place_arm(HOME)
    plant.set_torque(on=True)
    plant.step(480)
    assert np.abs(plant.joints - HOME).max() < 1
    plant.set_torque(on=False)
    plant.step(480)
    assert np.abs(plant.joints - HOME).max() > 10
    plant.set_torque(on=True)
    plant.step(960)
    assert np.abs(plant.joints - HOME).max() < 1


@pytest.mark.parametrize("stretched", [HOME, reach_down(0.275, 0.04, 0.15, roll=0, gripper=50)])
def test_hold_keeps_the_arm_within_two_degrees(stretched: np.ndarray) -> None:
    plant = Plant()
    plant.place_arm(HOME)
    plant.set_torque(on=True)
    plant.goals = stretched
    plant.step(120)  # on its way, at speed
    plant.goals = measured = plant.joints
    plant.step(480 * 5)
    assert np.abs(plant.joints - measured).max() < 2


def test_the_cube_is_spawned_within_its_range_and_away_from_the_bowl() -> None:
    spots = np.array([spawn_pose(0, take) for take in range(1, 200)])
    assert np.abs(spots[:, :2] - SPAWN_CENTRE).max() <= SPAWN_RANGE / 2
    assert np.ptp(spots[:, 0]) > 0.08
    assert np.linalg.norm(spots[:, :2] - BOWL, axis=1).min() > 0.09
    assert spawn_pose(1, 1) != spawn_pose(0, 1)
