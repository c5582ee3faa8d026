"""The scribe: what the events tell stands in sessions.json, soon, once, whatever breaks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, read_events
from services.live.snapshots import replay
from services.log import damage, logbook, tail
from services.log import scribe as scribe_module
from services.log.documents import document
from services.log.scribe import Scribe, fold, rebuild
from services.log.tail import Tail
from sessions.document import Session
from sessions.models import SessionStatus
from sessions.store import SessionStore, StoreProblem
from tests.sessions.test_store import full_disk, read_only
from tests.support.runs import BEGAN, ended, make_folder, numbered, saved, session_id, started, write_run

ID = session_id(1)
SOON_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def stored(folder: DataFolder) -> list[Session]:
    with SessionStore(folder.sessions_file) as store:
        return store.all()


def one(folder: DataFolder, session: str = ID) -> Session:
    with SessionStore(folder.sessions_file) as store:
        found = store.get(session)
    assert found is not None
    return found


def told(run: RunFolder) -> Session:
    """What the events say."""
    return document(replay(read_events(run.events)))


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


# --- one pass -----------------------------------------------------------------------------------


def test_a_pass_tells_every_run(folder: DataFolder) -> None:
    runs = [write_run(folder, session_id(n)) for n in (1, 2, 3)]
    assert fold(folder) == ""
    assert stored(folder) == sorted((told(run) for run in runs), key=lambda s: s.id, reverse=True)


def test_a_folder_without_runs_stays_as_it_is(tmp_path: Path) -> None:
    assert fold(DataFolder(tmp_path / "nowhere")) == ""
    assert list(tmp_path.iterdir()) == []


def test_finished_runs_are_read_once(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        write_run(folder, session_id(n))
    fold(folder)
    written = folder.sessions_file.stat().st_ino

    def read(tail: Tail) -> None:
        raise AssertionError(f"{tail.run.id} was read again")

    monkeypatch.setattr(Tail, "read", read)
    assert fold(folder) == ""
    assert folder.sessions_file.stat().st_ino == written


def test_a_finished_run_with_a_later_note_is_read_again(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    write_run(folder, session_id(2))
    fold(folder)
    with EventLog(run) as log:
        log.append(ev.NoteAdded(text="belt slipped"))
    fold(folder)
    assert [n.text for n in one(folder).notes] == ["belt slipped"]


def test_a_vanished_workers_run_is_told_as_crashed(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID), saved(0))
    fold(folder)
    assert (one(folder).status, one(folder).ended_utc) == (SessionStatus.CRASHED, "2026-02-17T14:20:01Z")
    assert replay(read_events(run.events)).status is SessionStatus.CRASHED


def test_a_live_run_is_told_as_running_and_not_closed(folder: DataFolder) -> None:
    run = folder.run(ID)
    run.root.mkdir()
    with EventLog(run) as log:
        log.append(started(ID))
        fold(folder)
        assert one(folder).status is SessionStatus.RUNNING
        log.append(ended())
    fold(folder)
    assert one(folder).status is SessionStatus.FINISHED


@pytest.mark.parametrize("left", [b"", b'{"type":"Sess', b"\x00\x00\n", b'{"type":"NoteAdded","seq":1,"text":"x"}\n'])
def test_a_run_whose_worker_died_before_it_began_is_told_as_nothing(folder: DataFolder, left: bytes) -> None:
    run = folder.run(ID)
    run.root.mkdir()
    run.events.write_bytes(left)
    age(run.root, 3600)
    write_run(folder, session_id(2))
    for _ in range(2):
        assert fold(folder) == ""
    assert [s.id for s in stored(folder)] == [session_id(2)]


def test_a_stray_file_and_an_empty_folder_among_the_runs_are_no_runs(folder: DataFolder) -> None:
    (folder.runs / ".DS_Store").write_bytes(b"x")
    (folder.runs / "empty").mkdir()
    age(folder.runs / "empty", 3600)
    write_run(folder, ID)
    with Scribe(folder) as scribe:
        scribe.step()
        assert not scribe.live
    assert len(stored(folder)) == 1


def test_a_copy_of_a_run_beside_it_is_the_same_session(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    shutil.copytree(run.root, run.root.with_name(f"{ID}.bak"))
    assert not fold(folder) and [s.id for s in stored(folder)] == [ID]


def test_one_run_that_cannot_be_read_does_not_hide_the_others(folder: DataFolder) -> None:
    said: list[str] = []
    broken = folder.run(ID)
    (broken.root / "events.jsonl").mkdir(parents=True)
    write_run(folder, session_id(2))
    with Scribe(folder, said.append) as scribe:
        scribe.step()
        scribe.step()
    assert [s.id for s in stored(folder)] == [session_id(2)]
    assert len(said) == 1 and ID in said[0]


def test_a_damaged_log_is_set_aside_and_told_anew(folder: DataFolder) -> None:
    for n in (1, 2):
        write_run(folder, session_id(n))
    fold(folder)
    folder.sessions_file.write_bytes(folder.sessions_file.read_bytes()[:100])
    message = fold(folder)
    assert "sessions.json was damaged" in message and "rebuilt from 2 runs" in message
    kept = next(folder.root.glob("sessions.json.corrupt-*"))
    assert kept.name in message
    assert len(stored(folder)) == 2
    assert fold(folder) == ""


def test_a_damaged_document_is_found_when_it_is_listed(folder: DataFolder) -> None:
    write_run(folder, ID)
    fold(folder)
    text = folder.sessions_file.read_text()
    folder.sessions_file.write_text(text.replace('"status":"finished"', '"status":"fine"'))
    with Scribe(folder) as scribe:
        scribe.step()
        assert [s.status for s in scribe.sessions()] == [SessionStatus.FINISHED]
        assert f"session {ID} cannot be read" in scribe.message and "read again from the run folder" in scribe.message


def spoil(folder: DataFolder, number: int) -> dict[str, Any]:
    """Damage the document of this session; returns what lies there now."""
    document = json.loads(folder.sessions_file.read_bytes())
    document["sessions"][session_id(number)]["ended"] = "?"
    folder.sessions_file.write_text(json.dumps(document))
    return cast("dict[str, Any]", document["sessions"][session_id(number)])


def test_one_damaged_session_hides_no_other_and_is_told_until_it_was_seen(folder: DataFolder) -> None:
    for n in (1, 2, 3):
        write_run(folder, session_id(n))
    fold(folder)
    for n in (1, 2):
        shutil.rmtree(folder.run(session_id(n)).root)
    spoilt = spoil(folder, 1)
    for _ in range(2):
        book = logbook.sessions(folder)
        assert [s.id for s in book.sessions] == [session_id(3), session_id(2)], "archived sessions stay, too"
        assert book.message and "sessions.json.damaged-" in book.message and "run folder" in book.message
    (aside,) = folder.root.glob("sessions.json.damaged-*")
    assert json.loads(aside.read_bytes())["sessions"] == {session_id(1): spoilt}
    damage.mark_shown(folder)
    shown = json.loads((folder.root / damage.SEEN).read_bytes())
    (folder.root / damage.SEEN).write_text(json.dumps({name: at - damage.DAY_S for name, at in shown.items()}))
    assert logbook.sessions(folder).message is None


def test_a_damaged_session_on_a_disk_that_cannot_be_written_is_said_and_left(folder: DataFolder) -> None:
    for n in (1, 2):
        write_run(folder, session_id(n))
    fold(folder)
    spoil(folder, 1)
    before = folder.sessions_file.read_bytes()
    with read_only(folder.root):
        book = logbook.sessions(folder)
    assert [s.id for s in book.sessions] == [session_id(2)]
    assert book.message and f"{session_id(1)} cannot be read" in book.message
    assert folder.sessions_file.read_bytes() == before


def test_a_damaged_fold_mark_only_costs_another_look_at_the_run(folder: DataFolder) -> None:
    for n in (1, 2):
        write_run(folder, session_id(n))
    fold(folder)
    document = json.loads(folder.sessions_file.read_bytes())
    document["folded"][session_id(1)]["size"] = "much"
    document["folded"][session_id(2)] = 7
    folder.sessions_file.write_text(json.dumps(document))
    book = logbook.sessions(folder)
    assert (len(book.sessions), book.message) == (2, None)
    assert not list(folder.root.glob("sessions.json.*-2*"))
    folded = json.loads(folder.sessions_file.read_bytes())["folded"]
    assert all(isinstance(mark["size"], int) for mark in folded.values())


def test_a_deleted_log_comes_back(folder: DataFolder) -> None:
    write_run(folder, ID)
    fold(folder)
    folder.sessions_file.unlink()
    fold(folder)
    assert len(stored(folder)) == 1


def test_a_newer_log_is_left_alone_and_said(folder: DataFolder) -> None:
    write_run(folder, ID)
    content = b'{"schema": {"1": {"version": 99}}}'
    folder.sessions_file.write_bytes(content)
    assert "newer lab console" in fold(folder)
    assert folder.sessions_file.read_bytes() == content


def test_a_rebuild_tells_all_runs_and_keeps_what_has_no_run_any_more(folder: DataFolder) -> None:
    for n in (1, 2):
        write_run(folder, session_id(n))
    fold(folder)
    gone = folder.run(session_id(1))
    gone.events.unlink()
    gone.root.rmdir()
    with SessionStore(folder.sessions_file) as store:
        store.update(session_id(2), lambda s: Session(started=s.started))
    assert rebuild(folder) == 1
    assert [(s.id, len(s.episodes)) for s in stored(folder)] == [(session_id(2), 2), (session_id(1), 2)]


def test_a_rebuild_keeps_what_it_knows_of_a_run_that_cannot_be_read(folder: DataFolder) -> None:
    for n in (1, 2):
        write_run(folder, session_id(n))
    fold(folder)
    events = folder.run(session_id(1)).events
    events.unlink()
    events.mkdir()  # as unreadable as another user's, also for root
    assert rebuild(folder) == 1
    assert {s.id for s in stored(folder)} == {session_id(1), session_id(2)}


def test_the_scribe_rests_while_a_run_cannot_be_read(folder: DataFolder) -> None:
    write_run(folder, ID)
    folder.run(session_id(2)).events.mkdir(parents=True)  # as unreadable as another user's, also for root
    with Scribe(folder) as follower:
        assert follower.step() and session_id(2) in follower.unreadable
        assert not follower.grew()


def test_a_full_disk_is_said_and_made_good_later(folder: DataFolder) -> None:
    write_run(folder, ID)
    fold(folder)
    write_run(folder, session_id(2), started(session_id(2), task="x" * 3000), ended())
    with Scribe(folder) as scribe:
        with full_disk(2_000), pytest.raises(StoreProblem, match="free some disk space"):
            scribe.step()
        assert [s.id for s in scribe.sessions()] == [session_id(2), ID]  # listed from memory meanwhile
        assert len(stored(folder)) == 1
        scribe.step(everything=False)
        assert len(stored(folder)) == 2 and not scribe.unsaved


def test_a_crash_in_a_read_only_folder_is_told_and_not_written(folder: DataFolder) -> None:
    run = write_run(folder, ID, started(ID), saved(0))
    run.events.chmod(0o444)
    before = run.events.read_bytes()
    with read_only(folder.root), Scribe(folder) as scribe:
        with pytest.raises(StoreProblem):
            scribe.step()
        listed = scribe.sessions()
    assert [s.status for s in listed] == [SessionStatus.CRASHED]
    assert run.events.read_bytes() == before


# --- as it grows --------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 900), max_size=6))
def test_a_run_read_in_pieces_torn_anywhere_tells_the_same(tmp_path: Path, cuts: list[int]) -> None:
    history = numbered(started(ID), saved(0), ev.NoteAdded(text="« »"), saved(1), ended())
    data = b"".join(map(ev.encode, history))
    run = RunFolder(tmp_path / ID)
    run.root.mkdir(exist_ok=True)
    tail = Tail(run)
    for cut in [*sorted(cuts), len(data)]:
        run.events.write_bytes(data[:cut])
        tail.read()
        assert tail.snapshot == replay(read_events(run.events))
    assert tail.snapshot == replay(history)


def test_a_run_whose_file_was_replaced_by_a_shorter_one_is_read_from_its_start(folder: DataFolder) -> None:
    run = write_run(folder, ID)
    tail = Tail(run)
    tail.read()
    run.events.write_bytes(ev.encode(numbered(started(ID, task="another"))[0]))
    tail.read()
    assert tail.snapshot == replay(read_events(run.events))


def test_only_what_was_added_is_read(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = folder.run(ID)
    run.root.mkdir()
    seen: list[int] = []
    parse = tail.parse
    monkeypatch.setattr(tail, "parse", lambda data: seen.append(data.count(b"\n")) or parse(data))
    with EventLog(run) as log, Scribe(folder) as scribe:
        log.append(started(ID))
        scribe.step()
        for n in range(3):
            log.append(saved(n))
            scribe.step(everything=False)
        scribe.step(everything=False)
    assert seen == [1, 1, 1, 1]


def test_a_short_pass_knows_of_no_new_run_and_a_full_one_does(folder: DataFolder) -> None:
    with Scribe(folder) as scribe:
        scribe.step()
        write_run(folder, ID)
        assert not scribe.step(everything=False)
        assert scribe.step()


# --- the process --------------------------------------------------------------------------------


def start(folder: DataFolder) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "services.log.scribe", str(folder.root)]
    return subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=SOON_S)
    return process.returncode, output


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


def scribe_works(folder: DataFolder) -> bool:
    lock = scribe_module._exclusive_lock(folder)
    if lock is not None:
        lock.release()
    return lock is None


def test_a_scribe_follows_a_live_run_and_leaves_when_it_is_over(folder: DataFolder) -> None:
    run = folder.run(ID)
    run.root.mkdir()
    process = start(folder)
    until(lambda: scribe_works(folder))
    with EventLog(run) as log:
        log.append(started(ID))
        until(lambda: folder.sessions_file.exists() and len(stored(folder)) == 1)
        for n in range(5):
            log.append(saved(n))
        until(lambda: len(one(folder).episodes) == 5)
        log.append(ended())
        until(lambda: one(folder).status is SessionStatus.FINISHED)
    assert end(process) == (0, "")
    assert one(folder) == told(run)


def test_a_scribe_waits_for_a_worker_that_still_loads(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.run(ID).root.mkdir()
    with Scribe(folder) as scribe:
        scribe.step()
        assert scribe.live
        age(folder.run(ID).root, scribe_module.STARTING_S + 1)
        scribe.step()
        assert not scribe.live


def test_a_scribe_closes_a_run_whose_worker_is_killed(folder: DataFolder) -> None:
    run = folder.run(ID)
    run.root.mkdir()
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        log = EventLog(run)
        log.append(started(ID, at=BEGAN))
        os.write(writing, b"!")
        time.sleep(60)
        os._exit(0)
    os.read(reading, 1)
    process = start(folder)
    try:
        until(lambda: folder.sessions_file.exists() and one(folder).status is SessionStatus.RUNNING)
    finally:
        os.kill(worker, 9)
        os.waitpid(worker, 0)
        os.close(reading)
        os.close(writing)
    until(lambda: one(folder).status is SessionStatus.CRASHED)
    assert end(process) == (0, "")


def test_a_second_scribe_leaves_at_once(folder: DataFolder) -> None:
    run = folder.run(ID)
    run.root.mkdir()
    lock = scribe_module._exclusive_lock(folder)
    assert lock is not None
    try:
        with EventLog(run) as log:
            log.append(started(ID))
            assert end(start(folder)) == (0, "")
    finally:
        lock.release()


def test_a_run_that_begins_while_the_scribe_leaves_is_not_forgotten(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's own scribe meets the lock and leaves; so the one that lets go must look once more."""
    rounds: list[int] = []

    def follow(_: DataFolder, say: object) -> bool:
        rounds.append(1)
        if len(rounds) == 1:
            folder.run(ID).root.mkdir()  # launched now, after the last look
        else:
            age(folder.run(ID).root, 3600)
        return True

    monkeypatch.setattr(scribe_module, "follow", follow)
    assert scribe_module.serve(folder, print)
    assert len(rounds) == 2


