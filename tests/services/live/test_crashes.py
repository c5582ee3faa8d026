"""What a worker that vanished left: its end is told once, and the marks learn of its last verdict."""

from __future__ import annotations

import multiprocessing as mp
from pathlib import Path

import pytest

from services.datasets.lock import dataset_lock
from services.datasets.marks import Mark, read_marks, write_mark
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, read_events
from services.live.snapshots import replay
from sessions.models import SessionKind, SessionStatus, Verdict
from tests.support.runs import BEGAN, make_folder, saved, session_id, started, write_run

ID = session_id(1)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def test_a_vanished_workers_run_is_closed_once_and_dated_at_its_last_sign_of_life(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID), saved(0))
    first = close_crashed(run)
    assert (first.status, first.ended_at) == (SessionStatus.CRASHED, BEGAN + 1)
    assert close_crashed(run) == first == replay(read_events(run.events))
    assert len(read_events(run.events)) == 3


def test_a_torn_line_does_not_keep_a_run_from_being_closed(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID))
    with run.events.open("ab") as file:
        file.write(b'{"type":"EpisodeSaved","seq":2,')
    assert close_crashed(run).status is SessionStatus.CRASHED
    assert [e.seq for e in read_events(run.events)] == [1, 2]


def test_a_live_run_is_left_alone(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID))
    with EventLog(run):
        assert close_crashed(run).running
    assert len(read_events(run.events)) == 1


def test_a_run_that_ended_or_never_began_is_not_written_to(folder: DataFolder) -> None:
    silent = folder.run(ID)
    silent.root.mkdir()
    assert close_crashed(silent).started is None
    assert not silent.events.exists()
    finished = write_run(folder, session_id(2))
    before = finished.events.read_bytes()
    assert close_crashed(finished).status is SessionStatus.FINISHED
    assert finished.events.read_bytes() == before


def test_ten_processes_that_find_a_crash_close_it_once(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID))
    finders = [mp.get_context("fork").Process(target=close_crashed, args=(run,)) for _ in range(10)]
    for finder in finders:
        finder.start()
    for finder in finders:
        finder.join(20)
    assert [f.exitcode for f in finders] == [0] * 10
    assert [type(e) for e in read_events(run.events)] == [ev.SessionStarted, ev.SessionEnded]


# --- marks of rollouts --------------------------------------------------------------------------


@pytest.fixture
def rollouts(folder: DataFolder) -> Path:
    """Two rollouts whose marks know of no verdict."""
    root = folder.datasets / "rollout_a"
    root.mkdir()
    for index in range(2):
        write_mark(root, index, Mark(accepted=False, session=ID, take=index + 1, flags=("stopped",)))
    return root


def vanished(folder: DataFolder, root: Path, *verdicts: ev.Event) -> RunFolder:
    """An evaluation of two saved trials whose worker told `verdicts` last."""
    trials = [
        e
        for take in (1, 2)
        for e in (ev.TakeStarted(take=take), ev.TakeEnded(take=take, frames=9, reason="time"), saved(take - 1))
    ]
    return write_run(
        folder, ID, started(ID, kind=SessionKind.EVAL, data_dir=str(folder.root), dataset=root.name), *trials, *verdicts
    )


def test_a_verdict_that_reached_the_events_only_reaches_the_marks(folder: DataFolder, rollouts: Path) -> None:
    run = vanished(folder, rollouts, ev.TrialJudged(trial=2, verdict=Verdict.SUCCESS))
    state = close_crashed(run)
    assert read_marks(rollouts)[1] == Mark(session=ID, take=2, flags=("stopped",), verdict=Verdict.SUCCESS)
    assert read_marks(rollouts)[0].verdict is None
    assert [e.accepted for e in state.episodes] == [True, True] and state.status is SessionStatus.CRASHED
    size = run.events.stat().st_size
    assert close_crashed(run) == state and run.events.stat().st_size == size


def test_a_verdict_that_was_taken_back_is_taken_out_of_the_marks(folder: DataFolder, rollouts: Path) -> None:
    write_mark(rollouts, 0, Mark(session=ID, take=1, verdict=Verdict.SUCCESS))
    close_crashed(
        vanished(folder, rollouts, ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS), ev.VerdictUndone(trial=1))
    )
    assert (read_marks(rollouts)[0].verdict, read_marks(rollouts)[0].accepted) == (None, False)


def test_marks_that_a_person_changed_since_and_other_sessions_stay(folder: DataFolder, rollouts: Path) -> None:
    kept = Mark(accepted=False, session=ID, take=1, verdict=Verdict.SUCCESS), Mark(session="another", take=4)
    for index, mark in enumerate(kept):
        write_mark(rollouts, index, mark)
    told = [ev.TrialJudged(trial=trial, verdict=Verdict.SUCCESS) for trial in (1, 2)]
    close_crashed(vanished(folder, rollouts, *told))
    assert tuple(read_marks(rollouts)[index] for index in range(2)) == kept


def test_rollouts_in_use_or_gone_do_not_keep_a_run_from_being_closed(folder: DataFolder, rollouts: Path) -> None:
    run = vanished(folder, rollouts, ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS))
    before = run.events.read_bytes()
    with dataset_lock(rollouts, "somebody"):
        assert close_crashed(run).status is SessionStatus.CRASHED
    assert read_marks(rollouts)[0].verdict is None
    run.events.write_bytes(before)
    (rollouts / "lab-console.json").unlink()
    rollouts.rmdir()
    assert close_crashed(run).status is SessionStatus.CRASHED
    assert not rollouts.exists()
