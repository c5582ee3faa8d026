"""The evaluation worker in lockstep: trials become episodes, verdicts follow their rules, actions are LeRobot's."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.checkpoints.checkpoint import Provenance, write_provenance
from services.checkpoints.compatibility import Fit
from services.datasets.marks import read_marks
from services.evaluation import plan as evaluation
from services.live import events as ev
from services.live import protocol
from services.live.link import Link
from services.live.phases import Phase
from services.live.reasons import Advice
from services.live.snapshots import Snapshot
from services.refusal import Refusal
from sessions.models import SessionStatus, Verdict
from tests.support.checkpoints import START
from tests.support.evaluating import (
    checkpoint,
    copycat,
    evaluate,
    evaluating,
    judge,
    pending,
    refused,
    smolvla,
    start,
    state_bench,
    trial,
)
from tests.support.rig import Rig, finish, flags, gone, say, wait_until, without_late

CAMERAS = {"overhead": "camera1", "wrist": "camera2"}
"""Of the simulated bench, and what a pretrained base calls them."""
SWAPPED = {"observation.images.overhead": "observation.images.a", "observation.images.wrist": "observation.images.b"}


def dataset_of(rig: Rig, state: Snapshot) -> Any:
    """The rollouts, as LeRobot reads them."""
    from lerobot.datasets import LeRobotDataset

    assert state.started is not None
    return LeRobotDataset(state.started.dataset, root=Path(state.started.dataset_root), video_backend="pyav")


async def test_trials_are_judged_and_their_motion_becomes_linked_episodes(quick_rig: Rig) -> None:
    run = evaluate(quick_rig, trials=2, condition=" lamp off ")
    async with quick_rig.attached(run) as link:
        loaded = link.snapshot.policy
        assert loaded is not None and (loaded.policy, loaded.actions_per_inference) == ("act", 6)
        await trial(link, Verdict.SUCCESS)
        await trial(link, Verdict.FAILURE)
        assert link.snapshot.phase is Phase.DONE
        state = await finish(link)
    wait_until(gone(run))
    assert state.status is SessionStatus.FINISHED
    told = [(t.index, t.verdict, t.ended_by, t.episode_index, t.frames, t.judge) for t in state.trials]
    assert told == [(1, Verdict.SUCCESS, "time", 0, 15, "tester"), (2, Verdict.FAILURE, "time", 1, 15, "tester")]
    policy = str(checkpoint(quick_rig))
    assert [(t.checkpoint, t.condition) for t in state.trials] == 2 * [(policy, "lamp off")]
    assert not quick_rig.events(run, ev.TakeStarted) and not quick_rig.events(run, ev.TakeEnded)
    dataset = dataset_of(quick_rig, state)
    assert (dataset.repo_id, dataset.num_episodes, len(dataset)) == ("rollout_tiny_000010", 2, 30)
    assert dataset[0]["action"].shape == (6,)
    marks = read_marks(dataset.root)
    assert [(marks[i].verdict, marks[i].session, marks[i].take) for i in range(2)] == [
        (Verdict.SUCCESS, run.id, 1),
        (Verdict.FAILURE, run.id, 2),
    ]


async def recorded(rig: Rig, policy: Path, *, trials: int = 1) -> tuple[Any, Any]:
    """States with the cube (frames, 11) and actions (frames, 6) of `trials` evaluated trials."""
    async with evaluating(rig, policy=policy, trial_seconds=0.7, seed=5) as link:
        for _ in range(trials):
            await trial(link)
        state = await finish(link)
    table = dataset_of(rig, state).hf_dataset.with_format("numpy")
    keys = ("observation.state", "observation.environment_state")
    return [np.stack(table[:][k]) for k in keys] + [np.array(table[:]["episode_index"])], np.stack(table[:]["action"])


def predicted(policy_path: Path, observed: Any) -> Any:
    """LeRobot's own predict_action on every observation since the trial's start."""
    import lerobot.policies  # noqa: F401  it registers the policy types
    import torch
    from lerobot.common.control_utils import predict_action
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(policy_path)
    policy = get_policy_class(config.type).from_pretrained(policy_path, config=config)
    pre, post = make_pre_post_processors(config, pretrained_path=str(policy_path))
    actions, running = [], -1
    for joints, cube, episode in zip(*observed, strict=True):
        if episode != running:
            running = episode
            for part in (policy, pre, post):
                part.reset()
        frame = {
            "observation.state": joints.astype(np.float32),
            "observation.environment_state": cube.astype(np.float32),
        }
        actions.append(predict_action(frame, policy, torch.device("cpu"), pre, post, use_amp=False)[0].numpy())
    return np.stack(actions)


@pytest.mark.parametrize("config", [{}, {"temporal_ensemble_coeff": 0.01, "n_action_steps": 1}], ids=["chunk", "step"])
async def test_evaluated_actions_are_those_of_lerobots_predict_action(quick_rig: Rig, config: dict[str, Any]) -> None:
    policy, other = (checkpoint(quick_rig, f"p{seed}", seed=seed, **config) for seed in (1, 2))
    observed, actions = await recorded(quick_rig, policy, trials=2)
    assert len(actions) == 42
    np.testing.assert_allclose(actions, predicted(policy, observed), atol=1e-4)
    assert np.abs(actions - predicted(other, observed)).max() > 0.1
    assert np.abs(np.diff(actions, axis=0)).max() > 1e-3, "the policy does something"


async def test_a_verdict_during_a_trial_ends_it_and_the_arm_goes_to_rest(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, trial_seconds=1e6) as link:
        number = await start(link)
        state = await judge(link, number)
        assert [(t.verdict, t.ended_by) for t in state.trials] == [(Verdict.SUCCESS, "verdict")]
        assert "has its verdict" in await refused(link, protocol.JudgeTrial(trial=1, verdict=Verdict.VOID))
        await finish(link)


async def test_the_next_trial_cannot_start_before_the_verdict_on_the_last(quick_rig: Rig) -> None:
    async with evaluating(quick_rig) as link:
        assert "trial 1 comes next" in await refused(link, protocol.StartTrial(trial=2))
        assert "no trial 1" in await refused(link, protocol.JudgeTrial(trial=1, verdict=Verdict.SUCCESS))
        await start(link)
        state = await pending(link)
        assert (state.phase, state.pending and state.pending.ended_by) == (Phase.JUDGING, "time")
        for number in (1, 2):
            assert "trial 1 waits for its verdict" in await refused(link, protocol.StartTrial(trial=number))
        assert evaluation.start_or_end_trial(link) is None
        await judge(link, 1)
        assert await start(link) == 2


async def test_a_key_ends_a_trial_and_leaves_its_verdict_to_the_next_one(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, trial_seconds=1e6) as link:
        await start(link)
        assert "not running" in await refused(link, protocol.EndTrial(trial=2))
        ending = evaluation.start_or_end_trial(link)
        assert ending is not None and (await ending).ok
        state = await pending(link)
        assert state.trials[-1].ended_by == "key"
        judging = evaluation.judge(link, Verdict.FAILURE, "anna")
        assert judging is not None and (await judging).ok
        state = await link.until(lambda s: s.phase is Phase.RESTED, 30)
        assert (state.trials[-1].verdict, state.trials[-1].judge) == (Verdict.FAILURE, "anna")


async def test_void_trials_are_repeated_and_count_nowhere(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, trials=2) as link:
        for verdict, judged, reached in (
            (Verdict.VOID, 0, False),
            (Verdict.FAILURE, 1, False),
            (Verdict.VOID, 1, False),
            (Verdict.SUCCESS, 2, True),
        ):
            await trial(link, verdict)
            assert (link.snapshot.judged, link.snapshot.reached) == (judged, reached)
            assert link.snapshot.phase is (Phase.DONE if reached else Phase.RESTED)
        assert await trial(link) == 5, "more than asked for is allowed"


async def test_a_verdict_can_be_taken_back_until_the_next_trial_starts(quick_rig: Rig) -> None:
    run = evaluate(quick_rig, trials=1)
    async with quick_rig.attached(run) as link:
        await trial(link, Verdict.FAILURE)
        undoing = evaluation.undo(link)
        assert undoing is not None and (await undoing).ok
        state = await link.until(lambda s: s.phase is Phase.RESTED, 20)
        assert state.pending is not None and state.pending.index == 1
        assert "waits for its verdict" in await refused(link, protocol.StartTrial(trial=2))
        assert "no verdict to take back" in await refused(link, protocol.UndoVerdict(trial=1))
        state = await judge(link, 1, Verdict.SUCCESS)
        await start(link)
        assert "its verdict stays" in await refused(link, protocol.UndoVerdict(trial=1))
        await pending(link)
        state = await finish(link)
    assert [t.verdict for t in state.trials] == [Verdict.SUCCESS, None]
    assert len(quick_rig.events(run, ev.TrialJudged)) == 2, "undoing adds an event and deletes none"
    marks = read_marks(Path(state.started.dataset_root)) if state.started else {}
    assert [marks[i].verdict for i in (0, 1)] == [Verdict.SUCCESS, None]


async def test_a_failure_is_durable_at_once_and_its_mode_annotates_it(quick_rig: Rig) -> None:
    async with evaluating(quick_rig) as link:
        await trial(link, Verdict.SUCCESS)
        assert evaluation.annotate(link, "drops it") is None
        assert "not judged a failure" in await refused(link, protocol.AnnotateTrial(trial=1, failure_mode="drops it"))
        await trial(link, Verdict.FAILURE)
        annotating = evaluation.annotate(link, "drops it")
        assert annotating is not None and (await annotating).ok
        assert [t.failure_mode for t in link.snapshot.trials] == ["", "drops it"]


async def test_after_a_stop_no_verdict_moves_the_arm(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, trial_seconds=1e6) as link:
        await start(link)
        await say(link, protocol.Stop())
        state = await link.until(lambda s: s.phase is Phase.HELD, 5)
        assert state.pending is not None and state.pending.ended_by == "stopped"
        await say(link, protocol.JudgeTrial(trial=1, verdict=Verdict.VOID))
        assert link.snapshot.phase is Phase.HELD
        assert "it goes to rest first" in await refused(link, protocol.StartTrial(trial=2))
        await say(link, protocol.GoToRest())
        state = await link.until(lambda s: s.phase is Phase.RESTED and bool(s.episodes), 30)
        assert (state.episodes[0].accepted, flags(state.episodes[0])) == (False, ("stopped",))
        await start(link)


async def test_a_stop_while_a_verdict_is_due_keeps_the_arm_where_it_is(quick_rig: Rig) -> None:
    async with evaluating(quick_rig) as link:
        await start(link)
        await pending(link)
        await say(link, protocol.Stop())
        await say(link, protocol.JudgeTrial(trial=1, verdict=Verdict.SUCCESS))
        assert link.snapshot.phase is Phase.HELD


async def test_without_a_taught_rest_pose_the_arm_holds_and_trials_go_on(quick_rig: Rig) -> None:
    bench = state_bench("motion.rest={}", "motion.waypoints=[]")
    async with evaluating(quick_rig, bench) as link:
        await start(link)
        await pending(link)
        await say(link, protocol.JudgeTrial(trial=1, verdict=Verdict.SUCCESS))
        await link.until(lambda s: s.phase is Phase.IDLE, 20)
        await start(link)
        await say(link, protocol.Stop())
        await say(link, protocol.JudgeTrial(trial=2, verdict=Verdict.VOID))
        starting = evaluation.start_or_end_trial(link)
        assert starting is not None and (await starting).ok
        await link.until(lambda s: s.trials[-1].index == 3, 30)


async def test_what_makes_no_sense_in_an_evaluation_is_refused_in_words(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, trial_seconds=1e6) as link:
        assert "follows the policy" in await refused(link, protocol.Follow())
        assert "means nothing" in await refused(link, protocol.StartTake(take=1))
        await start(link)
        assert "end the trial first" in await refused(link, protocol.GoToRest())
        assert "end the trial first" in await refused(link, protocol.Release(confirmed=True))
        state = await finish(link)
        assert [(t.verdict, t.ended_by) for t in state.trials] == [(None, "ended")]


async def test_the_oracle_judges_by_itself_and_time_is_failure(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, judge="oracle", trials=2, seed=3) as link:
        for number in (1, 2):
            await start(link)
            state = await link.until(lambda s: s.phase in (Phase.RESTED, Phase.DONE), 30)
            last = state.trials[-1]
            assert (last.index, last.verdict, last.judge, last.ended_by) == (number, Verdict.FAILURE, "oracle", "time")
        assert state.phase is Phase.DONE


async def test_an_absurd_policy_never_gets_the_arm(quick_rig: Rig) -> None:
    wild = checkpoint(quick_rig, "wild", spread=4000.0)
    async with evaluating(quick_rig, policy=wild) as link:
        await link.ask(protocol.StartTrial(trial=1))
        state = await link.until(lambda s: s.phase is Phase.HELD, 60)
        assert [a.source for a in state.alarms] == ["policy"]
        assert "degrees from where its demonstrations began" in state.alarms[0].text
        assert not state.trials
        there = await joints(link)
        root = Path(link.snapshot.started.dataset_root) if link.snapshot.started else None
        assert root is not None and root.is_dir()
        assert max(abs(there[name] - at) for name, at in START.items()) < 5.0, "it stayed where it waited"
        await say(link, protocol.GoToRest())
        await link.until(lambda s: s.phase is Phase.RESTED, 30)
        await finish(link)
    wait_until(gone(link.run))
    assert not root.exists(), "no trial was saved: no rollouts are left"


async def joints(link: Link) -> dict[str, float]:
    """Where the arm is, as the next telemetry tells."""
    link.telemetry = None
    await link.until(lambda _: link.telemetry is not None, 20)
    assert link.telemetry is not None
    return dict(link.telemetry.joints)


async def refused_beginning(link: Link, number: int) -> Snapshot:
    """A start that has to be agreed to: the arm holds, and an alarm tells how far."""
    await say(link, protocol.StartTrial(trial=number))
    state = await link.until(lambda s: s.phase is Phase.HELD, 60)
    assert not state.trials
    assert state.alarms[-1].advice is Advice.REST_THEN_TRIAL
    return state


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
async def test_a_beginning_far_away_is_agreed_to_by_a_person_once(quick_rig: Rig, told: bool) -> None:
    far = straight()
    far[:, 0] += 60.0
    policy = copycat(quick_rig, f"far-{told}", far)
    write_provenance(policy, Provenance(fps=30, start_pose=START if told else {}))
    async with evaluating(quick_rig, policy=policy) as link:
        state = await refused_beginning(link, 1)
        words = "60 degrees from where its demonstrations began: shoulder_pan at 60" if told else "is not known"
        assert words in state.alarms[-1].text
        assert abs((await joints(link))["shoulder_pan"]) < 5.0
        await say(link, protocol.GoToRest())
        await link.until(lambda s: s.phase is Phase.RESTED, 30)
        assert await trial(link) == 1
        assert quick_rig.snapshot(link.run).alarms == ()
        assert await trial(link) == 2, "agreed once, agreed for the session"
        state = await finish(link)
    actions = np.stack(dataset_of(quick_rig, state).hf_dataset.with_format("numpy")[:]["action"])
    assert np.allclose(actions[:, 0], 60.0, atol=6.0)


async def test_a_stop_while_the_arm_is_limp_takes_back_the_start_that_waits(quick_rig: Rig) -> None:
    bench = quick_rig.small("motion.rest={}", "motion.waypoints=[]")
    policy = checkpoint(quick_rig, "seeing", cube=False, cameras=dict.fromkeys(bench.cameras, (96, 72)))
    async with evaluating(quick_rig, bench, policy=policy, trial_seconds=2.0) as link:
        await start(link)
        await pending(link)
        burst = (
            protocol.JudgeTrial(trial=1, verdict=Verdict.VOID),
            protocol.Release(confirmed=True),
            protocol.StartTrial(trial=2),
        )
        answers = [link.send(command) for command in burst]  # at once: the trial before is being saved meanwhile
        for answer in answers:
            assert (await answer).ok
        await say(link, protocol.Stop())
        await link.until(lambda s: bool(s.episodes), 20)
        await asyncio.sleep(0.5)
        assert link.snapshot.phase in (Phase.RELEASED, Phase.HELD)
        assert link.telemetry is not None and not link.telemetry.start_pending
        assert len(link.snapshot.trials) == 1
        assert await start(link) == 2


def straight(rows: int = 40) -> Any:
    """Actions that stay at the start."""
    return np.tile(np.array(list(START.values()), np.float32), (rows, 1))


POLICY_TRIALS = (ev.TrialStarted, ev.AlarmRaised, ev.AlarmCleared)


@pytest.mark.parametrize(
    ("value", "words"), [(30.0, "the policy jumped 30 degrees at wrist_flex"), (np.nan, "not a number at wrist_flex")]
)
async def test_what_no_arm_should_do_is_held_and_the_trial_has_failed(quick_rig: Rig, value: float, words: str) -> None:
    actions = straight()
    actions[10:, 3] += value
    async with evaluating(quick_rig, policy=copycat(quick_rig, "leaps", actions), trial_seconds=20.0) as link:
        await start(link)
        state = await pending(link)
        assert (state.phase, state.trials[-1].ended_by, state.trials[-1].frames) == (Phase.JUDGING, "failed", 10)
        state = await link.until(lambda s: bool(s.alarms), 20)
        assert words in state.alarms[-1].text and words in state.trials[-1].why
        state = await judge(link, 1, Verdict.FAILURE)
        await link.until(lambda s: bool(s.episodes), 20)
        assert state.started is not None
        mark = read_marks(Path(state.started.dataset_root))[0]
        assert (mark.accepted, without_late(mark.flags)) == (False, ("failed",))
        await start(link)
    told = [type(e) for e in quick_rig.events(link.run, ev.Event) if isinstance(e, POLICY_TRIALS)]
    assert told[:4] == [*POLICY_TRIALS, ev.TrialStarted], "the next trial begins without the alarm"


async def test_a_policy_that_always_wants_to_be_elsewhere_is_followed_below_the_speed_limit_first(
    quick_rig: Rig,
) -> None:
    further = np.zeros((40, 6), np.float32)
    further[:, 0] = 10.0
    runaway = copycat(quick_rig, "runaway", further, relative=True)
    write_provenance(runaway, Provenance(fps=30, start_pose=START))
    async with evaluating(quick_rig, policy=runaway) as link:
        await trial(link)
        state = await finish(link)
    table = dataset_of(quick_rig, state).hf_dataset.with_format("numpy")
    pan = np.stack(table[:]["action"])[:, 0] - np.stack(table[:]["observation.state"])[:, 0]
    steps = np.diff(np.stack(table[:]["action"])[:, 0])
    assert pan[0] < 110.0 / 30 + 3.0, "the first goal is one speed-limited step from where the arm held"
    assert np.abs(steps).max() <= 110.0 / 30 + 1e-3
    assert pan.max() > 5.0, "it gets where it wants"


def demonstration(seed: int) -> Any:
    """What the scripted person does in its first take, the arm following: (frames, 6), placed in the bowl."""
    from services.sim.lockstep import LockstepWorld
    from services.sim.settings import SimSettings

    world = LockstepWorld(SimSettings(seed=seed), 30)
    world.set_torque(True)
    begin, home = np.array(world.joints()), np.array(world.leader())
    for share in (*np.linspace(0, 1, 90), *np.ones(30)):
        world.command((begin + (home - begin) * share).tolist())
    world.take_started(1)
    actions = []
    while not world.state().leader_finished:
        actions.append(world.leader())
        world.command(list(actions[-1]))
    assert world.state().cube_in_bowl
    return np.array([*actions, *[actions[-1]] * 150])


async def test_the_oracle_sees_the_cube_in_the_bowl_and_ends_the_trial(quick_rig: Rig) -> None:
    policy = copycat(quick_rig, "demonstrated", demonstration(seed=7))
    run = evaluate(quick_rig, policy=policy, judge="oracle", seed=7, trials=2, trial_seconds=9.0)
    async with quick_rig.attached(run) as link:
        for _ in range(2):
            await start(link)
            await link.until(lambda s: s.phase in (Phase.RESTED, Phase.DONE), 60)
        state = await finish(link)
    first, second = state.trials
    assert (first.verdict, first.judge, first.ended_by) == (Verdict.SUCCESS, "oracle", "oracle")
    assert 3 < first.seconds < 9
    assert (second.verdict, second.ended_by) == (Verdict.FAILURE, "time"), "the cube lay elsewhere"


async def test_a_policy_trained_on_from_a_pretrained_one_sees_the_cameras_that_were_renamed(quick_rig: Rig) -> None:
    renames = {f"observation.images.{b}": f"observation.images.{p}" for b, p in CAMERAS.items()}
    tuned = smolvla(quick_rig, "tuned", renames)
    async with evaluating(quick_rig, quick_rig.small(), policy=tuned, task="pick") as link:
        loaded = link.snapshot.policy
        assert loaded is not None and (loaded.policy, loaded.cameras) == ("smolvla", ("overhead", "wrist"))
        assert loaded.notes == tuple(
            f"camera {name} gives 96x72, the policy's configuration says 256x256: it resizes pictures itself"
            for name in ("overhead", "wrist")
        )
        await trial(link)
        state = await finish(link)
    assert [(t.verdict, t.ended_by, t.frames) for t in state.trials] == [(Verdict.SUCCESS, "time", 15)]


async def test_renamed_cameras_are_given_by_the_names_of_the_bench_and_a_slow_one_is_a_note(quick_rig: Rig) -> None:
    renames = {"observation.images.wrist": "observation.images.camera1"}
    policy = checkpoint(quick_rig, "renamed", cube=False, cameras={"camera1": (96, 72)}, renames=renames)
    bench = quick_rig.small("robot.cameras.wrist.fps=15")
    async with evaluating(quick_rig, bench, policy=policy) as link:
        loaded = link.snapshot.policy
        assert loaded is not None and loaded.cameras == ("wrist",)
        slow = "camera wrist gives 15 pictures a second, and the loop runs at 30 Hz: some are seen twice"
        assert loaded.notes == ("the policy does not use overhead", slow)
        await trial(link)
        state = await finish(link)
    assert [t.ended_by for t in state.trials] == ["time"]


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ({"cube": True}, ("robot.environment_state=false",), "needs observation.environment_state (5 values)"),
        ({"joints": 5}, (), "observation.state has 5 values, this bench's 6 values"),
        (
            {"cameras": {"wrist": (96, 72)}, "cube": False},
            None,
            "camera wrist gives 640x480, the policy was trained on 96x72",
        ),
        (
            {"cameras": {"a": (96, 72), "b": (640, 480)}, "cube": False, "renames": SWAPPED},
            None,
            "camera overhead gives 640x480, the policy was trained on 96x72",
        ),
    ],
    ids=["cube", "joints", "size", "renamed"],
)
async def test_a_policy_that_does_not_fit_is_refused_in_words_before_anything_moves(
    quick_rig: Rig, options: dict[str, Any], settings: tuple[str, ...] | None, words: str
) -> None:
    policy = checkpoint(quick_rig, "misfit", **options)
    bench = quick_rig.profile() if settings is None else state_bench(*settings)
    with pytest.raises(Refusal, match=re.escape(words)):
        evaluate(quick_rig, bench, policy=policy)
    assert not list(quick_rig.folder.runs.glob("*")), "nothing was started"
    with pytest.MonkeyPatch.context() as blind:  # as for a robot of which a plan knows nothing
        blind.setattr(evaluation, "fit_known", lambda *_, **__: Fit())
        run = evaluate(quick_rig, bench, policy=policy)
    wait_until(lambda: not quick_rig.snapshot(run).running, 40)
    state = quick_rig.snapshot(run)
    assert state.status is SessionStatus.ABORTED
    assert words in state.end_reason
    assert state.connected is None, "no arm was connected"
    assert not (quick_rig.folder.datasets / "rollout_misfit_000010").exists()
