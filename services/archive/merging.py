"""Brings the sessions of another log into this one: each once, with what people wrote on either copy.

A session is the same if all that it was asked and was told at its start is, whatever it is called: of one that is there
already, the copy with more events counts, with the notes, tags, marks and verdicts of both. Another session of an id
that is taken gets an id of its own, and what names it follows. Events, a training's metrics and its request are copied;
a worker's output is not. One that is not over is left out. The other log is only read.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import orjson

from services.archive import remarks
from services.archive.logs import Foreign, ForeignLog
from services.archive.versions import Damaged, Version, joined, read, renamed, with_event, with_names
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, LogBusy
from services.log import logbook
from services.log.importing.adding import LOCK, MOST, Identity, identity
from services.log.scribe import fold
from services.refusal import Refusal
from sessions.document import Session
from sessions.files import FULL, read_file, real, why_unwritable, write_atomically
from sessions.locks import Lock, LockBusy
from sessions.store import SessionStore, StoreProblem


@dataclass
class Merged:
    """The ids here of sessions that were `added`, that `grew`, and that were there already with all that the other log
    has (`same`). `otherwise` is what those are called there whose id was taken here. `left_out` are sentences.
    """

    added: list[str] = field(default_factory=list)
    grew: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    otherwise: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


type Progress = Callable[[int, int], None]
"""Told how many sessions of how many are looked at."""


def merge(folder: DataFolder, place: Path, *, called: str = "", progress: Progress = lambda done, of: None) -> Merged:
    """Bring in all sessions of the log at `place`, which the sessions then name as `called`.

    If this is cut short, the next merge adds the rest. Raises Refusal, LogbookProblem if this log cannot be read.
    """
    if place.exists() and folder.root.exists() and real(place) in (folder.root, real(folder.sessions_file)):
        raise Refusal(f"{place} is this log itself: give another bench's")
    try:
        lock = Lock(folder.root / LOCK)
    except LockBusy:
        raise Refusal(f"an import or another merge is at work in {folder.root}: try again when it is done") from None
    try:
        return _Merge(folder, ForeignLog(place), called or str(place)).run(progress)
    finally:
        lock.release()
        fold(folder)


class _Merge:
    def __init__(self, folder: DataFolder, log: ForeignLog, called: str) -> None:
        self.folder, self.log, self.called = folder, log, called
        self.made = Merged(left_out=list(log.problems))
        self.ours = {session.id: session for session in logbook.sessions(folder).sessions}
        self.by_name: dict[str | Identity, list[Session]] = defaultdict(list)
        for session in self.ours.values():
            for name in _names(session):
                self.by_name[name].append(session)
        self.taken = {*self.ours, *log.ids, *(path.parent.name for path in folder.runs.glob("*/events.jsonl"))}
        self.documents: list[Session] = []

    def run(self, progress: Progress) -> Merged:
        """Decide what each is called here, then bring each in."""
        here: dict[str, str] = {}
        known: set[str] = set()
        whole: set[str] = set()
        steps, total = itertools.count(1), 2 * len(self.log.ids)
        for each in self.log.ids:
            progress(next(steps), total)
            if self._has_all(each):
                here[each] = each
                whole.add(each)
                continue
            try:
                theirs = self.log.get(each)
            except Damaged as damage:
                self.made.left_out.append(f"session {each} is damaged and left out: {damage}")
                continue
            ours = self._same(theirs)
            if ours is not None:
                here[each] = ours.id
                known.add(each)
            elif theirs.ended:
                here[each] = self._free_id(theirs)
            else:
                self.made.left_out.append(f"session {each} has not ended there and is left out: merge again afterwards")
        lost = {
            each: "" for each in self.log.ids if each not in here and each in self.ours
        }  # not our session so called
        names = {each: name for each, name in here.items() if each != name} | lost
        for each, name in here.items():
            progress(next(steps), total)
            if each in whole:
                self.made.same.append(each)
            else:
                self._bring(self.log.get(each), name, names, known=each in known)
        self._store()
        return self.made

    def _has_all(self, session_id: str) -> bool:
        """Whether our events begin with all of theirs: most do, where a log is merged again."""
        theirs = self.log.run(session_id)
        if theirs is None or session_id not in self.ours:
            return False
        with suppress(OSError):
            data = read_file(theirs.events)
            whole = data[: data.rfind(b"\n") + 1]
            return bool(whole) and read_file(self.folder.run(session_id).events).startswith(whole)
        return False

    def _same(self, theirs: Foreign) -> Session | None:
        """Our copy of the session."""
        found = {o.id: o for name in _names(theirs.session) for o in self.by_name.get(name, ())}
        return next((ours for ours in found.values() if self._is_same(ours, theirs)), None)

    def _is_same(self, ours: Session, theirs: Foreign) -> bool:
        version = _version(self.folder.run(ours.id)) if theirs.version else None
        if theirs.version is not None and version is not None:
            return version.identity == theirs.version.identity
        return _likeness(ours) == _likeness(theirs.session)  # a document tells less than the events

    def _free_id(self, theirs: Foreign) -> str:
        """Its own id, or one that begins with its time and follows from its content."""
        wanted = theirs.session.id
        if wanted not in self.ours and not self.folder.run(wanted).events.exists():
            return wanted  # a folder alone is what a merge left that was cut short
        content = theirs.version.identity if theirs.version else msgspec.json.encode(_likeness(theirs.session))
        first = int(hashlib.sha256(content).hexdigest()[:4], 16)
        ids = (f"{wanted[:-4]}{(first + n) % (MOST + 1):04x}" for n in range(MOST + 1))
        chosen = next((each for each in ids if each not in self.taken), None)
        if chosen is None:
            raise Refusal(f"no id is left for another session that began at {wanted[:-5]}")
        self.taken.add(chosen)
        self.made.otherwise[chosen] = wanted
        return chosen

    def _bring(self, theirs: Foreign, name: str, names: Mapping[str, str], *, known: bool) -> None:
        try:
            if known:
                changed = self._join(theirs, name, names)
                (self.made.grew if changed else self.made.same).append(name)
            else:
                self._add(theirs, name, names)
                self.made.added.append(name)
        except _NotTheirs as left:
            self.made.left_out.append(f"session {theirs.session.id} is left out: {left}")
        except (LogBusy, _Unreadable) as left:
            self.made.left_out.append(f"session {name} is left as it is: {left}")
        except OSError as error:
            why = f"session {name} could not be written: {why_unwritable(error)}"
            if error.errno in FULL:
                raise Refusal(f"{why}; merge again") from error
            self.made.left_out.append(why)  # perhaps another user's

    # -- a session that is not here yet -----------------------------------------------------------------

    def _add(self, theirs: Foreign, name: str, names: Mapping[str, str]) -> None:
        came = theirs.session.brought_in
        known_as = (came.known_as if came else "") or (theirs.session.id if theirs.session.id != name else "")
        mark = ev.BroughtIn(place=self.called, known_as=known_as, at=time.time())
        if theirs.version is None or theirs.run is None:
            plain = renamed(msgspec.to_builtins(theirs.session), {**names, theirs.session.id: name})
            self.documents.append(msgspec.structs.replace(msgspec.convert(plain, Session), brought_in=mark))
            return
        version, run = with_names(theirs.version, names), self.folder.run(name)
        for left in (run.metrics, run.request):
            left.unlink(missing_ok=True)
        _write_run(run, with_event(version, msgspec.to_builtins(mark)), theirs.run, names)

    # -- a session that is here -----------------------------------------------------------------------------

    def _join(self, theirs: Foreign, name: str, names: Mapping[str, str]) -> bool:
        """Bring what the other copy has more into ours; returns whether there was anything."""
        run, ours = self.folder.run(name), self.ours[name]
        here = _version(run)
        if here is None and _holds(run.events):
            raise _Unreadable("its events here cannot be read")
        if here is None and theirs.version is not None and theirs.run is not None:
            version = with_names(theirs.version, names)
            for event in remarks.missing(theirs.session, ours):
                version = with_event(version, msgspec.to_builtins(event))
            if ours.brought_in is not None:
                version = with_event(version, msgspec.to_builtins(ours.brought_in))
            _write_run(run, version, theirs.run, names)
            return True
        if here is None:
            together = remarks.joined(ours, theirs.session)
            self.documents += [together] if together != ours else []
            return together != ours
        if theirs.version is None:
            return _append(run, list(remarks.missing(ours, theirs.session)))
        return _join_events(run, with_names(theirs.version, names), theirs.run)

    def _store(self) -> None:
        """The documents of sessions whose events nobody has any more."""
        if not self.documents:
            return
        try:
            with SessionStore(self.folder.sessions_file) as store:
                store.put(*self.documents)
        except StoreProblem as problem:
            raise Refusal(f"{len(self.documents)} sessions could not be stored: {problem}; merge again") from problem


def _names(session: Session) -> set[str | Identity]:
    """What it may be called in another log: its id here, its first one, and what an import called it."""
    came, imported = session.brought_in, session.started.import_key
    names: set[str | Identity] = {session.id, came.known_as if came else ""}
    return (names | {identity(session.started)} if imported else names) - {""}


def _likeness(session: Session) -> tuple[str, str, int, str]:
    """What two documents of one session have in common, whichever version of the console wrote them."""
    return session.kind.value, session.started.host, int(session.started.at), session.started.import_key


def _version(run: RunFolder) -> Version | None:
    """Our copy; None if there are no events of it that can be read."""
    with suppress(OSError, Damaged):
        return read(read_file(run.events))
    return None


class _Unreadable(Exception):
    """Our copy of a session cannot be read, and is not overwritten; the message says what of it."""


class _NotTheirs(OSError):
    """A file of the other log cannot be copied; the message says why."""

    def __str__(self) -> str:
        return str(self.args[0])


def _holds(events: Path) -> bool:
    """Whether something is there that the other copy must not take the place of."""
    with suppress(FileNotFoundError):
        return events.lstat().st_size > 0
    return False


# -- writing ----------------------------------------------------------------------------------------------


def _write_run(run: RunFolder, version: Version, theirs: RunFolder, names: Mapping[str, str]) -> None:
    """Write the run's folder; its events come last. Raises OSError; the folder is gone again then, if it is new."""
    new = not run.root.exists()
    run.root.mkdir(parents=True, exist_ok=True)
    try:
        _fill(run, version, theirs, names)
    except OSError:
        if new:
            shutil.rmtree(run.root, ignore_errors=True)
        raise


