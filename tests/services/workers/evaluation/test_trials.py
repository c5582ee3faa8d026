"""The oracle and the way to where trials begin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.bench.profiles import Motion
from services.sim import bench
from services.sim.plant import BOWL
from services.workers.arm.motion import start_path
from services.workers.evaluation.oracle import Oracle
from tests.support.checkpoints import JOINTS

REST = dict(zip(JOINTS, (0.0, -96.0, 93.0, 30.0, 0.0, 10.0), strict=True))
HIGH = dict(zip(JOINTS, (0.0, -60.0, 55.0, 45.0, 0.0, 50.0), strict=True))
START = dict(zip(JOINTS, (5.0, -35.0, 16.0, 88.0, 0.0, 50.0), strict=True))
MOTION = Motion(rest=REST, waypoints=({"shoulder_lift": -80.0}, HIGH), lift={"shoulder_lift": -20.0})


@pytest.fixture
def lockstep(tmp_path: Path) -> Iterator[None]:
    bench.prepare(tmp_path, {}, lockstep=True, fps=30)
    yield
    bench._chosen.clear()


def test_the_oracle_wants_the_cube_to_lie_in_the_bowl_for_half_a_second(lockstep: None) -> None:
    plant, oracle = bench.current_plant(), Oracle(30)
    oracle.begin()
    assert not any(oracle.success() for _ in range(30))
    plant.place_cube(*BOWL, 0.0)
    plant.step(120)
    assert [oracle.success() for _ in range(16)] == [False] * 14 + [True] * 2
    oracle.begin()
    assert not oracle.success()


def test_from_rest_the_arm_goes_back_the_way_that_it_came() -> None:
    path = start_path({**REST, "gripper": 12.0}, START, MOTION)
    assert [p["shoulder_lift"] for p in path] == [-60.0, -80.0, -35.0]
    assert path[-1] == START


def test_from_elsewhere_it_lifts_first() -> None:
    path = start_path({**START, "shoulder_pan": 40.0, "shoulder_lift": 10.0}, START, MOTION)
    assert [p["shoulder_lift"] for p in path] == [-10.0, -60.0, -80.0, -35.0]
    assert path[0]["shoulder_pan"] == 40.0


def test_where_it_is_already_or_nobody_knows_the_start_it_stays() -> None:
    assert start_path({**START, "gripper": 90.0}, START, MOTION) == []
    assert start_path(REST, {}, MOTION) == []
    assert start_path(REST, {"left_arm": 3.0}, MOTION) == []
