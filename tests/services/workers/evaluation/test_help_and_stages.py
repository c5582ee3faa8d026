"""A trial in which a person helped is no success; how far a trial came is kept; a note belongs to its trial."""

from __future__ import annotations

import msgspec
import pytest

from services.bench.profiles import Profile, apply_settings
from services.live import protocol
from services.live.link import Link
from services.live.protocol import Code
from services.log import marking
from services.log.problem import LogbookProblem
from sessions.bench import Task
from sessions.models import Verdict
from tests.support.evaluating import evaluate, evaluating, pending, start, state_bench
from tests.support.rig import Rig, finish, gone, press, wait_until

STAGES = ("reached", "grasped", "lifted", "placed")
TASK = "Pick up the cube and place it in the bowl"


def staged() -> Profile:
    return msgspec.structs.replace(state_bench(), tasks=(Task(name="pick_place", text=TASK, stages=STAGES),))


async def ask(link: Link, command: protocol.Command) -> protocol.Answer:
    return await link.ask(command)


async def test_help_and_stages_are_kept_and_help_forbids_success(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, staged(), trial_seconds=1.0) as link:
        nothing = await ask(link, protocol.AssistTrial(trial=1))
        assert nothing.code is Code.NO_TRIAL
        await start(link)
        assert (await ask(link, protocol.ReachStage(trial=1, stages=2))).ok
        assert (await ask(link, protocol.ReachStage(trial=1, stages=5))).code is Code.NO_STAGES
        await pending(link)
        assert (await ask(link, protocol.ReachStage(trial=1, stages=3))).ok
        assert (await ask(link, protocol.AssistTrial(trial=1))).ok
        await link.until(lambda s: s.trials[-1].assisted, 10)
        await press(link, lambda: protocol.AddNote(text="the cube was askew", author="mara"))
        refused = await ask(link, protocol.JudgeTrial(trial=1, verdict=Verdict.SUCCESS))
        assert refused.code is Code.ASSISTED and "trial 1 was assisted: it is no success" in refused.error
        assert (await ask(link, protocol.AssistTrial(trial=1, assisted=False))).ok
        assert (await ask(link, protocol.AssistTrial(trial=1))).ok
        await press(link, lambda: protocol.JudgeTrial(trial=1, verdict=Verdict.FAILURE))
        state = await link.until(lambda s: s.trials[-1].verdict is Verdict.FAILURE and bool(s.notes), 20)
    [trial] = state.trials
    assert (trial.stages, trial.assisted, trial.verdict) == (STAGES[:3], True, Verdict.FAILURE)
    assert state.notes[0].trial == 1


async def test_a_task_without_stages_says_where_they_come_from_and_help_holds_in_the_log(quick_rig: Rig) -> None:
    run = evaluate(quick_rig, trial_seconds=0.5)
    async with quick_rig.attached(run) as link:
        await start(link)
        refused = await ask(link, protocol.ReachStage(trial=1, stages=1))
        assert refused.code is Code.NO_STAGES and "`stages` under its [[tasks]]" in refused.error
        await pending(link)
        assert (await ask(link, protocol.AssistTrial(trial=1))).ok
        await finish(link)
    wait_until(gone(run))
    with pytest.raises(LogbookProblem, match=r"trial 1 of session .* was assisted: it is no success"):
        marking.judge_trial(quick_rig.folder, run.id, 1, Verdict.SUCCESS)
    marking.judge_trial(quick_rig.folder, run.id, 1, Verdict.FAILURE, "mara")


def test_stages_are_a_key_of_a_task() -> None:
    assert apply_settings(state_bench(), [])[0].stages("nothing like it") == ()
    assert staged().stages(TASK) == STAGES
