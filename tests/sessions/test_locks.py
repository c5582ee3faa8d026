"""Locks: one at a time, whoever asks learns who holds it, and no child keeps what its parent lets go."""

from __future__ import annotations

import fcntl
import json
import multiprocessing as mp
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sessions.locks import Holder, Lock, LockBusy, holder_of, is_held, this_process, user_name
from tests import ROOT

HOLD = """
import sys
from pathlib import Path
from sessions.locks import Lock, this_process
lock = Lock(Path(sys.argv[1]), this_process(session="20260217-142001-aaaa", bench="so101", operator="bo"))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


@pytest.fixture
def other(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


# --- one at a time ------------------------------------------------------------------------------


def test_a_lock_is_held_once_also_within_a_process(path: Path) -> None:
    with Lock(path):
        assert is_held(path)
        with pytest.raises(LockBusy):
            Lock(path)
    assert not is_held(path)
    Lock(path).release()


def test_releasing_twice_frees_nobody_elses(path: Path) -> None:
    first = Lock(path)
    first.release()
    with Lock(path):
        first.release()
        assert is_held(path)


def test_patience_waits_for_a_holder_that_leaves_and_not_for_ever(path: Path, other: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    with pytest.raises(LockBusy):
        Lock(path, patience_s=0.1)
    assert 0.1 <= time.monotonic() - began < 5
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -9 {other.pid}"])
    with Lock(path, patience_s=20):
        assert holder_of(path) == this_process_since(path)
    killer.wait()


def this_process_since(path: Path) -> Holder:
    return msgspec.structs.replace(this_process(), since=msgspec.json.decode(path.read_bytes(), type=Holder).since)


def test_a_file_that_is_open_already_is_locked_and_not_written_to(path: Path) -> None:
    path.write_text("content")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    with Lock(path, opened=descriptor) as lock:
        assert lock.descriptor == descriptor and is_held(path)
    assert path.read_text() == "content" and not is_held(path)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


# --- who holds it -------------------------------------------------------------------------------


def test_who_meets_a_held_lock_learns_by_whom(path: Path, other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(LockBusy) as busy:
        Lock(path)
    holder = busy.value.holder
    assert (holder.pid, holder.user, holder.session) == (other.pid, user_name(), "20260217-142001-aaaa")
    assert holder == holder_of(path) and abs(holder.since - time.time()) < 60
    clock = time.strftime("since %H:%M %Z", time.localtime(holder.since))
    assert str(holder) == (
        f"session 20260217-142001-aaaa (bench so101, operator bo, user {user_name()}, pid {other.pid}, {clock})"
    )


def test_a_free_lock_has_no_holder_and_asking_makes_no_file(path: Path) -> None:
    assert holder_of(path) is None and not is_held(path)
    assert not path.exists()
    Lock(path).release()
    assert holder_of(path) is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"pid": 7, "user": "bo", "session": "session s of bo, pid 7", "since": 1.0},
            "session s of bo, pid 7 (user bo",
        ),
        (
            {"pid": 7, "user": "bo", "host": "lab", "session": "s", "bench": "b", "since": 1.0},
            "session s (bench b, user",
        ),
        (
            {"pid": 7, "user": "bo", "host": "lab", "colour": "red", "since": 1.0},
            "another process (user bo, pid 7, host",
        ),
        ([], "another process"),
    ],
)
def test_what_other_versions_write_is_understood(path: Path, written: object, said: str) -> None:
    """Versions before and after this one, a program of somebody's own."""
    path.write_text(json.dumps(written))
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert str(holder_of(path)).startswith(said)


# --- files --------------------------------------------------------------------------------------


def test_the_file_is_everybodys_and_stays(path: Path) -> None:
    before = os.umask(0o077)
    try:
        Lock(path).release()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


@pytest.mark.parametrize("what", ["folder", "pipe", "loop"])
def test_what_is_no_file_is_an_error_and_never_waited_for(path: Path, what: str) -> None:
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    for ask in (is_held, holder_of):
        with pytest.raises(OSError, match=r"Not a file|symbolic"):
            ask(path)


# --- children -----------------------------------------------------------------------------------


def test_a_forked_child_holds_nothing_and_its_end_frees_nothing(path: Path) -> None:
    lock = Lock(path)
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert is_held(path)
    lock.release()


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(path: Path) -> None:
    code = f"""
import os, time
from pathlib import Path
from sessions.locks import Lock
lock = Lock(Path({str(path)!r}))
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.stdout
    child = int(done.stdout.readline())
    try:
        assert done.wait(20) == -signal.SIGKILL
        give_up = time.monotonic() + 10  # a child forgets the lock once it runs, which a busy machine delays
        while is_held(path):
            assert time.monotonic() < give_up
            time.sleep(0.01)
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


def hold_for(path: Path, count: int) -> None:
    for _ in range(count):
        with Lock(path, patience_s=30):
            number = int(path.with_suffix(".count").read_text())
            path.with_suffix(".count").write_text(str(number + 1))


def test_eight_processes_never_hold_it_at_once(path: Path) -> None:
    path.with_suffix(".count").write_text("0")
    processes = [mp.get_context("fork").Process(target=hold_for, args=(path, 25)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0] * 8
    assert path.with_suffix(".count").read_text() == "200"


def test_a_plain_flock_and_a_lock_exclude_each_other(path: Path) -> None:
    """What versions before this one did."""
    path.touch()
    with path.open() as plain:
        fcntl.flock(plain, fcntl.LOCK_EX)
        with pytest.raises(LockBusy):
            Lock(path)
        fcntl.flock(plain, fcntl.LOCK_UN)
        with Lock(path), pytest.raises(BlockingIOError):
            fcntl.flock(plain, fcntl.LOCK_EX | fcntl.LOCK_NB)
