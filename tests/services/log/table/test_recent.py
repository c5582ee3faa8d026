"""What Bench reads of a long log: the newest sessions, and the newest recording of each dataset however old."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.log import logbook
from services.log.past import read_past
from services.log.problem import LogbookProblem
from services.log.table.recent import of_kind, recent
from sessions.models import SessionKind
from sessions.store import SessionStore
from tests.support.runs import BEGAN, ended, make_folder, saved, session_id, started, write_run

IDS = [session_id(n) for n in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = make_folder(tmp_path)
    for n, name in enumerate(IDS):
        begin = started(name, at=BEGAN + n, dataset="old" if n < 2 else "new" if n < 4 else "newest")
        write_run(made, name, begin, saved(1), ended())
    return made


@pytest.mark.parametrize("packed", [False, True])
def test_the_newest_are_read_and_older_ones_only_of_datasets_that_these_lack(folder: DataFolder, packed: bool) -> None:
    logbook.sessions(folder)
    if packed:
        with SessionStore(folder.sessions_file) as store:
            assert store.pack(above=0, to=0) == len(IDS)
    assert [s.id for s in recent(folder, [], 3).sessions] == IDS[:2:-1]
    assert [s.id for s in recent(folder, ["old", "newest", "nowhere"], 3).sessions] == [*IDS[:2:-1], IDS[1]]
    assert recent(folder, ["old"]).sessions == logbook.sessions(folder).sessions


def test_a_damaged_session_is_read_again_and_told(folder: DataFolder) -> None:
    before = logbook.sessions(folder).sessions
    content = json.loads(folder.sessions_file.read_bytes())
    content["sessions"][IDS[5]] = {"started": 1}
    folder.sessions_file.write_text(json.dumps(content))
    book = recent(folder, ["old"], 2)
    assert book.sessions == (*before[:2], before[4]) and "cannot be read" in str(book.message)


def test_a_form_counts_the_accepted_episodes_of_each_task_once(folder: DataFolder) -> None:
    write_run(folder, session_id(9), started(session_id(9), task="stack"), saved(1), saved(2), ended())
    past = read_past(folder)
    assert past.accepted["stack"] == 2 and past.accepted.get("fold", 0) == 0
    assert past.accepted is past.accepted


@pytest.mark.parametrize("packed", [False, True])
def test_of_one_kind_only_its_sessions_are_decoded_newest_first(folder: DataFolder, packed: bool) -> None:
    for n in (10, 11):
        begin = started(session_id(n), at=BEGAN + n, kind=SessionKind.TRAIN)
        write_run(folder, session_id(n), begin, ended())
    logbook.sessions(folder)
    if packed:
        with SessionStore(folder.sessions_file) as store:
            store.pack(above=0, to=0)
    assert [s.id for s in of_kind(folder, SessionKind.TRAIN)] == [session_id(11), session_id(10)]
    assert [s.id for s in of_kind(folder, SessionKind.RECORD)] == IDS[::-1]
    assert not list(of_kind(folder, SessionKind.EVAL))
    content = json.loads(folder.sessions_file.read_bytes())
    content["sessions"][session_id(11)] = {"started": {"request": {"type": "train"}}}
    folder.sessions_file.write_text(json.dumps(content))  # with spaces, as a stock TinyDB writes it
    assert [s.id for s in of_kind(folder, SessionKind.TRAIN)] == [session_id(10)]
    folder.sessions_file.write_text('{"schema": {"1": {"version": 9}}}')
    with pytest.raises(LogbookProblem):
        of_kind(folder, SessionKind.TRAIN)
