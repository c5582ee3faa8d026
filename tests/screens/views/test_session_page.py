"""The log's rows and pages, and today's rows: what each kind of session tells."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from screens.views.board_rows import Look, entries
from screens.views.log_rows import log_rows
from screens.views.session_page import session_page
from screens.views.session_rows import running_row
from services.folders import DataFolder
from services.live import events as ev
from services.live.phases import Phase
from services.live.running import Running
from services.live.snapshots import Snapshot, replay
from services.log.board import Board, TrainingResult
from services.log.documents import document
from sessions.conditions import Condition
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Trial, Verdict
from tests.support import facts
from tests.support.fake_desk import CHECKPOINT
from tests.support.runs import ended, numbered, saved, session_id, started, write_run

ID = session_id(1)
NASTY = "\x1b]0;owned\x07act\x1b[31m\n[b]v2[/b]\u202e"


def train_events(*, without: tuple[str, ...] = ("overhead",), step: int = 20_000, **more: Any) -> tuple[ev.Event, ...]:
    facts: dict[str, Any] = {
        "policy": "act", "output_dir": "/data/outputs/train/act_v2", "steps": 20_000, "batch_size": 8, "device": "cuda",
        "parameters": 51_600_000, "episodes": tuple(range(79)), "episodes_total": 81, "frames": 24_252,
        "cameras": ("wrist",), "excluded_cameras": without,
    }  # fmt: skip
    metrics = {"loss": 0.00612, "lr": 1e-05, "grad_norm": 0.121, "update_s": 1.19, "dataloading_s": 0.55}
    asked = {"name": "act_v2", "policy": "act", "steps": 20_000, "settings": ("policy.chunk_size=50",)}
    return (
        started(ID, kind=SessionKind.TRAIN, dataset=more.get("dataset", "pick_place"), operator="tg", **asked),
        ev.TrainingStarted(**facts),
        ev.CheckpointSaved(step=10_000, path="/data/o/checkpoints/010000", bytes=865_000_000, seconds=3.1, loss=0.0412),
        ev.TrainingProgressed(step=step, samples=8 * step, epochs=6.6, points=200, metrics=metrics),
        ev.CheckpointSaved(
            step=step, path=f"/data/o/checkpoints/{step:06}", bytes=865_000_000, seconds=2.9, loss=0.00612
        ),
    )


def a_trial(
    number: int, verdict: Verdict | None, reason: str = "time", mode: str = "", condition: str = ""
) -> tuple[ev.Event, ...]:
    events: list[ev.Event] = [
        ev.TrialStarted(trial=number, checkpoint=CHECKPOINT, condition=condition),
        ev.TrialEnded(trial=number, frames=186, reason=reason),
    ]
    events.append(saved(number - 1, take=number))
    events += [ev.TrialJudged(trial=number, verdict=verdict, judge="tg")] if verdict else []
    return (*events, *([ev.TrialAnnotated(trial=number, failure_mode=mode)] if mode else []))


def eval_started(**more: Any) -> ev.SessionStarted:
    facts: dict[str, Any] = {
        "dataset": "rollout_act_v2_020000", "operator": "tg",
        "checkpoint": CHECKPOINT, "trained_in": session_id(7), "target": 4, "task": "Pick up the cube", **more,
    }  # fmt: skip
    return started(ID, kind=SessionKind.EVAL, **facts)


def eval_events(**more: Any) -> tuple[ev.Event, ...]:
    return (
        eval_started(**more),
        *a_trial(1, Verdict.SUCCESS, "verdict"),
        *a_trial(2, Verdict.FAILURE, mode="grasps air"),
        *a_trial(3, Verdict.VOID, "stopped"),
        *a_trial(4, Verdict.SUCCESS, "verdict"),
        *a_trial(5, None),
    )


def session_of(*events: ev.Event) -> Session:
    return document(replay(numbered(*events)))


def plain(session: Session, width: int = 114) -> str:
    return session_page(session, width).plain


# --- a training -----------------------------------------------------------------------------------


def test_a_trainings_page_tells_from_what_it_learnt_how_far_and_what_it_left() -> None:
    text = plain(session_of(*train_events(), ended()))
    for said in (
        "act · 51.6 M parameters · on cuda",
        "pick_place\n",
        "79 of 81 episodes, 2 left out · 24,252 frames",
        "wrist · without overhead",
        "20,000 · 6.6 epochs · 160,000 samples · batch size 8",
        "0.00612 · learning rate 1e-5 · gradient norm 0.121",
        "1.74 s · 1.19 update + 0.550 data",
        "policy.chunk_size=50",
        "/data/outputs/train/act_v2",
        "checkpoints 010000",
        "loss 0.0412\n            020000",
        "host        robot",
    ):
        assert said in text
    assert "None" not in text


def test_a_training_that_ended_early_says_of_how_many_steps() -> None:
    text = plain(session_of(*train_events(step=3_210), ended(SessionStatus.CRASHED)))
    assert "3,210 of 20,000" in text and text.startswith("✗ crashed")


def test_a_training_without_a_first_step_says_what_was_asked() -> None:
    text = plain(session_of(train_events()[0], ended(SessionStatus.ABORTED)))
    assert "none of 20,000 was made" in text and "policy      act" in text


# --- an evaluation --------------------------------------------------------------------------------


def test_an_evaluations_page_names_each_condition_once() -> None:
    tried = (
        a_trial(n, Verdict.SUCCESS, condition=told) for n, told in enumerate(("lamp off", "lamp off", "[b]red"), 1)
    )
    text = plain(session_of(eval_started(), *(event for events in tried for event in events)))
    assert "condition   lamp off · [b]red\n" in text
    assert "condition " not in plain(session_of(*eval_events()))


def test_an_evaluations_page_tells_checkpoint_tally_and_every_trial() -> None:
    text = plain(session_of(*eval_events(), ended()))
    for said in (
        "act_v2 @ 020000",
        CHECKPOINT,
        f"session {session_id(7)}",
        '"Pick up the cube"',
        "3 of 4 · ✓ 2 success · ✗ 1 failure · ○ 1 void · 1 without a verdict · by tg",
        "67 % [21, 94] · 95 % interval",
        "0 ├",
        "grasps air 1",
        "rollout_act_v2_020000",
        "1✓  6.2 s  judged   episode 0",
        "2✗  6.2 s  ran out  episode 1  grasps air",
        "3○  6.2 s  Esc      episode 2",
        "3✓  6.2 s  judged   episode 3",  # the void one is repeated under its number, as on the strip
        "4·  6.2 s  ran out  episode 4",
    ):
        assert said in text, said


def test_an_evaluation_without_a_trial_or_a_known_origin_has_a_page() -> None:
    text = plain(session_of(eval_started(trained_in=""), ended(SessionStatus.ABORTED)))
    assert "0 of 4" in text and "not recorded" in text and "%" not in text


@pytest.mark.parametrize("width", [20, 74, 114, 190])
def test_trials_stand_side_by_side_where_there_is_room(width: int) -> None:
    lines = plain(session_of(*eval_events(), ended()), width).splitlines()
    rows = [line for line in lines if "episode" in line]
    assert len(rows) == {20: 5, 74: 5, 114: 3, 190: 2}[width]
    assert all(len(line) <= width for line in rows) or width < 60


# --- the list -------------------------------------------------------------------------------------


def row(session: Session, terminal: int) -> str:
    """Its row in the Log of a terminal of that width."""
    return log_rows([session], terminal - 5)[0].plain


@pytest.mark.parametrize(
    ("events", "whole"), [(train_events(), "20,000 steps  loss 0.00612"), (eval_events(), "2✓ 1✗ 1○  67 % [21, 94]")]
)
def test_loss_and_interval_are_whole_at_every_width(events: tuple[ev.Event, ...], whole: str) -> None:
    session = session_of(*events, ended())
    assert all(whole in row(session, terminal) for terminal in (70, 80, 120))


def test_a_row_of_a_training_that_ended_early_says_of_how_many_steps() -> None:
    assert "3,210/20,000 steps " in row(session_of(*train_events(step=3_210), ended()), 80)


def test_the_columns_of_every_kind_stand_below_each_other() -> None:
    record = session_of(started(ID), saved(0), ended())
    sessions = [session_of(*train_events(), ended()), session_of(*eval_events(), ended()), record]
    for width in (115, 155):
        rows = log_rows(map(same_length, sessions), width - 5)
        assert len({row.plain.index("31 s") for row in rows}) == 1


def same_length(session: Session) -> Session:
    """One that took 31 s, without marks."""
    took = msgspec.structs.replace(ended(), at=session.started.at + 31)
    return msgspec.structs.replace(session, alarms=(), ended=took)


# --- today ----------------------------------------------------------------------------------------


def of_run(folder: DataFolder, *events: ev.Event) -> Running:
    return Running(folder.run(ID), replay(numbered(*events)))


def test_a_running_training_tells_its_step_and_the_time_left(tmp_path: Any) -> None:
    folder = DataFolder(tmp_path)
    events = (*train_events(step=3_210), ev.PhaseChanged(phase=Phase.TRAINING.value))
    assert running_row(of_run(folder, *events), ID).plain.startswith("● training  act_v2      step 3,210/20,000 ETA 8h")
    first = running_row(of_run(folder, events[0]), "").plain
    assert first.startswith("● starting  act_v2") and first.endswith("a attaches")


def test_a_running_evaluation_tells_how_many_are_judged(tmp_path: Any) -> None:
    events = (*eval_events(target=10), ev.PhaseChanged(phase=Phase.RUNNING.value))
    row = running_row(of_run(DataFolder(tmp_path), *events), ID).plain
    assert row.startswith("● running   rollout_act_v2_020000 3/10") and row.endswith("attached")


def test_a_run_that_has_told_nothing_yet_is_starting(tmp_path: Any) -> None:
    assert "starting" in running_row(Running(DataFolder(tmp_path).run(ID), Snapshot()), "").plain


# --- what is not ours -----------------------------------------------------------------------------


def test_no_text_from_outside_acts_on_a_page() -> None:
    training = list(train_events(without=(NASTY,), dataset=NASTY))
    training[1] = msgspec.structs.replace(
        training[1], policy=NASTY, output_dir=f"/o/{NASTY}", device=NASTY, cameras=(NASTY,)
    )
    trial = a_trial(1, Verdict.FAILURE, reason=NASTY, mode=NASTY)
    evaluation = (eval_started(task=NASTY, checkpoint=f"/c/{NASTY}", trained_in=NASTY, dataset=NASTY), *trial)
    for events in (tuple(training), evaluation):
        session = session_of(*events, ended())
        board = Board(trainings=(TrainingResult(session),), evaluations=(session,), sessions=(session,))
        rows = [entry.row for entry in entries(board, Look(80, (), 0.0), 40)]
        shown = (session_page(session, 114), log_rows([session], 120)[0], *rows)
        for content in shown:
            assert not [c for c in content.plain if (ord(c) < 32 and c != "\n") or c == "\u202e"]
            assert "owned" not in content.plain


# --- on the screen --------------------------------------------------------------------------------


async def test_the_log_opens_a_training_and_an_evaluation(open_console: Any) -> None:
    async with open_console() as console:
        for number, events in ((1, train_events()), (2, eval_events())):
            first = msgspec.structs.replace(events[0], id=session_id(number))
            write_run(console.folder, session_id(number), first, *events[1:], ended())
        await console.press("f7")
        await console.sees("2 sessions")
        await console.sees("67 % [21, 94]")
        await console.press("enter")
        await console.sees("grasps air 1")
        await console.press("escape", "down", "enter")
        await console.sees("79 of 81 episodes, 2 left out")


async def test_bench_lists_trainings_and_evaluations(open_console: Any) -> None:
    async with open_console() as console:
        now = time.time() - 3_600
        for number, events in ((1, train_events()), (2, eval_events())):
            first = msgspec.structs.replace(events[0], id=session_id(number), at=now)
            write_run(console.folder, session_id(number), first, *events[1:], ended())
        console.screen._refresh_all()
        await console.sees("2/3   67 % [21, 94]")
        await console.sees("20,000")


@pytest.mark.parametrize("width", [48, 76, 116])
def test_below_the_conditions_the_table_from_above_has_the_successes_at_each_place(width: int) -> None:
    conditions = (Condition(name="near", x=150, y=0), Condition(name="far", x=300, y=60))
    trials = tuple(
        Trial(index=n, verdict=Verdict.SUCCESS if n % 3 else Verdict.FAILURE, condition=conditions[n % 2].name)
        for n in range(1, 9)
    )
    evaluated = facts.session("20260217-142000-7f3a", kind=SessionKind.EVAL, conditions=conditions, trials=trials)
    drawn = [line.plain for line in session_page(evaluated, width).split()]
    arm = next(n for n, line in enumerate(drawn) if line.strip() == "arm")
    above = "".join(drawn[arm - 6 : arm])
    assert "3/4" in above and max(map(len, drawn)) <= width
    assert any("conditions" in line for line in drawn[:arm]) and any(line.startswith("trials") for line in drawn[arm:])
