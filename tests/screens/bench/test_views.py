"""What Bench says of the arm and lists of the work: pure views."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from screens.views import keys
from screens.views.arm_state import Bench, arm_view, state_now, state_then
from screens.views.board_rows import Look, entries
from screens.views.first_steps import first_steps
from screens.views.measured import plain
from screens.views.times import when
from services.datasets.summary import DatasetSummary
from services.folders import RunFolder
from services.live import events as ev
from services.live.phases import Phase
from services.live.protocol import Telemetry
from services.live.reasons import AlarmSource
from services.live.running import Running, Runs
from services.live.snapshots import Snapshot, replay
from services.log.board import Board, DatasetProgress, TrainingResult, Tried
from services.log.last_seen import LastSeen
from services.tone import Tone
from sessions.bench import Profile
from sessions.models import SessionKind, SessionStatus, Trial, Verdict
from tests.support import facts
from tests.support.fake_desk import sim_profile
from tests.support.runs import numbered, session_id

NOW = facts.BEGAN + 600


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def in_phase(phase: Phase, kind: SessionKind = SessionKind.BENCH, *more: ev.Event, **asked: Any) -> Snapshot:
    begun = facts.started(session_id(1), kind=kind, profile=sim_profile(), **asked)
    return replay(numbered(begun, ev.PhaseChanged(phase=phase.value), *more))


def seen(phase: Phase, torque: bool | None, *, at_rest: bool = False, **more: Any) -> LastSeen:
    session = facts.session(session_id(1), **({"dataset": "cubes", "operator": "tg"} | more))
    return LastSeen(session, facts.BEGAN + 60, phase, torque, at_rest)


def bench(**more: Any) -> Bench:
    plainly: dict[str, Any] = {
        "profile": sim_profile(), "snapshot": Snapshot(), "telemetry": None, "live": False, "driving": True,
        "holder": None, "last": None, "read": True, "now": NOW,
    }  # fmt: skip
    return Bench(**(plainly | more))


# --- pose and torque --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "kind", "torque", "said"),
    [
        (Phase.RESTED, SessionKind.BENCH, True, "at rest, torque on"),
        (Phase.READY, SessionKind.BENCH, True, "following the leader, torque on"),
        (Phase.RECORDING, SessionKind.RECORD, True, "following the leader, torque on"),
        (Phase.RUNNING, SessionKind.EVAL, True, "driven by the policy, torque on"),
        (Phase.DONE, SessionKind.EVAL, True, "at rest, torque on"),
        (Phase.RELEASED, SessionKind.BENCH, False, "limp, torque off"),
        (Phase.LIMP, SessionKind.BENCH, False, "limp, torque lost"),
        (Phase.HELD, SessionKind.BENCH, False, "held where it stands, torque not on at every motor"),
    ],
)
def test_pose_and_torque_are_said_in_words(phase: Phase, kind: SessionKind, torque: bool, said: str) -> None:
    assert state_now(in_phase(phase, kind), Telemetry(at=0.0, torque=torque))[0] == said


def test_of_an_arm_that_does_not_answer_nothing_is_claimed() -> None:
    silent = ev.AlarmRaised(source=AlarmSource.FOLLOWER, text="the follower does not answer")
    said, tone = state_now(in_phase(Phase.HELD, SessionKind.BENCH, silent), Telemetry(at=0.0))
    assert said == "it does not answer: pose and torque not known" and tone is Tone.DANGER
    assert "not known" in state_now(in_phase(Phase.STARTING), None)[0]


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (seen(Phase.RESTED, False, at_rest=True), "last seen at rest, torque off, 14:21"),
        (seen(Phase.RELEASED, False), "last seen limp, torque off, 14:21"),
        (seen(Phase.READY, True), "last seen following the leader, torque on, 14:21"),
        (seen(Phase.HELD, None), "last seen held where it stands, torque not known, 14:21"),
    ],
)
def test_an_arm_that_nobody_has_was_last_seen(left: LastSeen, said: str) -> None:
    assert state_then(left, NOW) == said
    view = arm_view(bench(last=left))
    assert view.word == "NO SESSION" and view.state == said
    assert "after recording cubes by tg" in plain(view.parts)
    assert plain(view.sentence).count("H starts a session that holds it and looks") == 1


def test_after_a_crash_the_arm_may_still_hold() -> None:
    crashed = seen(Phase.READY, True, status=SessionStatus.CRASHED)
    view = arm_view(bench(last=crashed))
    assert view.state_tone is Tone.WARNING
    assert plain(view.parts).startswith("it may still hold · its worker vanished")


def test_an_arm_that_was_never_seen_is_not_called_anything() -> None:
    assert arm_view(bench()).state == "not known: no session here has had this arm yet"
    assert arm_view(bench(read=False)).state.startswith("reading the log")


def test_who_has_the_arm_is_said_with_the_keys_that_get_at_it() -> None:
    snapshot = in_phase(Phase.READY, SessionKind.RECORD, dataset="stack_cubes", operator="bo")
    holder = Running(RunFolder(Path("/runs/x")), snapshot)
    view = arm_view(bench(holder=holder, last=seen(Phase.RESTED, False)))
    assert (view.word, view.state) == ("IN USE", "following the leader, torque on")
    assert "bo records stack_cubes since 14:20" in plain(view.parts)
    assert "a attaches" in plain(view.sentence) and "Esc x stops it" in plain(view.sentence)
    for further, said in (((), "bo evaluates policy A since"), (("B",), "bo compares 2 policies since")):
        trying = in_phase(Phase.RESTED, SessionKind.EVAL, checkpoint="A", further_checkpoints=further, operator="bo")
        assert said in plain(arm_view(bench(holder=Running(RunFolder(Path("/runs/x")), trying))).parts)


def test_why_a_session_did_not_start_is_said_by_the_arm() -> None:
    end = ev.SessionEnded(status=SessionStatus.ABORTED, reason="the leader is missing: plug it in")
    view = arm_view(bench(snapshot=in_phase(Phase.STARTING, SessionKind.BENCH, end)))
    assert view.word == "ABORTED" and "the leader is missing: plug it in" in plain(view.parts)


def test_no_key_is_offered_that_does_nothing_there() -> None:
    """No leader, no rest pose: nothing teleoperates, nothing goes to rest. `N` and `F2` are other screens' keys."""
    bare = Profile(robot={"type": "so101_follower"}, name="bare")
    assert [str(offer.key) for offer in arm_view(bench(profile=bare)).offers] == ["H"]
    crashed = ev.SessionEnded(status=SessionStatus.CRASHED, reason="the worker vanished")
    for kind in (SessionKind.RECORD, SessionKind.EVAL, SessionKind.BENCH):
        said = plain(arm_view(bench(snapshot=in_phase(Phase.HELD, kind, crashed))).sentence)
        assert "F2" not in said and "N " not in said


