"""The simulated bench's scripted person in a policy's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from screens.views.trial_tally import tally
from services.bench.profiles import Benches, load_benches
from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import CheckpointProblem
from services.evaluation import plan as evaluation
from services.evaluation import resuming
from services.folders import DataFolder
from services.live import protocol
from services.live.link import Link
from services.live.snapshots import Snapshot
from services.refusal import Refusal
from services.sim import bench
from services.sim.arm import JOINTS
from services.sim.demonstrator import Slip
from services.sim.plant import spawn_pose
from services.workers.evaluation.oracle import Oracle
from services.workers.evaluation.scripted import ScriptedPolicy, ScriptedSource, scripted_start
from sessions.models import Verdict
from tests.support.evaluating import evaluate, state_bench
from tests.support.rig import Rig, finish, gone, press, wait_until

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


@pytest.mark.parametrize(
    "name", ["sim-scripted@2", "sim-scripted@much", "sim-scripted@-1", "sim-scripted@nan", "sim-scripted@٠.٥"]
)
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


async def test_a_session_that_goes_on_begins_with_the_next_scene(quick_rig: Rig) -> None:
    asked: dict[str, Any] = {"judge": "oracle", "trials": 2, "trial_seconds": 0.5, "seed": 4}
    first = evaluate(quick_rig, state_bench(), policy=Path("sim-scripted@1"), **asked)
    async with quick_rig.attached(first) as link:
        await play(link, 1)
        await finish(link)
    wait_until(gone(first))
    on = resuming.look(quick_rig.folder, Benches({"sim-state": state_bench()}, "sim-state", None), first.id)
    second = evaluation.begin(quick_rig.folder, on.request)
    async with quick_rig.attached(second) as link:
        state = await play(link, 1)
        assert state.reached and tally_counts(state) == ["✗   2 failure", "1 here, 1 before"]
        await finish(link)
    wait_until(gone(second))
    scenes = [
        cube_at_start(quick_rig.folder.datasets / name) for name in ("rollout_sim_scripted_1", on.request.dataset)
    ]
    for number, cube in enumerate(scenes, 1):
        assert np.allclose(cube[:2], spawn_pose(4, number)[:2], atol=2e-3), (number, scenes)


def tally_counts(state: Snapshot) -> list[str]:
    rows = [row.plain for row in tally(state, 40)]
    return [rows[1], rows[3]]


def cube_at_start(dataset: Path) -> Any:
    [file] = sorted(dataset.glob("data/**/*.parquet"))
    return parquet.read_table(file).column("observation.environment_state")[0].as_py()