def test_a_scribe_says_what_happened_to_a_damaged_log(folder: DataFolder) -> None:
    write_run(folder, ID)
    folder.sessions_file.write_bytes(b"{torn")
    code, output = end(start(folder))
    assert code == 0
    assert "set aside as sessions.json.corrupt-" in output and "rebuilt from 1 run " in output
    assert len(stored(folder)) == 1


def test_a_scribe_that_cannot_write_says_so_once_and_leaves_with_an_error(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(folder, ID, started(ID, task="x" * 3000), ended())
    monkeypatch.setattr(scribe_module, "RETRY_S", 0.5)
    said: list[str] = []
    with full_disk(2_000):
        assert not scribe_module.follow(folder, said.append)
    assert len(said) == 1 and "cannot be written" in said[0]


def test_a_scribe_without_a_folder_says_so(tmp_path: Path) -> None:
    code, output = end(start(DataFolder(tmp_path / "nowhere")))
    assert code == 1 and "nowhere" in output
    assert not (tmp_path / "nowhere").exists()


def test_what_tells_the_log_nothing_is_not_written_while_a_run_goes_on(folder: DataFolder) -> None:
    run = folder.run(ID)
    run.root.mkdir(parents=True)
    with EventLog(run) as log, Scribe(folder) as follower:
        for event in (started(ID), saved(0)):
            log.append(event)
        assert follower.step()
        before = folder.sessions_file.read_bytes()
        log.append(ev.PhaseChanged(phase="idle"))
        log.append(ev.TakeStarted(take=2))
        assert follower.grew() and not follower.step() and folder.sessions_file.read_bytes() == before
        assert not follower.grew() and follower.live
        log.append(saved(1))
        assert follower.step(everything=False)
        (session,) = follower.sessions()
        assert len(session.episodes) == 2 and session.last_seq == 5
        folder.sessions_file.unlink()
        log.append(ev.PhaseChanged(phase="idle"))
        assert follower.step() and folder.sessions_file.exists(), "a log that was removed is written anew"
        log.append(ev.PhaseChanged(phase="done"))
        log.append(ended())
    assert logbook.sessions(folder).sessions[0].last_seq == 8


def test_a_lost_log_of_many_runs_is_built_in_several_writes_and_listed_though_the_disk_is_full(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scribe_module, "AT_ONCE", 2)
    names = [session_id(n) for n in range(1, 6)]
    for name in names:
        write_run(folder, name)
    with Scribe(folder) as follower, full_disk(200):
        with pytest.raises(StoreProblem):
            follower.step()
        assert follower.unsaved.keys() == set(names)
        assert {s.id for s in follower.sessions()} == set(names)
    with Scribe(folder) as follower:
        assert follower.step() and not follower.unsaved and not follower.step()
        assert {s.id for s in follower.sessions()} == set(names)
