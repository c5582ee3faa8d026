"""The simulated bench's scripted person in a policy's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.bench.profiles import load_benches
from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import CheckpointProblem
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.live import protocol
from services.live.link import Link
from services.live.snapshots import Snapshot
from services.refusal import Refusal
from services.sim import bench
from services.sim.arm import JOINTS
from services.sim.demonstrator import Slip
from services.workers.evaluation.oracle import Oracle
from services.workers.evaluation.scripted import ScriptedPolicy, ScriptedSource, scripted_start
from sessions.models import Verdict
from tests.support.evaluating import evaluate, state_bench
from tests.support.rig import Rig, press

FPS = 30
SECONDS = 8


def source(name: str) -> ScriptedSource:
    return ScriptedSource(ScriptedPolicy(checkpoints.resolve(DataFolder(Path("/none")), name)), {}, fps=FPS)


def succeeds(person: ScriptedSource, take: int, seed: int | None = None) -> bool:
    """One trial in lockstep, the arm as an ideal follower."""
    world, oracle = bench.open_world(), Oracle(FPS)
    world.set_torque(True)
    world.take_started(take)
    home = scripted_start()
    for _ in range(40):
        world.command(list(home.values()))
    joints = dict(zip(home, world.joints(), strict=True))
    person.begin_trial({f"{name}.pos": value for name, value in joints.items()}, seed)
    first = person.first()
    assert first is not None and max(abs(first[name] - joints[name]) for name in home) < 3
    found = False
    for _ in range(SECONDS * FPS):
        action: dict[str, Any] | None = person.act({})
        assert action is not None
        world.command(list(action.values()))
        found = found or oracle.success()
    world.take_ended(take)
    return found


def test_it_succeeds_as_often_as_asked_and_fails_in_different_ways(tmp_path: Path) -> None:
    bench.prepare(tmp_path, {"seed": 5}, lockstep=True, fps=FPS)
    try:
        always, never, half = source("sim-scripted"), source("sim-scripted@0"), source("sim-scripted@50%")
        assert [succeeds(always, take) for take in (1, 2, 3)] == [True] * 3
        assert [succeeds(never, take) for take in (4, 5, 6)] == [False] * 3
        assert [succeeds(half, 7, seed) for seed in (11, 12, 11, 12)][:2] == [succeeds(half, 7, s) for s in (11, 12)]
    finally:
        bench._chosen.clear()


def test_over_many_trials_the_share_is_the_one_asked_for() -> None:
    person, slips = source("sim-scripted@0.75"), 0
    for seed in range(400):
        person.begin_trial({f"{joint}.pos": 0.0 for joint in JOINTS}, seed)
        slips += person._person._slip() != Slip()
    assert 70 <= slips <= 130


@pytest.mark.parametrize("name", ["sim-scripted@2", "sim-scripted@much", "sim-scripted@-1", "sim-scripted@nan"])
def test_a_share_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointProblem, match="succeeds in a share of its trials, from 0 to 1"):
        checkpoints.resolve(DataFolder(tmp_path), name)


def test_hardware_is_refused_before_anything_begins(tmp_path: Path) -> None:
    simulated = load_benches(built_in=True).pick("sim")
    hardware = type(simulated)(robot={"type": "so101_follower", "port": "/dev/ttyACM0"}, name="so101")
    with pytest.raises(Refusal, match=r"sim-scripted@0\.8 moves the simulated bench only"):
        evaluation.plan(DataFolder(tmp_path), hardware, checkpoint="sim-scripted@0.8", task="pick")


async def play(link: Link, number: int) -> Snapshot:
    """The trial, judged by the oracle and saved."""
    await press(link, lambda: protocol.StartTrial(trial=number))

    def saved(state: Snapshot) -> bool:
        return len(state.trials) == number and state.trials[-1].episode_index is not None and state.pending is None

    return await link.until(saved, 60.0)


async def test_an_evaluation_of_it_has_trials_verdicts_and_their_motion(rig: Rig) -> None:
    run = evaluate(
        rig, state_bench(), policy=Path("sim-scripted@1"), judge="oracle", trials=2, trial_seconds=8.0, seed=4
    )
    async with rig.attached(run) as link:
        await play(link, 1)
        state = await play(link, 2)
    assert [t.verdict for t in state.trials] == [Verdict.SUCCESS] * 2, state.end_reason
    assert {t.checkpoint for t in state.trials} == {"sim-scripted@1"}
    assert [t.episode_index for t in state.trials] == [0, 1] and all(t.frames > 90 for t in state.trials)
    assert state.policy is not None and (state.policy.policy, state.policy.parameters) == ("sim-scripted", 0)
    assert state.policy.start_pose == scripted_start()
