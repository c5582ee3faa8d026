"""events.jsonl: appended under a lock, torn at any byte, read by anyone."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, LogBusy, is_live, parse, read_events
from services.live.snapshots import replay
from services.log.logbook import append
from sessions.files import write_atomically
from tests import ROOT
from tests.support.runs import BEGAN, ended, make_folder, numbered, saved, session_id, started

ID = session_id(1)

HISTORY = numbered(started(ID), saved(0), ev.NoteAdded(text="« 5 mm »"), ended())


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


@pytest.fixture
def run(folder: DataFolder) -> RunFolder:
    run = folder.run(ID)
    run.root.mkdir()
    return run


HOLD = "import sys; from services.live.event_log import EventLog; from services.folders import RunFolder; \
from pathlib import Path; log = EventLog(RunFolder(Path(sys.argv[1]))); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holding(run: RunFolder) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the run's events, as its worker does."""
    command = [sys.executable, "-c", HOLD, str(run.root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout and process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


# --- appending ----------------------------------------------------------------------------------


def test_events_are_numbered_from_one_and_stamped(run: RunFolder) -> None:
    with EventLog(run) as log:
        first = log.append(started(ID))
        second = log.append(ev.TagAdded(tag="night", at=BEGAN), sync=False)
    assert [e.seq for e in read_events(run.events)] == [1, 2] == [first.seq, second.seq]
    assert first.at > BEGAN and second.at == BEGAN


def test_a_second_log_goes_on_where_the_first_stopped(run: RunFolder) -> None:
    with EventLog(run) as log:
        log.append(started(ID))
    with EventLog(run) as log:
        assert [type(e) for e in log.events] == [ev.SessionStarted]
        assert log.append(ended()).seq == 2


def test_a_log_held_by_another_process_is_busy_until_that_is_killed(
    run: RunFolder, holding: subprocess.Popen[bytes]
) -> None:
    assert is_live(run)
    with pytest.raises(LogBusy, match=ID):
        EventLog(run)
    holding.send_signal(signal.SIGKILL)
    holding.wait()
    assert not is_live(run)
    EventLog(run).close()


def test_whoever_looks_whether_it_lives_does_not_keep_a_worker_out(run: RunFolder) -> None:
    with EventLog(run) as log:
        log.append(started(ID))
    for _ in range(50):
        assert not is_live(run)
        EventLog(run).close()


def test_what_waited_for_a_file_that_was_replaced_writes_to_the_new_one(run: RunFolder) -> None:
    """A merge writes a run's events anew by rename while it holds the old ones."""
    with EventLog(run) as log:
        log.append(started(ID))
        with ThreadPoolExecutor(1) as pool:
            note = pool.submit(lambda: append(run, ev.NoteAdded(text="wet")))
            while not waits_for(run):
                time.sleep(0.001)
            write_atomically(run.events, run.events.read_bytes())
            log.close()
            note.result()
    assert [type(event) for event in read_events(run.events)] == [ev.SessionStarted, ev.NoteAdded]


def waits_for(run: RunFolder) -> bool:
    """Whether the file is open twice here: by who holds it, and by who waits for it."""
    opened = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return opened.count(run.events) > 1


def test_a_run_without_events_is_not_live(run: RunFolder) -> None:
    assert not is_live(run)
    assert read_events(run.events) == []


def test_a_full_disk_leaves_no_half_line_and_the_log_goes_on(run: RunFolder) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with EventLog(run) as log:
        log.append(started(ID))
        size = run.events.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                log.append(ev.NoteAdded(text="x" * 100))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert run.events.stat().st_size == size
        assert log.append(ev.NoteAdded(text="again")).seq == 2
    assert [e.seq for e in read_events(run.events)] == [1, 2]


# --- torn and damaged lines ---------------------------------------------------------------------


def test_a_file_torn_at_any_byte_reads_as_its_whole_lines_and_is_cut_before_the_next(run: RunFolder) -> None:
    lines = [ev.encode(event) for event in HISTORY]
    whole = b"".join(lines)
    for cut in range(len(whole) + 1):
        run.events.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        assert read_events(run.events) == HISTORY[:kept]
        with EventLog(run) as log:
            assert log.events == HISTORY[:kept]
            log.append(ev.TagAdded(tag="after", at=BEGAN), sync=False)
        assert run.events.read_bytes().startswith(b"".join(lines[:kept]) + b'{"type":"TagAdded"')
        assert [e.seq for e in read_events(run.events)] == list(range(1, kept + 2))


@given(st.binary(max_size=60).filter(lambda b: b"\n" not in b and b"\r" not in b))
def test_a_damaged_line_in_the_middle_is_left_out(damage: bytes) -> None:
    lines = [ev.encode(event) for event in HISTORY]
    told = [e for e in parse(b"".join([lines[0], damage, b"\n", *lines[1:]])) if e.seq]
    assert told == HISTORY


def test_an_integer_that_the_logs_document_could_not_carry_on_is_a_damaged_line() -> None:
    begun, *others = [ev.encode(event) for event in HISTORY]
    assert b'"pid":' in begun
    far = re.sub(rb'"pid":[0-9]+', b'"pid":' + b"9" * 24, begun)
    assert list(parse(far + b"".join(others))) == HISTORY[1:]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(["NewThing", "NoteAdded", 5, None]), json_values, json_values)
def test_no_line_whatever_it_holds_keeps_the_others_from_being_read(kind: object, seq: object, at: object) -> None:
    strange = msgspec.json.encode({"type": kind, "seq": seq, "at": at}) + b"\n"
    told = list(parse(strange + ev.encode(HISTORY[0])))
    assert told[-1] == HISTORY[0]


def test_an_event_of_a_newer_console_keeps_its_number(run: RunFolder) -> None:
    run.events.write_bytes(ev.encode(HISTORY[0]) + b'{"type":"GripperWorn","seq":2,"at":5,"share":0.5}\n')
    with EventLog(run) as log:
        assert log.append(ev.TagAdded(tag="x")).seq == 3
    assert replay(read_events(run.events)).last_seq == 3


def test_writers_killed_at_any_moment_leave_whole_numbered_lines(run: RunFolder) -> None:
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            log = EventLog(run)
            while True:
                log.append(ev.NoteAdded(text="x" * 3000), sync=False)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
        while not run.events.exists() or run.events.stat().st_size < 5000:
            pass
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with EventLog(run) as log:
            seqs = [e.seq for e in log.events]
            assert seqs == list(range(1, len(seqs) + 1))
        run.events.unlink()
