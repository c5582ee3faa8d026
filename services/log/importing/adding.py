"""Adds sessions to the log that this console did not make: from a file of an older bench, from another tool's log.

Such a session is a run folder like any other: its events, and a training's curves in metrics.jsonl.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from services.folders import SESSION_ID, DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, LogBusy, read_events
from services.log import logbook
from services.log.scribe import fold
from services.refusal import Refusal
from sessions.document import Session
from sessions.files import read_file, sync_folder, why_unwritable, write_atomically
from sessions.locks import Lock, LockBusy

LOCK = "import.lock"
STAGED = "events.jsonl.new"
REMARKS = (ev.NoteAdded, ev.NoteEdited, ev.TagAdded, ev.TagRemoved, ev.BroughtIn)
"""What people add to a session afterwards: importing it again keeps it."""
IMPORTED = "imported"
"""Who wrote the notes of an import."""
NO_TIME = "00000000-000000"
"""The beginning of the id of a session whose time is not recorded."""
MOST = 0xFFFF
"""The last number of an id."""


class Identity(NamedTuple):
    """What makes an imported session the same one: its kind, its key where it comes from, and its run's name."""

    kind: str
    key: str
    name: str


@dataclass(frozen=True)
class Import:
    """A session to add. Its events begin with SessionStarted (its `id` is given here; `imported` and `import_key` say
    where it comes from) and end with SessionEnded; an `at` of 0 stays. `metrics` is a training's metrics.jsonl.
    `trained_by` is the training among the imports that made an evaluation's checkpoint: it gets that session's id.
    """

    events: tuple[ev.Event, ...]
    metrics: bytes = b""
    trained_by: Identity | None = None

    @property
    def started(self) -> ev.SessionStarted:
        """Its first event. Raises ValueError if that is another one, or does not say where the session comes from."""
        first = self.events[0] if self.events else None
        if not isinstance(first, ev.SessionStarted) or not first.imported or not first.import_key:
            raise ValueError("an import begins with SessionStarted, which says where it comes from")
        return first


@dataclass(frozen=True)
class Outcome:
    """The ids of the sessions that were added, of those that were there and got other facts, and of those unchanged."""

    added: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def add(folder: DataFolder, imports: Sequence[Import]) -> Outcome:
    """Add the sessions to the log, all of them or none; if this process is killed between two, the next import of the
    same adds the rest.

    One that was imported before (the same kind, `import_key` and name) makes no second session: other facts are
    appended to it as a correction, and notes and tags stay. Raises Refusal with the reason if nothing was written.
    """
    try:
        lock = Lock(folder.root / LOCK)
    except LockBusy:
        raise Refusal(f"another import is at work in {folder.root}: try again when it is done") from None
    try:
        return _add(folder, imports, logbook.sessions(folder).sessions)
    finally:
        lock.release()
        fold(folder)


def identity(started: ev.SessionStarted) -> Identity:
    """What makes an imported session the same one."""
    return Identity(started.kind.value, started.import_key, str(getattr(started.request, "name", "")))


def _add(folder: DataFolder, imports: Sequence[Import], log: Sequence[Session]) -> Outcome:
    known = {identity(session.started): session for session in log if session.started.imported}
    there = [(one, known.get(identity(one.started))) for one in imports]
    new = [one for one, session in there if session is None]
    ids = _new_ids(folder, new, log)
    known_ids = {name: session.id for name, session in known.items()}
    every = known_ids | {identity(one.started): session_id for one, session_id in zip(new, ids, strict=True)}
    named = [_named(one, session_id, every) for one, session_id in zip(new, ids, strict=True)]
    again = [(_named(one, session.id, every), folder.run(session.id)) for one, session in there if session is not None]
    other = [(one, run, events) for one, run in again if (events := _correction(one, run))]
    _write_all([(one, folder.run(one.started.id)) for one in named])
    for one, run, events in other:
        _correct(one, run, events)
    corrected = tuple(run.id for _, run, _ in other)
    return Outcome(tuple(ids), corrected, tuple(run.id for _, run in again if run.id not in corrected))


# -- ids ----------------------------------------------------------------------------------------------


def _new_ids(folder: DataFolder, imports: Sequence[Import], log: Sequence[Session]) -> list[str]:
    """A free id for each, which begins with its time as far as that is recorded, in the order of the imports."""
    taken = {path.name for path in folder.runs.glob("*")} | {session.id for session in log}
    ids: list[str] = []
    for one in imports:
        begins = _time(one.started)
        before = [int(i[-4:], 16) for i in (*taken, *ids) if SESSION_ID.fullmatch(i) and i.startswith(begins)]
        number = max(before, default=0) + 1
        if number > MOST:
            raise Refusal(f"no id is left for another session that began at {begins}: there are {MOST:,} of them")
        ids.append(f"{begins}-{number:04x}")
    return ids