def _fill(run: RunFolder, version: Version, theirs: RunFolder, names: Mapping[str, str]) -> None:
    with suppress(FileNotFoundError):
        write_atomically(run.metrics, _theirs(theirs.metrics))
    with suppress(FileNotFoundError, ValueError):
        write_atomically(run.request, orjson.dumps(renamed(orjson.loads(_theirs(theirs.request)), names)))
    write_atomically(run.events, version.data)


def _theirs(path: Path) -> bytes:
    """A file of the other log that is copied. Raises _NotTheirs, FileNotFoundError.

    A link is refused: it may lead to what is no part of that log, and would be sent on with the session.
    """
    try:
        return read_file(path, os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = "it is a link" if path.is_symlink() else error.strerror or str(error)
        raise _NotTheirs(f"its {path.name} there cannot be read ({why})") from error


def _append(run: RunFolder, events: Iterable[ev.Event]) -> bool:
    added = list(events)
    if added:
        with EventLog(run) as log:
            log.extend(added)
    return bool(added)


def _join_events(run: RunFolder, theirs: Version, there: RunFolder | None) -> bool:
    """Append what their copy has more; where the two went different ways, both are put in order and written anew."""
    with EventLog(run) as log:
        ours = read(read_file(run.events))
        together = joined(ours, theirs)
        if together.data == ours.data:
            return False
        appended = together.data.startswith(ours.data)
        if ours.damaged and not appended:
            raise _Unreadable("its events here have lines that cannot be read, and would have to be written anew")
        if there is not None and theirs.rank > ours.rank:
            with suppress(FileNotFoundError):
                write_atomically(run.metrics, _theirs(there.metrics))
        if appended:  # lines that cannot be read stay where they are
            log.add_lines(together.data[len(ours.data) :])
        else:
            write_atomically(run.events, together.data)
        return True
