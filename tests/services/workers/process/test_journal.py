"""The journal: published only once on disk, in order, one fsync for all that waited; a full disk."""

from __future__ import annotations

import os
import resource
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.live import reserve
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, read_events
from services.workers.process import journal as journals
from services.workers.process.journal import Journal
from sessions.models import SessionStatus, Verdict
from tests.support.mounts import needs_mounts, small_disk
from tests.support.rig import wait_until
from tests.support.runs import started


def test_what_waits_for_a_slow_disk_shares_one_fsync_and_keeps_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = DataFolder(tmp_path).create().run("20260217-142000-0001")
    run.root.mkdir()
    disk_is_free, syncs = threading.Event(), []
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        disk_is_free.wait(10)
        syncs.append(descriptor)
        fsync(descriptor)

    published: list[tuple[str, int]] = []

    def publish(event: ev.Event) -> None:
        on_disk = [e.seq for e in read_events(run.events)]
        assert event.seq in on_disk and syncs, "published before it is on disk"
        published.append((event.tag, event.seq))  # type: ignore[attr-defined]

    monkeypatch.setattr(os, "fsync", slow)
    journal = Journal(EventLog(run), publish)
    answered: list[int] = []
    for number in range(20):
        journal.emit(ev.TagAdded(tag=str(number)), then=lambda n=number: answered.append(n))  # type: ignore[misc]
    disk_is_free.set()
    journal.close()
    assert published == [(str(n), n + 1) for n in range(20)]
    assert answered == list(range(20))
    assert len(syncs) <= 3, "the first, and those that waited for it"


def test_a_verdict_is_published_and_answered_though_the_note_behind_it_finds_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = DataFolder(tmp_path).create().run("20260217-142000-0001")
    run.root.mkdir()
    all_told, on_disk_at_sync = threading.Event(), []
    fsync = os.fsync

    def waiting(descriptor: int) -> None:
        all_told.wait(10)
        fsync(descriptor)
        on_disk_at_sync.append(len(read_events(run.events)))

    monkeypatch.setattr(os, "fsync", waiting)
    monkeypatch.setattr(journals, "RETRY_S", 0.02)
    published: list[ev.Event] = []
    answered: list[str] = []
    told = [
        ev.TagAdded(tag="first"), ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS), ev.NoteAdded(text="x" * 10_000),
        ev.TagAdded(tag="last"),
    ]  # fmt: skip
    names = ("first", "verdict", "note", "last")
    journal = Journal(EventLog(run), publish=published.append)
    for name, event in zip(names, told, strict=True):
        journal.emit(event, then=lambda n=name: answered.append(n))  # type: ignore[misc]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, before[1]))
    try:
        all_told.set()
        wait_until(lambda: any(isinstance(e, ev.AlarmRaised) for e in published))
        assert answered == ["first", "verdict"]
        assert [e.seq for e in published] == [1, 2, 0]
        assert on_disk_at_sync[-1] == 2 == len(read_events(run.events)), "the verdict is not durable"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    journal.close()
    assert answered == list(names)
    assert [e.seq for e in published if e.seq] == [1, 2, 3, 4] == [e.seq for e in read_events(run.events)]
    assert isinstance(published[3], ev.AlarmCleared)


def test_what_cannot_be_synced_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(EventLog):
        """Takes no note while it is full."""

        full = True

        def append(self, event: ev.Event, *, sync: bool = True) -> ev.Event:
            if self.full and isinstance(event, ev.NoteAdded):
                raise OSError(28, "No space left on device")
            return super().append(event, sync=sync)

    run = DataFolder(tmp_path).create().run("20260217-142000-0001")
    run.root.mkdir()
    begin, failures, fsync = threading.Event(), [], os.fsync

    def failing(descriptor: int) -> None:
        begin.wait(10)
        if len(read_events(run.events)) == 2 and len(failures) < 2:  # that of the verdict
            failures.append(any(isinstance(e, ev.TrialJudged) for e in published))
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    monkeypatch.setattr(journals, "RETRY_S", 0.02)
    published: list[ev.Event] = []
    log = Full(run)
    journal = Journal(log, publish=published.append)
    for event in (ev.TagAdded(tag="a"), ev.TrialJudged(trial=1, verdict=Verdict.FAILURE), ev.NoteAdded(text="long")):
        journal.emit(event)
    begin.set()
    wait_until(lambda: any(isinstance(e, ev.TrialJudged) for e in published))
    assert failures == [False, False]
    log.full = False
    journal.close()
    assert [e.seq for e in published if e.seq] == [1, 2, 3]