def _time(started: ev.SessionStarted) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(started.at)) if started.at > 0 else NO_TIME


def _named(one: Import, session_id: str, every: Mapping[Identity, str]) -> Import:
    """The import with its id and that of its training among `every` one, and with its events numbered."""
    started = msgspec.structs.replace(one.started, id=session_id)
    if one.trained_by is not None:
        request = msgspec.structs.replace(started.request, trained_in=every.get(one.trained_by, ""))
        started = msgspec.structs.replace(started, request=request)
    events = (started, *one.events[1:])
    return replace(one, events=tuple(msgspec.structs.replace(e, seq=n) for n, e in enumerate(events, 1)))


# -- writing ------------------------------------------------------------------------------------------


def _write_all(runs: Sequence[tuple[Import, RunFolder]]) -> None:
    """Write every run folder; the events come last and by rename, so that no run is there without the others' bytes."""
    made: list[RunFolder] = []
    try:
        for one, run in runs:
            run.root.mkdir(parents=True)
            made.append(run)
            if one.metrics:
                write_atomically(run.metrics, one.metrics)
            write_atomically(run.root / STAGED, b"".join(map(ev.encode, one.events)))
        for _, run in runs:
            (run.root / STAGED).rename(run.events)
            sync_folder(run.root)
    except OSError as error:
        for run in made:
            _remove(run)
        raise Refusal(f"nothing was imported: {error.filename or 'the log'}: {why_unwritable(error)}") from error


def _remove(run: RunFolder) -> None:
    for path in (run.events, run.root / STAGED, run.metrics):
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        run.root.rmdir()


def _correction(one: Import, run: RunFolder) -> list[ev.Event]:
    """The events that the run lacks: all facts if one of them differs, and new notes; none if it holds the same."""
    events = read_events(run.events)
    same = list(_facts(_newest(events))) == list(_facts(one.events)) and one.metrics == _bytes(run.metrics)
    facts = [] if same else [event for event in one.events if not isinstance(event, REMARKS)]
    return [*facts, *_remarks(one, events)]


def _remarks(one: Import, events: Sequence[ev.Event]) -> Iterator[ev.Event]:
    """New notes, and the kind of one that has another now, unless a person edited it."""
    noted = [event for event in events if isinstance(event, ev.NoteAdded)]
    edited = {event.note for event in events if isinstance(event, ev.NoteEdited) and event.author != IMPORTED}
    kinds = {event.note: event.kind for event in events if isinstance(event, ev.NoteEdited) and event.kind}
    for note in one.events:
        if not isinstance(note, ev.NoteAdded):
            continue
        at = next((number for number, each in enumerate(noted, 1) if each.text == note.text), 0)
        if not at:
            yield note
        elif at not in edited and kinds.get(at, noted[at - 1].kind) != note.kind:
            yield ev.NoteEdited(at=note.at, note=at, text=note.text, author=IMPORTED, kind=note.kind)


def _newest(events: Sequence[ev.Event]) -> Sequence[ev.Event]:
    """The events from the last SessionStarted on: each correction begins with one."""
    begins = [at for at, event in enumerate(events) if isinstance(event, ev.SessionStarted)]
    return events[begins[-1] :] if begins else events


def _facts(events: Sequence[ev.Event]) -> Iterator[ev.Event]:
    """What was imported, without numbers and without where the file was this time."""
    for event in events:
        if not isinstance(event, REMARKS):
            plain = msgspec.structs.replace(event, seq=0)
            is_first = isinstance(plain, ev.SessionStarted)
            yield msgspec.structs.replace(plain, imported="") if is_first else plain


def _bytes(path: Path) -> bytes:
    with suppress(OSError):
        return read_file(path)
    return b""


def _correct(one: Import, run: RunFolder, events: Sequence[ev.Event]) -> None:
    """Append the facts to the run: the newest count, those before stay in its events."""
    try:
        with EventLog(run) as log:
            write_atomically(run.metrics, one.metrics)
            log.extend(events)
    except LogBusy as busy:
        raise Refusal(f"{busy}: import it again when that is over") from busy
    except OSError as error:
        raise Refusal(f"session {run.id} could not be corrected: {run.root}: {why_unwritable(error)}") from error
