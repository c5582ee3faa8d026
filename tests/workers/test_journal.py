"""The journal: published only once on disk, in order, one fsync for all that waited."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from services import events as ev
from services.eventlog import EventLog, read_events
from services.folders import DataFolder
from services.workers.journal import Journal


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
        journal.tell(ev.TagAdded(tag=str(number)), then=lambda n=number: answered.append(n))  # type: ignore[misc]
    disk_is_free.set()
    journal.close()
    assert published == [(str(n), n + 1) for n in range(20)]
    assert answered == list(range(20))
    assert len(syncs) <= 3, "the first, and those that waited for it"