def test_what_a_full_disk_refuses_is_given_up_once_the_session_is_to_end_and_never_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = DataFolder(tmp_path).create().run("20260217-142000-0001")
    run.root.mkdir()
    published: list[ev.Event] = []
    acknowledged: list[str] = []
    journal = Journal(EventLog(run), publish=published.append)
    journal.commit(ev.TagAdded(tag="kept"))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (run.events.stat().st_size, hard))  # the kernel refuses every more byte
    monkeypatch.setattr(journals, "RETRY_S", 0.02)
    try:
        journal.emit(ev.NoteAdded(text="lost"), then=lambda: acknowledged.append("lost"))
        wait_until(lambda: any(isinstance(e, ev.AlarmRaised) for e in published))
        time.sleep(0.1)
        assert not journal.gave_up, "nobody said that the session ends: it waits"
        journal.end_within(0.1)
        journal.commit(ev.SessionEnded(status=SessionStatus.FINISHED, reason="finished by the operator"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        journal.close()
    assert journal.gave_up and not acknowledged
    end = published[-1]
    assert isinstance(end, ev.SessionEnded) and end.seq == 0 and end.status is SessionStatus.ABORTED
    assert end.reason.startswith("finished by the operator; the disk is full")
    assert [type(e).__name__ for e in read_events(run.events)] == ["TagAdded"]
    assert not any(isinstance(e, ev.NoteAdded) for e in published)


def fill(disk: Path) -> None:
    """Take what room there is."""
    with (disk / "fill").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))


@needs_mounts
def test_on_a_full_disk_the_end_of_a_session_has_room_that_was_kept_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "RETRY_S", 0.02)
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        run = DataFolder(disk).create().run("20260217-142000-0001")
        run.root.mkdir()
        published: list[ev.Event] = []
        reserve.keep(run)
        journal = Journal(EventLog(run), publish=published.append, make_room=lambda: reserve.free(run))
        journal.commit(ev.TagAdded(tag="kept"))
        fill(disk)
        for number in range(20):  # more than what is left of the block
            journal.emit(ev.NoteAdded(text=f"{number} " * 100))
        wait_until(lambda: any(isinstance(e, ev.AlarmRaised) for e in published))
        assert run.reserve.exists(), "the session goes on: it waits for room"
        journal.end_within(5.0)
        journal.commit(ev.SessionEnded(status=SessionStatus.ABORTED, reason="no room"))
        journal.close()
        told = read_events(run.events)
        assert not journal.gave_up and not run.reserve.exists()
        assert len(told) == 22 and isinstance(told[-1], ev.SessionEnded) and told[-1].reason == "no room"


@needs_mounts
def test_a_disk_without_room_to_spare_leaves_no_reserve(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        run = DataFolder(disk).create().run("20260217-142000-0001")
        run.root.mkdir()
        fill(disk)
        reserve.keep(run)
        assert not run.reserve.exists() and not reserve.free(run), "there was no room to give back"


@needs_mounts
def test_on_a_full_disk_the_end_of_a_killed_worker_has_the_room_that_it_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        run = DataFolder(disk).create().run("20260217-142000-0001")
        run.root.mkdir()
        with EventLog(run) as log:
            log.append(started(run.id))
            while len(run.events.read_bytes()) % 4096 < 4000:  # the next event needs another block
                log.append(ev.TagAdded(tag="x"))
        reserve.keep(run)
        fill(disk)
        assert close_crashed(run).status is SessionStatus.CRASHED and not run.reserve.exists()
        assert isinstance(read_events(run.events)[-1], ev.SessionEnded)


def test_an_answer_that_fails_does_not_end_the_journal(tmp_path: Path) -> None:
    run = DataFolder(tmp_path).create().run("20260217-142000-0002")
    run.root.mkdir()

    def fail() -> None:
        raise BrokenPipeError("nobody listens")

    journal = Journal(EventLog(run), lambda _: None)
    journal.emit(ev.TagAdded(tag="first"), then=fail)
    journal.commit(ev.TagAdded(tag="second"))
    journal.close()
    assert [event.seq for event in read_events(run.events)] == [1, 2]


def test_what_is_emitted_together_shares_one_fsync_and_keeps_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = DataFolder(tmp_path).create().run("20260217-142000-0001")
    run.root.mkdir()
    syncs, published = [], []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (syncs.append(descriptor), fsync(descriptor)))
    journal = Journal(EventLog(run), published.append)
    with journal.together():
        journal.emit(ev.TrialStarted(trial=1))
        other = threading.Thread(target=journal.emit, args=[ev.TagAdded(tag="by another thread")])
        other.start()
        other.join()
        with journal.together():
            journal.emit(ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS))
        time.sleep(0.02)
        assert not syncs and not published, "the block has not ended"
    wait_until(lambda: len(published) == 3)
    assert len(syncs) == 1
    assert [type(event).__name__ for event in published] == ["TrialStarted", "TagAdded", "TrialJudged"]
    with suppress(ValueError), journal.together():
        journal.emit(ev.TagAdded(tag="before the error"))
        raise ValueError
    with journal.together():
        journal.emit(ev.TagAdded(tag="kept"))
        journal.commit(ev.TagAdded(tag="waited for"))
        assert [e.seq for e in read_events(run.events)] == [1, 2, 3, 4, 5, 6]
        journal.emit(ev.TagAdded(tag="last"))
        journal.close()
    assert [e.seq for e in published] == [1, 2, 3, 4, 5, 6, 7]
