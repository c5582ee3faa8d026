"""Which session a person means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live.event_log import EventLog
from services.log import logbook
from services.log.lookup import choose, find
from services.log.problem import LogbookProblem
from services.refusal import Refusal
from sessions.models import SessionStatus
from tests.support.runs import make_folder, saved, session_id, started, write_run

IDS = ["20260217-142001-0001", "20260217-142002-0002", "20260217-150000-0003"]


@pytest.mark.parametrize(
    ("wanted", "meant"), [(IDS[0], IDS[0]), ("20260217-15", IDS[2]), ("20260217-142002", IDS[1]), ("last", IDS[2])]
)
def test_an_id_its_beginning_or_last_names_a_session(wanted: str, meant: str) -> None:
    assert choose(wanted, IDS, "/data") == meant


def test_an_id_that_is_the_beginning_of_another_names_its_own() -> None:
    assert choose("abc", ["abc", "abcd"], "/data") == "abc"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("2025", "no session of /data begins with '2025'; `lab-console sessions` lists them"),
        ("", "no session of /data begins with ''"),
        ("../x\x1b[31m", "begins with '../x'"),
        ("20260217-14", f"'20260217-14' fits 2 sessions ({IDS[1]}, {IDS[0]}): give more of the id"),
    ],
)
def test_what_names_none_or_several_is_refused_with_what_to_do(wanted: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        choose(wanted, IDS, "/data")
    assert said in str(refused.value)


def test_many_that_fit_are_not_all_named() -> None:
    with pytest.raises(Refusal, match=r"fits 30 sessions \((\S+, ){5}\.\.\.\)"):
        choose("2026", [session_id(n) for n in range(30)], "/data")


def test_a_log_without_sessions_says_so(tmp_path: Path) -> None:
    for folder in (make_folder(tmp_path), DataFolder(tmp_path / "nowhere")):
        with pytest.raises(Refusal, match="no sessions yet in"):
            find(folder, "last")
    assert not (tmp_path / "nowhere").exists()


def test_a_session_that_runs_is_found_with_what_it_has_said_by_now(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    write_run(folder, session_id(1))
    run = write_run(folder, session_id(2), started(session_id(2)))
    with EventLog(run) as log:
        assert find(folder, "last").session.episodes == ()
        log.append(saved(0))
        found = find(folder, session_id(2))
    assert found.session.status is SessionStatus.RUNNING and len(found.session.episodes) == 1
    assert not found.message


def unreadable(folder: DataFolder, number: int) -> None:
    """Nobody reads a folder as a file, not even root."""
    events = folder.run(session_id(number)).events
    events.unlink(missing_ok=True)
    events.mkdir(parents=True)


def test_a_session_whose_events_cannot_be_read_any_more_is_as_the_log_kept_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    write_run(folder, session_id(1))
    logbook.sessions(folder)
    unreadable(folder, 1)
    found = find(folder, "last")
    assert len(found.session.episodes) == 2
    assert f"the events of session {session_id(1)} cannot be read" in found.message
    assert "this is what the log kept of it before" in found.message


def test_a_session_whose_events_never_could_be_read_is_a_problem_that_names_them(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    write_run(folder, session_id(1))
    unreadable(folder, 2)
    with pytest.raises(LogbookProblem, match=f"{session_id(2)} cannot be read .*events.jsonl: Not a file"):
        find(folder, "last")
    assert find(folder, session_id(1)).session.id == session_id(1), "the others are found"


def test_a_session_that_has_no_events_says_why(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    run = folder.run(session_id(1))
    run.root.mkdir()
    with pytest.raises(LogbookProblem, match=r"has no events yet: its worker is starting.*worker\.log"):
        find(folder, "last")
    run.events.write_text("not an event\n")
    with pytest.raises(LogbookProblem, match="holds nothing that this version"):
        find(folder, "last")


def test_a_session_whose_run_is_gone_is_found_in_the_log(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    run = write_run(folder, session_id(1))
    logbook.sessions(folder)
    run.events.unlink()
    run.root.rmdir()
    assert find(folder, "last").session.id == session_id(1)


def test_a_pipe_in_the_place_of_a_sessions_events_is_not_waited_for(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    run = folder.run(session_id(1))
    run.events.parent.mkdir(parents=True)
    os.mkfifo(run.events)
    with pytest.raises(LogbookProblem, match="Not a file"):
        find(folder, session_id(1))
