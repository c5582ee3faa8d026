"""The scripted person against the physics: the cube moves only by contact."""

import numpy as np
import pytest

from services.sim.arm import HOME
from services.sim.settings import SimSettings
from services.sim.stage import Stage

FPS = 30


def play(stage: Stage, take: int, seconds: float = 8.0) -> tuple[bool, float]:
    """Play one take with the follower following; returns whether the cube is in the bowl, and the seconds it took."""
    step = stage.plant.steps_per_period
    stage.take_started(take)
    needed = 0.0
    for period in range(int(seconds * FPS)):
        stage.command(stage.leader().tolist())
        stage.advance(step)
        if not needed and stage.state().leader_finished:
            needed = period / FPS
    placed = stage.state().cube_in_bowl
    stage.take_ended(take)
    for _ in range(3 * FPS):
        stage.command(stage.leader().tolist())
        stage.advance(step)
    return placed, needed


def ready(**settings: object) -> Stage:
    stage = Stage(SimSettings(**settings), FPS, lockstep=True)
    stage.plant.place_arm(HOME)
    stage.set_torque(on=True)
    return stage


@pytest.mark.parametrize("strategy", ["roll", "nudge"])
def test_at_least_28_of_30_demonstrations_place_the_cube(strategy: str) -> None:
    stage = ready(strategy=strategy, seed=3)
    results = [play(stage, take) for take in range(1, 31)]
    assert sum(placed for placed, _ in results) >= 28
    assert all(0 < seconds < 7.5 for _, seconds in results)


def test_jerky_demonstrations_still_place_the_cube_and_move_less_smoothly() -> None:
    def roughness(jerkiness: float) -> float:
        stage = ready(jerkiness=jerkiness)
        stage.take_started(1)
        poses = []
        for _ in range(5 * FPS):
            poses.append(stage.leader()[:5])
            stage.advance(stage.plant.steps_per_period)
        return float(np.abs(np.diff(poses, n=3, axis=0)).mean())

    assert roughness(1.0) > 3 * roughness(0.0)
    stage = ready(jerkiness=0.6)
    assert sum(play(stage, take)[0] for take in range(1, 6)) >= 4


def test_a_failure_rate_of_one_never_places_the_cube() -> None:
    stage = ready(failure_rate=1.0)
    assert not any(play(stage, take)[0] for take in range(1, 7))


def test_twice_the_tempo_halves_the_time() -> None:
    slow, fast = play(ready(), 1), play(ready(tempo=2.0), 1)
    assert fast[0]
    assert fast[1] == pytest.approx(slow[1] / 2, abs=0.2)


def test_a_nudge_turns_the_cube_before_the_grasp() -> None:
    stage = ready(strategy="nudge", seed=1)
    stage.take_started(2)
    before = stage.plant.cube_yaw
    while stage.leader()[5] > 40 or stage.frame < 30:  # until the fingers close
        stage.command(stage.leader().tolist())
        stage.advance(stage.plant.steps_per_period)
    assert stage.plant.cube[2] < 0.02
    assert abs(stage.plant.cube_yaw - before) > 5


def test_the_leader_never_jumps_over_takes_and_returns() -> None:
    stage = ready(seed=4)
    last = stage.leader()
    worst = np.zeros(6)
    for take in (1, 2):
        stage.take_started(take)
        for _ in range(2 * FPS):  # the take is cut short
            stage.advance(stage.plant.steps_per_period)
            worst, last = np.maximum(worst, np.abs(stage.leader() - last)), stage.leader()
        stage.take_ended(take)
        for _ in range(10):
            stage.advance(stage.plant.steps_per_period)
            worst, last = np.maximum(worst, np.abs(stage.leader() - last)), stage.leader()
    assert worst[:5].max() < 8.0  # degrees per thirtieth of a second
    assert worst[5] < 10.0


def test_the_cube_is_put_back_only_when_the_leader_is_home() -> None:
    stage = ready()
    play(stage, 1)
    assert stage.state().leader_home
    spot = stage.state().cube
    stage.take_started(2)
    assert stage.state().cube == spot  # it already lies there for take 2
    assert not stage.state().cube_in_bowl


@pytest.mark.parametrize("strategy", ["roll", "nudge"])
def test_a_cube_out_of_reach_is_left_alone(strategy: str) -> None:
    stage = ready(strategy=strategy)
    stage.plant.place_cube(0.42, 0.2, 0)
    stage.take_started(1)
    for _ in range(2 * FPS):
        stage.advance(stage.plant.steps_per_period)
    assert stage.state().leader_finished


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    def run(seed: int) -> list[tuple[float, ...]]:
        stage = ready(seed=seed, jerkiness=0.3)
        stage.take_started(1)
        states = []
        for _ in range(120):
            stage.command(stage.leader().tolist())
            stage.advance(stage.plant.steps_per_period)
            states.append(stage.state().joints + stage.state().cube)
        return states

    assert run(5) == run(5)
    assert run(5) != run(6)