# --- times ------------------------------------------------------------------------------------------


def test_a_time_is_a_clock_today_a_day_this_year_and_a_year_before() -> None:
    assert when(NOW - 600, NOW) == "14:20"
    assert when(NOW - 11 * 3600, NOW) == "03:30"
    assert when(NOW - 3 * 86400, NOW) == "14 Feb"
    assert when(NOW - 400 * 86400, NOW) == "2025"
    assert when(0.0, NOW) == "" and when(1e300, NOW) == ""


# --- the list ---------------------------------------------------------------------------------------


def dataset(name: str, accepted: int = 41, target: int = 50, problem: str | None = None) -> DatasetProgress:
    summary = DatasetSummary(
        name, Path("/d") / name, episodes=accepted + 2, accepted=accepted, rejected=2, frames=11_160, fps=30,
        problem=problem,
    )  # fmt: skip
    return DatasetProgress(summary, target, NOW - 600)


def evaluation(number: int, successes: int, failures: int) -> Any:
    verdicts = [Verdict.SUCCESS] * successes + [Verdict.FAILURE] * failures
    trials = tuple(Trial(index=n, verdict=verdict) for n, verdict in enumerate(verdicts, 1))
    return facts.session(session_id(number), kind=SessionKind.EVAL, trials=trials)


def full_board(datasets: int = 8, sessions: int = 60) -> Board:
    training = facts.training(done=3_210, loss=0.0412, checkpoints=(facts.checkpoint_saved(3_000),))
    run = facts.session(session_id(2), kind=SessionKind.TRAIN, training=training)
    running = Running(RunFolder(Path("/runs") / session_id(9)), in_phase(Phase.READY, SessionKind.RECORD))
    return Board(
        runs=Runs((running,)),
        datasets=tuple(dataset(f"cubes_{n}") for n in range(datasets)),
        trainings=(TrainingResult(run, Tried(3_000, 12, 20)),),
        evaluations=(evaluation(3, 12, 8),),
        sessions=tuple(facts.session(session_id(10 + n)) for n in range(sessions)),
    )


