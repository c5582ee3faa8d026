"""The scribe: folds `runs/*/events.jsonl` into sessions.json, one small process per data folder.

`python -P -m services.log.scribe DATA_DIR` follows the live runs and exits when none is left. `fold` is one
such pass, run before sessions are listed. How far each run is folded (size and mtime of its events) is stored
in sessions.json itself, written together with the documents, so finished runs are not read again and the two
cannot disagree.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path

import msgspec

from services.folders import DataFolder, RunFolder
from services.live.crashes import close_crashed, crash_at
from services.live.event_log import is_live
from services.live.snapshots import replay
from services.log.documents import document
from services.log.tail import Tail
from services.units import plural
from sessions.document import Session
from sessions.locks import Lock, LockBusy
from sessions.rows import Row
from sessions.store import CorruptStore, DamagedSessions, FoldMark, SessionStore, StoreProblem

TICK_S = 0.2
"""Interval between passes over the live runs, and longer after a slow write; sooner if one of them grew."""
LOOK_S = 0.01
"""Interval between looks whether one did: a verdict is in the log before the next key."""
FULL_PASS_S = 2.0
"""Interval between passes over all runs."""
PATIENCE_S = 2.0
"""The scribe exits after this long without a live run or a change."""
AT_ONCE = 500
"""Runs that are folded in one write: a log that is lost is built of its runs without having all in memory."""
STARTING_S = 60.0
"""How long a new run's worker, which loads LeRobot first, may take to write its first event."""
RETRY_S = 30.0
"""How long a scribe without live runs keeps trying while the disk cannot be written."""

Report = Callable[[str], None]


