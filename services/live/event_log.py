"""events.jsonl: appended to by the one process that holds its lock, readable by anyone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import msgspec

from services.folders import RunFolder
from services.live import events as ev
from sessions import integers
from sessions.files import opened
from sessions.locks import Lock, LockBusy, is_held

PATIENCE_S = 0.3
"""Outlasts a check for a live worker, which holds the lock for microseconds."""


class LogBusy(Exception):
    """Another process (usually a live worker) holds the lock on this run's events."""


class EventLog:
    """The only way to append events. Holds the flock from construction to `close`.

    `inherited` is the descriptor of a process that holds it already and hands it over. Raises LogBusy if another
    process holds it, OSError if the file cannot be written.
    """

    def __init__(self, run: RunFolder, *, inherited: int | None = None) -> None:
        if inherited is not None:
            os.set_inheritable(inherited, False)
            self._lock = _locked(run, inherited)
        else:
            self._lock = _locked(run, _open(run))
            while not _is_there(run.events, self.descriptor):  # replaced by a merge while this waited for it
                self._lock.release()
                self._lock = _locked(run, _open(run))
        self.events: list[ev.Event] = _cut_torn_line(self.descriptor)
        self.last_seq = max((e.seq for e in self.events), default=0)

    def append(self, event: ev.Event, *, sync: bool = True) -> ev.Event:
        """Number, stamp and write the event; with `sync` it is on disk on return. Raises OSError."""
        numbered = msgspec.structs.replace(event, seq=self.last_seq + 1, at=event.at or time.time())
        self._write(ev.encode(numbered), sync=sync)
        self.last_seq = numbered.seq
        return numbered

    def extend(self, events: Iterable[ev.Event]) -> None:
        """Number and write events in one go, all of them or none; an `at` of 0 stays. Raises OSError."""
        numbered = [msgspec.structs.replace(e, seq=self.last_seq + n) for n, e in enumerate(events, 1)]
        self._write(b"".join(map(ev.encode, numbered)), sync=True)
        self.last_seq += len(numbered)

    def add_lines(self, lines: bytes) -> None:
        """Write events as they are, whole lines that have their numbers, all of them or none. Raises OSError."""
        self._write(lines, sync=True)

    def _write(self, lines: bytes, *, sync: bool) -> None:
        start = os.lseek(self.descriptor, 0, os.SEEK_END)
        try:
            _write_all(self.descriptor, lines)
            if sync:
                self.sync()
        except OSError:
            os.ftruncate(self.descriptor, start)  # leave no half line on a full disk
            raise

    def sync(self) -> None:
        """Flush everything appended so far to disk. Raises OSError."""
        os.fsync(self.descriptor)

    @property
    def descriptor(self) -> int:
        """What a process inherits that is to hold the lock from now on."""
        return self._lock.descriptor

    def hand_over(self) -> None:
        """Close the file, and leave the lock to the process that has inherited it."""
        self._lock.hand_over()

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _open(run: RunFolder) -> int:
    return os.open(run.events, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _locked(run: RunFolder, opened: int) -> Lock:
    try:
        return Lock(run.events, opened=opened, patience_s=PATIENCE_S)
    except LockBusy:
        raise LogBusy(f"the events of {run.id} are held by a running worker") from None


def _is_there(path: Path, fd: int) -> bool:
    """Whether this is the file that has the name: what is appended to another one is lost."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _cut_torn_line(fd: int) -> list[ev.Event]:
    """Read all events; truncate a last line that a killed writer left incomplete."""
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.ftruncate(fd, whole)
    return list(parse(data[:whole]))


def parse(data: bytes) -> Iterator[ev.Event]:
    """The events of whole lines; a damaged line is skipped."""
    for line in data.splitlines():
        try:
            event = ev.decode(line)
            integers.check(line)
            yield event
        except (msgspec.DecodeError, ValueError, TypeError, OverflowError):  # such as a number out of range
            continue


def read_events(path: Path) -> list[ev.Event]:
    """The events of a run's file, without a torn last line; empty if there is no file. Raises OSError."""
    try:
        with opened(path) as file:
            data = file.read()
    except FileNotFoundError:
        return []
    return list(parse(data[: data.rfind(b"\n") + 1]))


def is_live(run: RunFolder) -> bool:
    """Whether a worker holds this run's events; False also if that cannot be determined."""
    with suppress(OSError):
        return is_held(run.events)
    return False