def rows(board: Board, width: int = 80, height: int = 60) -> list[str]:
    return [entry.row.plain for entry in entries(board, Look(width, (), NOW), height)]


def test_what_can_be_attached_to_comes_first_and_each_has_its_numbers() -> None:
    found = rows(full_board())
    assert found[0].strip() == "running" and "ready" in found[1]
    text = "\n".join(found)
    assert "████████░░ 41/50      6.2 min         2   14:20" in text, text
    assert "3,210/20k   0.0412   003000  003000 12/20" in text
    assert "12/20   60 % [39, 78]" in text


@pytest.mark.parametrize("height", [8, 20, 34, 55])
def test_the_list_fills_the_room_and_keeps_three_of_each(height: int) -> None:
    found = entries(full_board(), Look(80, (), NOW), height)
    listed = [entry for entry in found if entry.target is not None]
    assert sum(isinstance(entry.target, DatasetProgress) for entry in listed) >= 3
    assert len(found) <= max(height, 5 + 1 + 3 + 1 + 1 + 3)
    if height >= 34:
        assert len(found) == height


@pytest.mark.parametrize("width", [30, 44, 56, 64, 76, 98])
def test_columns_stand_below_their_headings_and_go_by_importance(width: int) -> None:
    found = rows(full_board(), width)
    assert all(len(row) <= width for row in found if "cubes_" in row or "act_v2" in row)
    heading = next(row for row in found if row.startswith("datasets"))
    row = next(row for row in found if "cubes_0" in row)
    assert "41/50" in row, "the count is never dropped"
    if "last" in heading:
        assert heading.rindex("last") + 4 == row.rindex("14:20") + 5


def test_a_dataset_that_cannot_be_used_says_why() -> None:
    board = Board(datasets=(dataset("torn", problem="meta/info.json is torn: it is no JSON"),))
    assert "⚠ torn  meta/info.json is torn: it is no JSON" in rows(board)[1]


def test_a_dataset_without_a_target_shows_its_count_and_no_bar() -> None:
    (row,) = [row for row in rows(Board(datasets=(dataset("plain", target=0),))) if "plain" in row]
    assert " 41 " in row and "/" not in row and "░" not in row


def test_headings_cannot_be_chosen_and_keys_are_unique() -> None:
    found = entries(full_board(), Look(80, (), NOW), 60)
    names = [entry.key for entry in found if entry.target is not None]
    assert len(set(names)) == len(names) and all(names)
    assert not any(entry.key for entry in found if entry.target is None)


# --- first steps ------------------------------------------------------------------------------------


def test_the_first_steps_are_three_numbered_lines_with_their_keys() -> None:
    said = [line.plain for line in first_steps(sim_profile(), 90)]
    assert [line.split()[:3] for line in said[1:4]] == [
        ["1", "F3", "record"],
        ["2", "F4", "train"],
        ["3", "F5", "evaluate"],
    ]
    assert "simulated" in said[-2] and "calibrat" not in "\n".join(said)


def test_a_real_bench_is_told_what_comes_before() -> None:
    robot = {"type": "so101_follower", "port": "/dev/ttyACM0"}
    real = msgspec.structs.replace(sim_profile(), robot=robot, sim=None, motion=type(sim_profile().motion)())
    said = " ".join(" ".join(line.plain for line in first_steps(real, 60)).split())
    assert "lerobot-calibrate" in said and "lab-console rest --teach" in said
    taught = msgspec.structs.replace(real, motion=sim_profile().motion)
    assert "rest --teach" not in " ".join(line.plain for line in first_steps(taught, 60))


def test_nothing_from_outside_is_markup_or_control() -> None:
    nasty = "\x1b[31m[b]x[/b]\n"
    board = Board(datasets=(dataset(nasty), dataset("y", problem=nasty)))
    assert "\x1b" not in "".join(rows(board)) and "[b]x[/b]" in "".join(rows(board))
    assert os.linesep not in "".join(rows(board))


def test_what_starts_again_is_a_key_of_the_screen_that_says_so() -> None:
    """`N` is a new run on Train and nothing on Bench; `F2, then H` on Bench itself leads nowhere."""
    assert keys.starts_again(SessionKind.EVAL, "evaluate") == "N starts again"
    assert keys.starts_again(SessionKind.EVAL, "bench") == "F5, then N starts again"
    assert keys.starts_again(SessionKind.RECORD, "train") == "F3, then N starts again"
    assert keys.starts_again(SessionKind.BENCH, "bench") == "H holds the arm"
    assert keys.starts_again(SessionKind.BENCH) == "F2, then H holds the arm"