class Scribe:
    """Folds one data folder. `live` is whether any run is live or just starting.

    `unsaved` holds the documents that could not be stored (a full or read-only disk), by id; `unreadable` the reasons
    why runs are left out, by id; `message` reports for people what happened to a damaged sessions.json.
    """

    def __init__(self, folder: DataFolder, report: Report = lambda text: None) -> None:
        self.folder = folder
        self.store = SessionStore(folder.sessions_file)
        self.live = False
        self.unsaved: dict[str, Session] = {}
        self.message = ""
        self._report = report
        self._tails: dict[str, Tail] = {}
        self.unreadable: dict[str, str] = {}

    def __enter__(self) -> Scribe:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def step(self, *, everything: bool = True) -> bool:
        """One pass over all runs, or over those that have not ended. Returns whether it stored anything.

        Raises StoreProblem if sessions.json cannot be read or written.
        """
        try:
            return self._pass(everything)
        except CorruptStore as damage:
            self._recover_from(damage)
            return True

    def sessions(self) -> list[Session]:
        """Every session, newest first, including those that could not be stored. Raises StoreProblem."""
        merged = {s.id: s for s in self._stored()} | self.unsaved
        return sorted(merged.values(), key=lambda s: (s.started.at, s.id), reverse=True)

    def rows(self) -> dict[str, Row]:
        """The same, not decoded, by id. Raises StoreProblem."""
        try:
            stored = self.store.rows()
        except CorruptStore as damage:
            self._recover_from(damage)
            stored = self.store.rows()
        return {**stored, **{name: Row.of(session) for name, session in self.unsaved.items()}}

    def _stored(self) -> list[Session]:
        """The documents in the log, after what is damaged was set aside. Raises StoreProblem."""
        try:
            stored = self.store.all()
        except CorruptStore as damage:
            self._recover_from(damage)
            stored = self.store.all()
        except DamagedSessions as damage:
            stored = self._recover_sessions(damage)
        if self.store.unreadable:
            self._tell(f"the log's documents of {', '.join(self.store.unreadable)} cannot be read, nor set aside")
        return stored

    def _recover_sessions(self, damage: DamagedSessions) -> list[Session]:
        """Fold the runs of damaged documents anew, as far as they are still there."""
        with suppress(StoreProblem):  # a full disk: they are listed from memory
            self._pass(everything=True)
        stored = self.store.all()
        known = {session.id for session in stored} | self.unsaved.keys()
        gone = [name for name in damage.reasons if name not in known]
        where = f"the run folder of {', '.join(gone)} is gone" if gone else "read again from the run folder"
        self._tell(f"{damage}; {where}")
        return stored

    def _tell(self, message: str) -> None:
        self.message = message
        self._report(message)

    def rebuild(self) -> int:
        """Fold every run anew; documents whose run is gone, or cannot be read, stay. The number of runs folded."""
        known = {session.id: session for session in self.sessions()}
        self._tails.clear()
        self.live = False
        folded, marks = _documents(self._changed(self._unfolded({}), {}))
        anew = {session.id: session for session in folded}
        self.store.replace_all((known | anew).values(), folded=marks)
        self.tidy()
        return len(folded)

    def tidy(self) -> None:
        """Pack the old sessions of a large log, when nobody waits for a write of it."""
        with suppress(StoreProblem):  # the next one tries again
            self.store.pack()

    def _recover_from(self, damage: CorruptStore) -> None:
        self._tails.clear()
        self._pass(everything=True)
        rebuilt = f"and rebuilt from {plural(len(self.store.all()), 'run')} under {self.folder.runs}"
        self._tell(f"{damage}, {rebuilt}; sessions whose run folder is gone remain in that file only")

    def _pass(self, everything: bool) -> bool:
        marks = self.store.folded(None if everything else self._tails)
        names = self._unfolded(marks) if everything else list(self._tails)
        self.live, stored, problem = False, False, None
        for some in batched(names, AT_ONCE):
            try:
                stored |= self._fold(some, marks)
            except CorruptStore:
                raise
            except StoreProblem as unwritable:  # the others are read all the same, to be listed
                problem = unwritable
            if len(some) == AT_ONCE:
                self.tidy()
        if problem is not None:
            raise problem
        self.unsaved.clear()
        return stored

    def _fold(self, names: Iterable[str], marks: dict[str, FoldMark]) -> bool:
        """Store what these runs say beyond `marks`; whether they did."""
        tails = [t for t in self._changed(names, marks) if t.run.id not in marks or not t.says_the_same()]
        documents, read = _documents(tails)
        self.unsaved |= {s.id: s for s in documents}
        self.store.put(*documents, folded=read)
        for stored, tail in zip(documents, [tail for tail in tails if tail.snapshot.started], strict=True):
            tail.stored = stored
            self.unsaved.pop(stored.id, None)  # a copy of a run is the same session
        for name in [name for name, tail in self._tails.items() if tail.mark and tail.mark.ended]:
            del self._tails[name]
        return bool(tails)

    def _changed(self, names: Iterable[str], marks: dict[str, FoldMark]) -> list[Tail]:
        """Read those of these runs that grew beyond `marks`, and return them; adds to `live`."""
        changed = []
        for name in names:
            tail = self._tails.setdefault(name, Tail(self.folder.run(name)))
            with self._leaving_out_unreadable(tail.run):
                self._refresh(tail)
                if tail.mark and tail.mark != marks.get(name):
                    changed.append(tail)
        return changed

    def grew(self) -> bool:
        """Whether a run that is followed has events that were not read. One that cannot be read waits for its turn."""
        return any(tail.has_grown() for tail in self._tails.values() if tail.run.id not in self.unreadable)

    def _unfolded(self, marks: dict[str, FoldMark]) -> list[str]:
        """The runs that `marks` do not cover to their end. Kept plain, as the only loop over all runs."""
        with suppress(FileNotFoundError), os.scandir(self.folder.runs) as entries:
            return [e.name for e in entries if e.name in self._tails or not _is_folded(e.path, marks.get(e.name))]
        return []

    def _refresh(self, tail: Tail) -> None:
        """Read what is new, determine whether the run is live, and close it if its worker vanished."""
        try:
            if tail.unread():
                tail.read()
        except (FileNotFoundError, NotADirectoryError):
            if not _is_starting(tail.run):
                del self._tails[tail.run.id]
            self.live |= tail.run.id in self._tails
            return
        live = tail.snapshot.running and is_live(tail.run)
        if tail.snapshot.running and not live:
            live = tail.snapshot.started is None and _is_starting(tail.run)
            self._close(tail)
        self.live |= live
        tail.mark = msgspec.structs.replace(tail.mark, ended=not live) if tail.mark else None

    def _close(self, tail: Tail) -> None:
        try:
            close_crashed(tail.run)
            tail.read()
        except OSError:  # another user's run, or a read-only disk: end it in the log only
            if tail.snapshot.started and tail.snapshot.running and tail.mark:
                tail.snapshot = replay([crash_at(tail.mark.mtime_ns / 1e9)], tail.snapshot)

    @contextmanager
    def _leaving_out_unreadable(self, run: RunFolder) -> Iterator[None]:
        """Leave out a run that cannot be read, without affecting the others."""
        try:
            yield
            self.unreadable.pop(run.id, None)
        except OSError as error:
            if run.id not in self.unreadable:
                self._report(f"run {run.id} is left out: {error}")
            self.unreadable[run.id] = error.strerror or str(error)


