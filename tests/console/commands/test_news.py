"""What the shell verbs print: each fact once, whatever comes between."""

from __future__ import annotations

from typing import Any

import pytest

from console.commands.news import News, amount, appended
from console.commands.printer import Printer
from services.live import events as ev
from services.live.phases import Phase
from services.live.snapshots import Snapshot, replay
from sessions.models import SessionKind, SessionStatus, Verdict
from tests.support.runs import numbered, saved, started

ID = "20260217-142000-0001"


def phase(name: Phase, detail: str = "") -> ev.PhaseChanged:
    return ev.PhaseChanged(phase=name.value, detail=detail)


def state(*events: ev.Event, kind: SessionKind = SessionKind.RECORD, **more: Any) -> Snapshot:
    return replay(numbered(started(ID, kind=kind, **more), *events))


def a_trial(number: int, frames: int = 186) -> tuple[ev.Event, ...]:
    return ev.TrialStarted(trial=number), ev.TrialEnded(trial=number, frames=frames, reason="oracle")


def judged(number: int, verdict: Verdict, judge: str = "oracle") -> ev.TrialJudged:
    return ev.TrialJudged(trial=number, verdict=verdict, judge=judge)


def begun(**more: Any) -> ev.TrainingStarted:
    facts: dict[str, Any] = {
        "policy": "act", "output_dir": "/data/outputs/train/act_v2", "steps": 20_000, "batch_size": 8, "device": "cpu",
        "parameters": 1, "episodes": (0, 1), "episodes_total": 2, "frames": 400, **more,
    }  # fmt: skip
    return ev.TrainingStarted(**facts)


def progressed(step: int, **metrics: float) -> ev.TrainingProgressed:
    return ev.TrainingProgressed(step=step, metrics=metrics)


# --- news -----------------------------------------------------------------------------------------


def test_an_episode_and_a_lost_take_are_told_once() -> None:
    news = News()
    lost = ev.TakeLost(take=2, reason="disk full", where="/data/cubes/quarantine")
    assert news.of(state(saved(0, flags=("late",)), lost)) == [
        "take 1 saved as episode 0: 200 frames, accepted, flagged: late",
        "take 2 is not an episode: disk full /data/cubes/quarantine",
    ]
    assert news.of(state(saved(0, flags=("late",)), lost)) == []


def test_a_verdict_is_told_with_its_judge_its_seconds_and_how_it_failed() -> None:
    news = News()
    events = (*a_trial(1), judged(1, Verdict.SUCCESS), *a_trial(2), judged(2, Verdict.FAILURE, "anna"))
    kind = SessionKind.EVAL
    assert news.of(state(*events, kind=kind)) == ["trial 1: success (oracle, 6.2 s)", "trial 2: failure (anna, 6.2 s)"]
    events = (*events, ev.TrialAnnotated(trial=2, failure_mode="drops it"))
    assert news.of(state(*events, kind=kind)) == ["trial 2: failure (anna, 6.2 s, drops it)"]
    events = (*events, ev.VerdictUndone(trial=2))
    assert news.of(state(*events, kind=kind)) == ["trial 2: its verdict is taken back"]
    assert news.of(state(*events, kind=kind)) == []


def test_a_void_trial_is_repeated_under_its_number_as_on_the_screen() -> None:
    events = (*a_trial(1), judged(1, Verdict.VOID), *a_trial(2), judged(2, Verdict.SUCCESS), *a_trial(3))
    told = News().of(state(*events, ev.TakeLost(take=3, reason="disk full"), kind=SessionKind.EVAL))
    assert told == [
        "trial 1: void (oracle, 6.2 s)",
        "trial 1: success (oracle, 6.2 s)",
        "the motion of trial 2 is not an episode: disk full",
    ]


def test_what_differs_between_policy_and_bench_is_told_once() -> None:
    news = News()
    notes = ("the policy does not use top", "the checkpoint does not name its joints")
    loaded = ev.PolicyLoaded(checkpoint="/c", policy="act", device="cpu", parameters=7, notes=notes)
    assert news.of(state(loaded, kind=SessionKind.EVAL)) == [f"note: {text}" for text in notes]
    assert news.of(state(loaded, kind=SessionKind.EVAL)) == []


def test_the_episodes_of_an_evaluation_are_its_trials_and_not_told_twice() -> None:
    assert News().of(state(*a_trial(1), saved(0), kind=SessionKind.EVAL)) == []


