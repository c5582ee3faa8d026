"""What runs, and who has the arm of a bench; a run that cannot be read keeps no other from being found."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.bench.profiles import Profile, load_benches
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, is_live
from services.live.requests import BenchRequest, Purpose, TrainRequest, write_request
from services.live.running import find_runs, live_runs
from services.log import logbook
from services.log.board import BoardReader
from sessions.models import SessionKind
from tests.support.fake_desk import sim_profile
from tests.support.runs import make_folder, session_id, started, write_run


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def alive(folder: DataFolder, number: int, kind: SessionKind, bench: str = "", *, told: bool = True) -> EventLog:
    """A run whose worker lives; not `told`: it has not said yet what it is, its request does."""
    run = folder.run(session_id(number))
    run.root.mkdir(parents=True)
    if kind is SessionKind.TRAIN:
        write_request(run, TrainRequest(data_dir=str(folder.root), dataset="cubes", policy="act", name="a", steps=1))
    elif not told:
        write_request(run, BenchRequest(data_dir=str(folder.root), profile=sim_profile(), purpose=Purpose.HOLD))
    log = EventLog(run)
    if told:
        log.append(started(session_id(number), kind=kind, bench=bench))
    return log


# --- who has the arm ----------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_a_training_has_no_arm(folder: DataFolder, told: bool) -> None:
    with alive(folder, 1, SessionKind.TRAIN, told=told):
        runs = find_runs(folder)
        assert len(runs.running) == 1 and runs.holder_of_arm(None) is None


@pytest.mark.parametrize("told", [True, False])
def test_the_session_beside_a_training_has_the_arm_of_its_bench(folder: DataFolder, told: bool) -> None:
    with alive(folder, 1, SessionKind.BENCH, "sim", told=told), alive(folder, 2, SessionKind.TRAIN):
        runs = find_runs(folder)
        for bench in (None, sim_profile()):
            holder = runs.holder_of_arm(bench)
            assert holder is not None and holder.run.id == session_id(1)
        assert runs.holder_of_arm(real("so101")) is None
        assert runs.holder_of_arm(sim_profile(), but=[session_id(1)]) is None


def real(name: str, port: str = "/dev/null", **more: object) -> Profile:
    return Profile(name=name, robot={"type": "so101_follower", "port": port, **more})


def test_a_bench_of_another_name_with_the_same_arm_is_held_too(folder: DataFolder, tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to("/dev/null")
    camera = {"type": "opencv", "index_or_path": 0}
    there = real("so101", str(link), cameras={"top": camera})
    with EventLog(folder_of(folder, 1)) as log:
        log.append(started(session_id(1), kind=SessionKind.BENCH, profile=there))
        runs = find_runs(folder)
        holder = runs.holder_of_arm(real("so101-nocam"))
        assert holder is not None and holder.run.id == session_id(1) and holder.profile == there
        assert runs.holder_of_arm(real("another", "/dev/zero", cameras={"top": camera})) is None, "a shared camera"


@pytest.mark.parametrize("told", [True, False])
def test_the_simulated_benches_of_a_folder_are_one_arm(folder: DataFolder, told: bool) -> None:
    asked = BenchRequest(data_dir=str(folder.root), profile=sim_profile(), purpose=Purpose.HOLD)
    run = folder_of(folder, 1)
    write_request(run, asked)
    with EventLog(run) as log:
        if told:
            log.append(ev.SessionStarted(id=session_id(1), request=asked, pid=1, host="robot"))
        runs = find_runs(folder)
        for name in load_benches(built_in=True).profiles:
            holder = runs.holder_of_arm(load_benches(built_in=True).pick(name))
            assert holder is not None and holder.run.id == session_id(1), name
        assert runs.holder_of_arm(real("so101")) is None


def folder_of(folder: DataFolder, number: int) -> RunFolder:
    run = folder.run(session_id(number))
    run.root.mkdir(parents=True)
    return run


def test_a_session_that_nothing_is_known_of_may_have_any_arm(folder: DataFolder) -> None:
    with alive(folder, 1, SessionKind.EVAL, told=False):
        folder.run(session_id(1)).request.unlink()
        assert find_runs(folder).holder_of_arm(real("so101")) is not None


# --- runs that cannot be read -------------------------------------------------------------------


def spoil(run: RunFolder, how: str) -> None:
    run.events.unlink(missing_ok=True)
    if how == "folder":
        run.events.mkdir()
    elif how == "loop":
        run.events.symlink_to(run.events)
    else:
        os.mkfifo(run.events)


@pytest.mark.parametrize(
    ("how", "why"), [("folder", "Not a file"), ("loop", "Too many levels"), ("pipe", "Not a file")]
)
def test_the_others_are_found_and_it_is_said_which_cannot_be_read(folder: DataFolder, how: str, why: str) -> None:
    ended, bad = write_run(folder, session_id(1)), write_run(folder, session_id(2))
    spoil(bad, how)
    with alive(folder, 3, SessionKind.BENCH, "sim"):
        assert not is_live(bad)
        assert [run.id for run in live_runs(folder)] == [session_id(3)]
        runs = find_runs(folder)
        assert [item.run.id for item in runs.running] == [session_id(3)]
        assert [item.run for item in runs.unreadable] == [bad]
        book = logbook.sessions(folder)
        assert [session.id for session in book.sessions] == [session_id(3), ended.id]
        shown = BoardReader(folder).read(sim_profile())
        assert [item.run.id for item in shown.runs.running] == [session_id(3)]
        for told in (runs.problem, book.message, shown.problem):
            assert told and f"run {bad.id} cannot be read (" in told
            assert re.search(why, told)


def test_several_are_counted_and_the_newest_is_named(folder: DataFolder) -> None:
    for number in (1, 2, 3):
        spoil(write_run(folder, session_id(number)), "folder")
    assert f"run {session_id(3)} and 2 more cannot be read" in find_runs(folder).problem


def test_a_run_that_can_be_read_again_is_said_no_more(folder: DataFolder) -> None:
    run = write_run(folder, session_id(1))
    whole = run.events.read_bytes()
    spoil(run, "folder")
    assert logbook.sessions(folder).message
    run.events.rmdir()
    run.events.write_bytes(whole)
    book = logbook.sessions(folder)
    assert book.message is None and len(book.sessions) == 1


@contextmanager
def another_user(folder: DataFolder) -> Iterator[None]:
    for parent in folder.root.parents:
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
@pytest.mark.parametrize("closed", ["events", "folder"])
def test_another_users_closed_run_is_left_out(folder: DataFolder, closed: str) -> None:
    mine, theirs = write_run(folder, session_id(1)), write_run(folder, session_id(2))
    (theirs.events if closed == "events" else theirs.root).chmod(0)
    with EventLog(mine), EventLog(theirs), another_user(folder):
        assert [item.run.id for item in find_runs(folder).running] == [mine.id]
        assert f"run {theirs.id} cannot be read (Permission denied)" in find_runs(folder).problem