def _documents(tails: list[Tail]) -> tuple[list[Session], dict[str, FoldMark]]:
    """The documents of these runs (none for a run without events), and how far each is read."""
    documents = [document(t.snapshot) for t in tails if t.snapshot.started]
    return documents, {t.run.id: t.mark for t in tails if t.mark}


def _is_folded(run: str, mark: FoldMark | None) -> bool:
    if mark is None or not mark.ended:
        return False
    with suppress(OSError):
        info = os.stat(f"{run}/events.jsonl")  # noqa: PTH116 (a Path for each of many runs is slow)
        return (info.st_size, info.st_mtime_ns) == (mark.size, mark.mtime_ns)
    return False


def _is_starting(run: RunFolder) -> bool:
    with suppress(OSError):
        info = run.root.stat()
        return stat.S_ISDIR(info.st_mode) and time.time() - info.st_mtime < STARTING_S
    return False


def fold(folder: DataFolder) -> str:
    """Bring sessions.json up to date in one pass. Returns a message for the operator, usually empty.

    A file that cannot be written is not an error here: the events keep everything for the next pass.
    """
    with Scribe(folder) as scribe:
        try:
            scribe.step()
        except StoreProblem as problem:
            return str(problem)
        return scribe.message


def rebuild(folder: DataFolder) -> int:
    """Rewrite sessions.json from all runs (documents whose run is gone stay). Returns the number of runs folded."""
    with Scribe(folder) as scribe:
        return scribe.rebuild()


def follow(folder: DataFolder, report: Report) -> bool:
    """Fold until no run is live and nothing changed for PATIENCE_S. Returns whether everything could be stored."""
    with Scribe(folder, report) as scribe:
        changed_at = full_at = time.monotonic()
        runs_seen, complaint = -1, ""
        while True:
            began, runs_now = time.monotonic(), _mtime(folder.runs)
            everything = runs_now != runs_seen or began - full_at > FULL_PASS_S
            if everything:
                runs_seen, full_at = runs_now, began
            try:
                changed = scribe.step(everything=everything)
                complaint = ""
            except StoreProblem as problem:
                changed = False
                if str(problem) != complaint:
                    complaint = str(problem)
                    report(complaint)
            if changed or scribe.live:
                changed_at = began
            elif began - changed_at > (RETRY_S if complaint else PATIENCE_S):
                scribe.tidy()
                return not complaint
            if changed:
                time.sleep(4 * (time.monotonic() - began))  # leave the disk to others
            while not scribe.grew() and time.monotonic() - began < TICK_S:
                time.sleep(LOOK_S)


def _mtime(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0


def serve(folder: DataFolder, report: Report) -> bool:
    """`follow` as the only scribe of this folder; returns True at once if there is another.

    The scribe of a run that begins while this one exits finds the lock taken, so check once more after its release.
    """
    while True:
        lock = _exclusive_lock(folder)
        if lock is None:
            return True
        try:
            stored = follow(folder, report)
        finally:
            lock.release()
        with Scribe(folder) as scribe:
            with suppress(StoreProblem):
                scribe.step()
            if not scribe.live:
                return stored


def _exclusive_lock(folder: DataFolder) -> Lock | None:
    with suppress(LockBusy):
        return Lock(folder.root / "scribe.lock")
    return None


def _log(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} scribe: {text}", flush=True)


def main(arguments: list[str]) -> int:
    """Exit status: 0 if all is folded or another scribe does it, 1 if something could not be stored."""
    if len(arguments) != 1:
        print("usage: python -P -m services.log.scribe DATA_DIR", file=sys.stderr)
        return 2
    os.nice(5)  # yield to the control loop
    try:
        return 0 if serve(DataFolder(Path(arguments[0])), _log) else 1
    except OSError as error:
        _log(f"cannot work in {arguments[0]}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
