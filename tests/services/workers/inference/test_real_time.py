"""LeRobot's real-time chunking: a chunk goes on from what is left of the one before, in the runner and in the queue."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.evaluation.inference_place import CHUNKED_IN_REAL_TIME
from services.workers.inference.protocol import Loaded
from services.workers.inference.real_time_queue import RealTimeQueue, queue_for
from services.workers.inference.runner import CannotServe
from tests.support.checkpoints import make_checkpoint, make_smolvla
from tests.support.evaluating import evaluating, smolvla, trial
from tests.support.rig import Rig

WRIST, TOP = "observation.images.wrist", "observation.images.top"
RENAMES = {WRIST: "observation.images.camera1", TOP: "observation.images.camera2"}
SPREAD = 3.0
"""Degrees by which the tiny policies' actions lie about their middle."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_smolvla(tmp_path_factory.mktemp("run") / "000010", RENAMES)


def frame(seed: int) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    pictures = {key: chance.integers(0, 255, (48, 64, 3), dtype=np.uint8) for key in RENAMES}
    return {"observation.state": chance.normal(0, 30, 6).astype(np.float32), **pictures}


def show(runner: Any, seed: int) -> np.ndarray:
    return runner.act(frame(seed), task="pick", robot_type="", rows=8)


@pytest.mark.parametrize("flow_steps", [2, 10])
def test_what_the_arm_does_meanwhile_is_kept_and_what_follows_departs_from_it_slowly(
    tiny: Path, flow_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig

    from services.workers.inference.real_time_runner import RealTimeRunner
    from services.workers.inference.runner import Runner

    check = SmolVLAConfig.__post_init__
    monkeypatch.setattr(
        SmolVLAConfig, "__post_init__", lambda config: (check(config), setattr(config, "num_steps", flow_steps))[0]
    )
    guided, anew = RealTimeRunner(tiny), Runner(tiny)
    assert guided.policy.config.num_steps == flow_steps
    facts = guided.facts()
    assert (facts.steps, facts.chunk, facts.overlap, anew.facts().overlap) == (6, 8, 4, 0)
    firsts, seconds = [], []
    for runner in (guided, anew):
        runner.reset(seed=7)
        firsts.append(show(runner, 1))
        runner.expect(used=2, delay=3)
        seconds.append(show(runner, 2))
    np.testing.assert_allclose(firsts[0], firsts[1], atol=1e-3, err_msg="the first of a trial goes on from nothing")
    left = firsts[0][2:]
    off, on = (np.abs(second[: len(left)] - left) for second in (seconds[1], seconds[0]))
    assert off[:3].max() > SPREAD, "without, a chunk is drawn anew"
    assert on[:3].max() < 0.2 * SPREAD, "the three actions that are sent meanwhile stay"
    assert on[3:].mean() < 0.8 * off[3:].mean(), "and the three that follow are drawn to theirs"
    guided.reset(seed=7)
    np.testing.assert_allclose(show(guided, 1), firsts[0], atol=1e-3, err_msg="the trial before is forgotten")


def relative(path: Path) -> Path:
    """The same policy as if its actions were offsets from the pose that it sees, as pi0's may be."""
    from lerobot.processor import AbsoluteActionsProcessorStep, PolicyProcessorPipeline, RelativeActionsProcessorStep

    saved: list[Any] = [
        PolicyProcessorPipeline.from_pretrained(path, config_filename=f"policy_{part}.json")
        for part in ("preprocessor", "postprocessor")
    ]
    saved[0].steps = [*saved[0].steps[:-1], RelativeActionsProcessorStep(enabled=True), saved[0].steps[-1]]
    saved[1].steps = [saved[1].steps[0], AbsoluteActionsProcessorStep(enabled=True), *saved[1].steps[1:]]
    for part in saved:
        part.save_pretrained(path)
    return path


def test_offsets_from_the_pose_go_on_where_the_arm_goes_although_the_pose_is_another_one(tmp_path: Path) -> None:
    from services.workers.inference.real_time_runner import RealTimeRunner

    guided = RealTimeRunner(relative(make_smolvla(tmp_path / "run" / "000010", RENAMES)))
    guided.reset(seed=7)
    first = show(guided, 1)
    guided.expect(used=2, delay=3)
    second = show(guided, 2)
    poses = [frame(seed)["observation.state"] for seed in (1, 2)]
    assert np.abs(poses[0] - poses[1]).max() > 10 * SPREAD
    assert np.abs(second[:3] - first[2:5]).max() < 0.2 * SPREAD
    assert np.abs((second[:3] - poses[1]) - (first[2:5] - poses[0])).max() > SPREAD, "the offsets are others"


def test_a_chunk_whose_actions_are_used_up_is_followed_by_one_that_goes_on_from_nothing(tiny: Path) -> None:
    from services.workers.inference.real_time_runner import RealTimeRunner
    from services.workers.inference.runner import Runner

    answers = []
    for runner in (RealTimeRunner(tiny), Runner(tiny)):
        runner.reset(seed=7)
        show(runner, 1)
        runner.expect(used=8, delay=2)
        answers.append(show(runner, 2))
    np.testing.assert_allclose(*answers, atol=1e-3)


def test_a_policy_without_it_is_refused_in_words(tmp_path: Path) -> None:
    from services.workers.inference.real_time_runner import RealTimeRunner

    with pytest.raises(CannotServe, match="LeRobot has no real-time chunking for act: let it run without"):
        RealTimeRunner(make_checkpoint(tmp_path / "000010"))


def test_the_form_refuses_those_that_lerobot_would() -> None:
    import lerobot.policies

    folder = Path(inspect.getfile(lerobot.policies)).parent
    found = {f.parent.name for f in folder.glob("*/modeling_*.py") if "def supports_rtc(self)" in f.read_text()}
    assert found == set(CHUNKED_IN_REAL_TIME)


# --- the queue --------------------------------------------------------------------------------------


def chunk(first: int, rows: int = 12) -> np.ndarray:
    """Actions whose value is the period that they are meant for."""
    return np.arange(first, first + rows, dtype=np.float32)[:, None]


def loaded(**more: Any) -> Loaded:
    facts: dict[str, Any] = {"policy": "smolvla", "device": "cpu", "parameters": 1, "chunked": True, "steps": 12}
    return Loaded(**facts | {"chunk": 12, "overlap": 4} | more)


def test_a_new_chunk_replaces_what_is_left_from_where_the_arm_is() -> None:
    queue = queue_for(loaded(), 1 / 30, expected_ms=40.0)
    assert isinstance(queue, RealTimeQueue) and queue.rows == 12 and queue.hand_over == {"used": 0, "delay": 2}
    queue.mark_requested()
    queue.put(chunk(0))
    sent = []
    for _ in range(40):
        if queue.is_due(lockstep=False):
            asked = queue.hand_over["used"]
            period = len(sent)
            queue.mark_requested()
            sent += [float(queue.take()[0]) for _ in range(2)]  # type: ignore[index]
            queue.put(chunk(period) + 0.25 * (queue.answers % 2))
            assert asked == 6 and len(queue) == 10, "asked with twice three periods left"
            seam = True
        else:
            seam = False
        sent.append(float(queue.take()[0]))  # type: ignore[index]
        assert queue.at_seam == seam or len(sent) == 1
    assert np.abs(np.array(sent) - np.arange(len(sent))).max() <= 0.25, "each action is sent in its period"
    assert queue.starved == 0


def test_it_asks_earlier_where_it_uses_fewer_steps_and_at_the_overlap_in_lockstep() -> None:
    few = queue_for(loaded(steps=3), 1 / 30, expected_ms=0.0)
    few.put(chunk(0))
    for left in (12, 11, 10):
        assert len(few) == left and not few.is_due(lockstep=True)
        few.take()
    assert few.is_due(lockstep=True) and few.is_due(lockstep=False)
    whole = queue_for(loaded(), 1 / 30, expected_ms=0.0)
    whole.put(chunk(0, 5))
    assert not whole.is_due(lockstep=True)
    whole.take()
    assert whole.is_due(lockstep=True)


def test_a_chunk_that_comes_after_its_last_action_starves_the_arm_and_a_trial_begins_with_nothing() -> None:
    queue = queue_for(loaded(), 1 / 30, expected_ms=0.0)
    queue.mark_requested()
    queue.put(chunk(0, 3))
    queue.mark_requested()
    assert [queue.take() is not None for _ in range(5)] == [True] * 3 + [False] * 2
    assert queue.starved == 2
    queue.put(chunk(0, 3))
    assert len(queue) == 0 and queue.delay == 5
    queue.clear()
    assert (queue.hand_over["used"], queue.starved, len(queue)) == (0, 0, 0)


# --- a worker ---------------------------------------------------------------------------------------


async def test_a_trial_runs_with_it_and_says_so(quick_rig: Rig) -> None:
    policy = smolvla(quick_rig, "guided", {WRIST: "observation.images.camera1"})
    async with evaluating(quick_rig, quick_rig.small(), policy=policy, rtc=True, task="pick") as link:
        assert link.snapshot.policy is not None
        assert "real-time chunking: each chunk goes on from the one before" in link.snapshot.policy.notes
        await trial(link)
        [tried] = link.snapshot.trials
        assert tried.measured is not None and tried.frames == 15
        assert tried.measured.inferences >= 3, "asked while half of each chunk is left: every fourth period"
        assert tried.measured.starved == 0 and tried.measured.seam > 0
