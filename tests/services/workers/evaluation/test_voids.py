"""A bench that fails in a trial says nothing of the policy: the trial is void, unless a person says otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from services.live import protocol
from services.live.phases import Phase
from services.live.requests import CONSOLE
from services.workers.arm.lapses import Lapses
from services.workers.evaluation.measures import Measures
from services.workers.inference.action_queue import ActionQueue
from sessions.models import EndedBy, Verdict
from tests.support.evaluating import checkpoint, evaluating, judge, start, trial
from tests.support.rig import Rig, press

SMALL = {"wrist": (96, 72)}


async def test_a_camera_of_the_policy_that_goes_black_makes_the_trial_void_and_a_person_may_say_otherwise(
    quick_rig: Rig,
) -> None:
    fault = 'sim.faults=[{kind="black", device="wrist", episode=1, frame=10, frames=40}]'
    policy = checkpoint(quick_rig, "looks", cameras=SMALL, cube=False)
    async with evaluating(quick_rig, quick_rig.small(fault), policy=policy, trial_seconds=4.0) as link:
        await press(link, lambda: protocol.StartTrial(trial=1))
        state = await link.until(lambda s: bool(s.trials) and s.trials[-1].verdict is not None, 60)
        [voided] = state.trials
        assert (voided.verdict, voided.judge, voided.ended_by) == (Verdict.VOID, CONSOLE, EndedBy.FAILED)
        assert voided.why == "camera wrist is black" and 1 <= voided.frames < 60
        state = await link.until(lambda s: s.phase is Phase.IDLE, 10)
        assert state.detail == "trial 1 is void: camera wrist is black"
        await press(link, lambda: protocol.UndoVerdict(trial=1))
        await link.until(lambda s: s.trials[-1].verdict is None, 10)
        await press(link, lambda: protocol.JudgeTrial(trial=1, verdict=Verdict.FAILURE))
        state = await link.until(lambda s: s.trials[-1].verdict is Verdict.FAILURE, 10)
        assert state.judged == 1 and state.phase is Phase.IDLE, "the arm stays where it is"


async def test_a_camera_that_the_policy_does_not_look_at_ends_no_trial(quick_rig: Rig) -> None:
    fault = 'sim.faults=[{kind="black", device="overhead", episode=1, frame=5}]'
    policy = checkpoint(quick_rig, "looks", cameras=SMALL, cube=False)
    async with evaluating(quick_rig, quick_rig.small(fault), policy=policy, trial_seconds=1.0) as link:
        await trial(link, Verdict.SUCCESS)
        [tried] = link.snapshot.trials
        assert (tried.verdict, tried.ended_by, tried.frames) == (Verdict.SUCCESS, EndedBy.TIME, 30)


async def test_a_trial_is_measured(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, trial_seconds=1.0) as link:
        await start(link)
        await link.until(lambda s: s.pending is not None and s.phase is not Phase.RUNNING, 60)
        state = await judge(link, 1, Verdict.SUCCESS)
    [tried] = state.trials
    assert tried.measured is not None and tried.measured.inferences >= 4
    assert 0 < tried.measured.infer_ms <= tried.measured.infer_ms_most < 5000
    assert tried.measured.starved == 0 and tried.measured.jerk > 0 and tried.measured.seam >= 0
    assert tried.seconds_to_verdict is not None and 0 < tried.seconds_to_verdict < 120


# -- the figures ---------------------------------------------------------------------------------------

FPS = 30


def figures(positions: np.ndarray, *, steps: int = 4, gripper: float = 0.0) -> tuple[Measures, ActionQueue]:
    """As the loop does it: one inference for every `steps` periods, of one joint and a gripper that snaps."""
    queue, measures = ActionQueue(steps, 1 / FPS), Measures(FPS, "gripper")
    for at in range(len(positions)):
        if not queue:
            queue.mark_requested()
            queue.put(np.array([[p, gripper] for p in positions[at : at + steps]], np.float32))
        taken = queue.take()
        assert taken is not None
        action = {"elbow.pos": float(taken[0]), "gripper.pos": float(gripper if at % 2 else 0.0)}
        measures.add(action, queue, infer_ms=10.0 + queue.answers)
    return measures, queue


def test_jerk_is_the_third_derivative_of_what_was_commanded_without_the_gripper() -> None:
    at = np.arange(90) / FPS
    measures, queue = figures(5 * at**3, gripper=60.0)
    assert measures.read(queue, Lapses({})).jerk == pytest.approx(30.0, rel=0.02)  # of 5 t^3
    still, queue = figures(np.full(90, 12.0))
    assert still.read(queue, Lapses({})).jerk == 0.0
    short, queue = figures(np.arange(3.0))
    assert short.read(queue, Lapses({})).jerk == 0.0


def test_a_seam_is_the_step_between_two_inferences_and_not_one_within() -> None:
    positions = np.zeros(24)
    positions[10:] += 7.0  # within the third inference, whose periods are 8 to 11
    positions[16:] += 2.5  # where the fifth begins
    measures, queue = figures(positions)
    found = measures.read(queue, Lapses({}))
    assert found.seam == pytest.approx(2.5) and found.inferences == 6
    assert (found.infer_ms, found.infer_ms_most) == (13.5, 16.0)


def test_starved_and_late_periods_and_readings_that_failed_are_counted() -> None:
    measures, queue = figures(np.zeros(4))
    lapses = Lapses({})
    for _ in range(3):
        assert queue.take() is None
    lapses.note_period(0.05, 1 / FPS)
    lapses.miss("wrist")
    found = measures.read(queue, lapses)
    assert (found.starved, found.late, found.missed) == (3, 2, {"wrist": 1})
    measures.begin()
    queue.clear()
    assert measures.read(queue, Lapses({})) == type(found)()


def test_an_arm_without_joints_but_grippers_is_measured_too() -> None:
    queue, measures = ActionQueue(2, 1 / FPS), Measures(FPS, "gripper")
    for _ in range(6):
        queue.mark_requested()
        queue.put(np.zeros((2, 1), np.float32))
        queue.take()
        measures.add({"gripper.pos": 3.0}, queue, 5.0)
    assert (measures.read(queue, Lapses({})).seam, measures.read(queue, Lapses({})).jerk) == (0.0, 0.0)
