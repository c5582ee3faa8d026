"""Where an arm grasped: the fingers' place against the simulated arm, and grasps against where the cube lay."""

from math import dist, inf

import numpy as np
import pytest

from services.bench.robots import MOTORS
from services.recording.grasp import Grasp, fingers, known
from services.sim.arm import HOME, OutOfReach, reach_down
from services.sim.plant import spawn_pose
from services.sim.settings import SimSettings
from services.sim.stage import Stage

FPS = 30


def named(pose: np.ndarray) -> dict[str, float]:
    return {f"{motor}.pos": float(value) for motor, value in zip(MOTORS, pose, strict=True)}


def test_the_fingers_are_where_the_arm_was_told_to_reach() -> None:
    rng, seen = np.random.default_rng(0), 0
    for _ in range(50):
        x, y, z = rng.uniform((0.1, -0.2, 0.0), (0.35, 0.2, 0.15))
        try:
            pose = reach_down(x, y, z, roll=20.0, gripper=30.0)
        except OutOfReach:
            continue
        seen += 1
        assert fingers(dict(zip(MOTORS, pose, strict=True))) == pytest.approx((1000 * x, 1000 * y, 1000 * z), abs=0.5)
    assert seen > 20


def grasped(stage: Stage, take: int) -> Grasp:
    stage.take_started(take)
    found = Grasp(FPS)
    for _ in range(5 * FPS):
        told = stage.leader()
        stage.command(told.tolist())
        stage.advance(stage.plant.steps_per_period)
        found.add(named(stage.joints()), named(told))
    return found


def test_a_grasp_is_where_the_cube_lay_and_one_in_the_air_is_none() -> None:
    stage = Stage(SimSettings(seed=5), FPS, lockstep=True)
    stage.plant.place_arm(HOME)
    stage.set_torque(on=True)
    for take in (1, 2, 3):
        place = grasped(stage, take).place
        x, y, _ = spawn_pose(5, take)
        assert place is not None
        assert dist((place.x, place.y), (1000 * x, 1000 * y)) < 12
        stage.plant.place_arm(HOME)
    beside = Stage(SimSettings(seed=5, failure_rate=1.0), FPS, lockstep=True)
    beside.plant.place_arm(HOME)
    beside.set_torque(on=True)
    x, y, _ = spawn_pose(5, 4)
    places = [grasped(beside, take).place for take in (4, 5, 6)]
    assert None in places, "one of three slips grasps nothing"


def test_what_is_no_grasp() -> None:
    arm = named(HOME)
    closed = Grasp(FPS)
    for opening in (50.0, 30.0, 10.0, *[0.0] * 20):
        closed.add(arm | {"gripper.pos": opening}, arm | {"gripper.pos": 0.0})
    assert closed.place is None, "closed on nothing"
    late = Grasp(FPS)
    for opening in np.linspace(50.0, 6.0, 30):
        late.add(arm | {"gripper.pos": float(opening)}, arm | {"gripper.pos": 0.0})
    assert late.place is None, "it still closes"
    other = Grasp(FPS)
    for _ in range(20):
        other.add({"gripper.pos": 20.0}, {"gripper.pos": 0.0})
        other.add({"left_gripper.pos": 20.0}, {})
    assert other.place is None, "an arm with other joints"
    broken = Grasp(FPS)
    for _ in range(20):
        broken.add(arm | {"gripper.pos": -inf}, arm | {"gripper.pos": 0.0})
    assert broken.place is None


@pytest.mark.parametrize(
    ("robot", "is_known"),
    [
        ({"type": "so101_follower"}, True),
        ({"type": "sim_so101_follower"}, True),
        ({"type": "so101_follower", "use_degrees": False}, False),
        ({"type": "bi_so_follower"}, False),
        ({"type": "koch_follower"}, False),
        ({}, False),
    ],
)
def test_only_an_so101_in_degrees_is_known(robot: dict[str, object], is_known: bool) -> None:
    assert known(robot) is is_known
