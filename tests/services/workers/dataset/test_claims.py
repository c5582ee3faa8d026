"""Two recordings of one dataset that no lock keeps apart: what one acknowledged is never overwritten by the other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.datasets import claim as claims
from services.datasets.claim import CLAIM
from services.datasets.lock import DatasetBusy, DatasetProblem
from services.datasets.marks import read_marks
from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.workers.dataset.durable import TakeNotSaved
from services.workers.dataset.survey import Survey
from services.workers.process.journal import Journal
from services.workers.recording import takes as takes_module
from services.workers.recording.takes import Takes
from sessions.locks import Lock
from tests.support.demos import FPS, TASK, add_take, check_readable, features, frame, open_demo, record, tree
from tests.support.mounts import bind, needs_mounts
from tests.support.rig import wait_until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "datasets" / "demo"


class LockOfAnotherKernel(Lock):
    """What a file system without network-wide locks grants to everybody."""

    def _take(self, patience_s: float) -> None:
        pass


@contextmanager
def another_machine() -> Iterator[None]:
    """Code inside runs as on another machine, whose kernel knows nothing of the locks here."""
    with pytest.MonkeyPatch.context() as there:
        there.setattr(claims, "machine", lambda: "another machine")
        there.setattr(claims, "Lock", LockOfAnotherKernel)
        yield


def age(root: Path) -> None:
    """Let the claim look abandoned."""
    os.utime(root / CLAIM, (time.time() - claims.SILENT_S - 1,) * 2)


@needs_mounts
def test_a_second_recording_through_a_bind_mount_is_refused(root: Path, tmp_path: Path) -> None:
    dataset = open_demo(root, session="first")
    record(dataset, 1)
    before = tree(root)
    with bind(root, tmp_path / "mounted" / "demo") as other:
        with pytest.raises(DatasetBusy, match="in use by session first"):
            open_demo(other, resume=True)
        assert tree(root) == before
        record(dataset, 1)
        dataset.close()
        again = open_demo(other, resume=True)
        record(again, 1)
        again.close()
    check_readable(root, 3)
    assert not (root / CLAIM).exists()


def test_a_recording_that_was_taken_over_acknowledges_nothing_and_changes_nothing(root: Path) -> None:
    ours = open_demo(root, session="ours")
    record(ours, 2)
    add_take(ours)
    age(root)
    assert not ours.renew_claim() and time.time() - (root / CLAIM).stat().st_mtime < claims.SILENT_S / 2
    age(root)
    with another_machine():
        theirs = open_demo(root, resume=True, session="theirs")
        record(theirs, 1)
    before = tree(root)
    assert "session theirs" in ours.renew_claim()
    with pytest.raises(TakeNotSaved, match=r"session theirs.* records into it, too; end one of the two") as lost:
        ours.save()
    assert not lost.value.usable
    after = tree(root)
    pictures = {name for name in after.keys() | before.keys() if name.endswith("_streaming.mp4")}
    assert len(pictures) == 2 and all(name.startswith("quarantine/") for name in pictures), "set aside, not deleted"
    assert {n: c for n, c in after.items() if n not in pictures} == {
        n: c for n, c in before.items() if n not in pictures
    }
    with pytest.raises(DatasetProblem, match="session theirs"):
        ours.reopen()
    with pytest.raises(DatasetProblem, match="another recording"):
        ours.add_frame(frame(0, 0), "task")
    with another_machine():
        record(theirs, 1)
        theirs.close()
    ours.reopen()
    record(ours, 1)
    ours.close()
    check_readable(root, 5)
    assert Survey(root).healthy and set(read_marks(root)) == set(range(5))


def test_a_claim_taken_over_in_the_middle_of_a_save_is_noticed_before_the_acknowledgement(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_demo(root)
    record(dataset, 1)
    add_take(dataset)
    commit = dataset._commit

    def interrupted(*args: object) -> None:
        (root / CLAIM).write_bytes(b'{"token": "theirs", "machine": "another machine"}')
        commit(*args)

    monkeypatch.setattr(dataset, "_commit", interrupted)
    with pytest.raises(TakeNotSaved, match="end one of the two"):
        dataset.save()
    assert Survey(root).episodes == 1


def test_between_takes_the_claim_is_renewed_and_its_loss_is_an_alarm(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takes_module, "CLAIM_S", 0.05)
    run, heard = RunFolder(tmp_path / "run"), list[ev.Event]()
    run.root.mkdir()
    journal = Journal(EventLog(run), heard.append)
    takes = Takes(open_demo(root), journal, features=features(), task=TASK, session="ours", fps=FPS)
    age(root)
    wait_until(lambda: time.time() - (root / CLAIM).stat().st_mtime < claims.SILENT_S / 2)
    holder = b'{"session": "theirs", "pid": 1}'
    (root / CLAIM).write_bytes(b'{"token": "theirs", "machine": "another machine", "holder": ' + holder + b"}")
    wait_until(lambda: bool(heard))
    takes.close()
    journal.close()
    assert [type(event) for event in heard] == [ev.AlarmRaised], "once"
    assert "session theirs" in str(heard[0])


def test_a_claim_that_cannot_be_read_again_does_not_end_the_saver(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takes_module, "CLAIM_S", 0.05)
    run, heard = RunFolder(tmp_path / "run"), list[ev.Event]()
    run.root.mkdir()
    journal, dataset = Journal(EventLog(run), heard.append), open_demo(root)

    def broken() -> None:
        raise OSError("stale file handle")

    monkeypatch.setattr(dataset._claim, "renew", broken)
    takes = Takes(dataset, journal, features=features(), task=TASK, session="ours", fps=FPS)
    wait_until(lambda: bool(heard))
    assert "stale file handle" in str(heard[0]) and takes._thread.is_alive()
    takes.close()
    journal.close()