def test_a_checkpoint_is_told_with_its_size_and_loss() -> None:
    checkpoint = ev.CheckpointSaved(step=5_000, path="/c/005000", bytes=86_500_000, seconds=3.14, loss=0.0412)
    told = News().of(state(begun(), checkpoint, kind=SessionKind.TRAIN))
    assert told == ["checkpoint 005000 saved: 86 MB in 3.1 s, loss 0.0412"]


def test_alarms_are_told_even_after_the_log_forgot_the_first_ones() -> None:
    news = News()
    alarms = [ev.AlarmRaised(source="belt", text=f"slip {n}") for n in range(130)]
    assert len(news.of(state(*alarms[:99]))) == 99
    assert news.of(state(*alarms[:120])) == [f"ALARM slip {n}" for n in range(99, 120)]
    assert news.of(state(*alarms)) == [f"ALARM slip {n}" for n in range(120, 130)]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ((), (1, 2), (1, 2)),
        ((1, 2), (1, 2), ()),
        ((1, 2), (2, 3), (3,)),
        ((1, 2), (5, 6), (5, 6)),
        ((1, 1), (1, 1), ()),
    ],
)
def test_what_is_new_in_a_window_that_slides(
    before: tuple[int, ...], now: tuple[int, ...], new: tuple[int, ...]
) -> None:
    assert appended(before, now) == new


# --- how far it is --------------------------------------------------------------------------------


def test_how_far_each_kind_of_session_is() -> None:
    assert amount(Snapshot()) == (0, 0, "")
    assert amount(state(saved(0), target=3)) == (1, 3, "1/3")
    trials = (*a_trial(1), judged(1, Verdict.SUCCESS), *a_trial(2), judged(2, Verdict.VOID))
    evaluation = state(*trials, kind=SessionKind.EVAL, target=4)
    assert amount(evaluation) == (1, 4, "1/4  100 % [21, 100]")
    metrics = {"loss": 0.04123, "update_s": 0.5, "dataloading_s": 0.25}
    training = state(begun(), progressed(3_200, **metrics), kind=SessionKind.TRAIN)
    assert amount(training) == (3_200, 20_000, "3,200/20,000  loss 0.0412  ETA 3 h 30 m")


def test_a_training_whose_pace_is_unknown_has_no_time_left() -> None:
    assert amount(state(begun(), kind=SessionKind.TRAIN))[2] == "0/20,000"


# --- plain lines ----------------------------------------------------------------------------------


def test_a_training_in_plain_lines_is_not_told_step_by_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("console.commands.printer.time.monotonic", lambda: clock[0])
    printer = Printer(says_end=True)
    events = [phase(Phase.STARTING, "loading LeRobot"), begun(), phase(Phase.TRAINING)]
    for step in range(1, 13):
        clock[0] += 1.0
        events += [
            progressed(step, loss=1 / step, update_s=1.0),
            phase(Phase.SAVING, "checkpoint"),
            phase(Phase.TRAINING),
        ]
        printer.show(state(*events, kind=SessionKind.TRAIN))
    events += [ev.SessionEnded(status=SessionStatus.CRASHED, reason="out of \x1b[31mmemory")]
    printer.show(state(*events, kind=SessionKind.TRAIN))
    printer.close()
    assert capsys.readouterr().out.splitlines() == [
        "step 5/20,000  loss 0.200  ETA 5 h 33 m",
        "step 10/20,000  loss 0.100  ETA 5 h 33 m",
        "ended: out of memory",
    ]


def test_an_evaluation_in_plain_lines_leaves_out_how_the_arm_comes_and_goes(capsys: pytest.CaptureFixture[str]) -> None:
    printer, events = Printer(), []
    told = (
        phase(Phase.IDLE, "holding"), phase(Phase.ALIGNING, "to where trial 1 begins"), ev.TrialStarted(trial=1),
        phase(Phase.RUNNING, "trial 1"), ev.TrialEnded(trial=1, frames=30, reason="oracle"),
        phase(Phase.JUDGING, "the cube is in the bowl"), judged(1, Verdict.SUCCESS), phase(Phase.RESTING, "to rest"),
        phase(Phase.RESTED, "trial 2 comes next"),
    )  # fmt: skip
    for event in told:
        events.append(event)
        printer.show(state(*events, kind=SessionKind.EVAL))
    assert capsys.readouterr().out.splitlines() == [
        "idle: holding",
        "running: trial 1",
        "judging: the cube is in the bowl",
        "trial 1: success (oracle, 1.0 s)",
    ]
