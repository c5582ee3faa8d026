"""Whether every run folder is in the log to its newest event, and every session of the log has its run folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.folders import DataFolder, RunFolder
from services.lineage.findings import Finding, changed, gone, unknown, unreadable
from services.live.event_log import is_live, parse
from services.live.events import SessionStarted
from services.text import clean
from services.units import plural
from sessions.document import Session
from sessions.files import opened

TAIL = 1 << 16
"""Bytes that are read first from the end of a run's events; a line may be longer."""
LONGEST = 4 << 20
"""Bytes of a first event that is read."""
COPY = "remove the folder, or give it the name of its session"
FOLD = "`lab-console sessions` brings the log up to date"


def run_findings(folder: DataFolder, sessions: Mapping[str, Session]) -> Iterator[tuple[str, Finding]]:
    """What is not alike in runs and log, by session; nothing about those that are."""
    names = _run_names(folder.runs)
    for name in sorted(names, reverse=True):
        run = folder.run(name)
        if (found := _finding(run, sessions.get(name))) is not None:
            yield name, found
    for name in sorted(sessions.keys() - names, reverse=True):
        said = "its run folder is gone: the log has all that is left of it"
        yield name, gone(f"session {name}", said, "keep a copy of the log")


def _finding(run: RunFolder, session: Session | None) -> Finding | None:
    what = f"run {run.id}"
    try:
        newest = newest_seq(run.events)
    except FileNotFoundError:
        if session is not None:
            return gone(what, "its events are gone: the log has all that is left of it", "keep a copy of the log")
        return unknown(what, "no session began in it: its worker is starting, or ended before its first event")
    except OSError as error:
        return unreadable(what, error, "ask its owner for access")
    if session is not None and session.last_seq == newest:
        return None
    if is_live(run):
        return None  # its scribe is at it
    if session is None:
        if not newest:
            return unreadable(what, f"nothing in its events is understood: {run.events}")
        if (named := first_id(run.events)) not in ("", run.id):
            return changed(
                what, f"its events are of session {clean(named)}: it is not in the log under this name", COPY
            )
        return changed(what, f"it is not in the log, with {plural(newest, 'event')}", FOLD)
    if newest > session.last_seq:
        return changed(what, f"the log has its events up to {session.last_seq} of {newest}", FOLD)
    said = f"it ends with event {newest}, and the log has seen {session.last_seq}: it was cut, or is an older copy"
    return changed(what, said, "put the newer events back")


def first_id(events: Path) -> str:
    """The session that its first event names; empty if that cannot be read. Raises OSError."""
    with opened(events) as file:
        first = next(parse(file.readline(LONGEST)), None)
    return first.id if isinstance(first, SessionStarted) else ""


def newest_seq(events: Path) -> int:
    """The number of the newest event; 0 if no line holds one. Reads from the end. Raises OSError."""
    with opened(events) as file:
        end = os.fstat(file.fileno()).st_size
        length = TAIL
        while True:
            start = max(0, end - length)
            file.seek(start)
            data = file.read(end - start)
            whole = data[: data.rfind(b"\n") + 1]
            if start:  # the first line may be cut
                whole = whole[whole.find(b"\n") + 1 :]
            for line in reversed(whole.splitlines()):
                if event := next(parse(line), None):
                    return event.seq
            if not start:
                return 0
            length *= 8


def _run_names(runs: Path) -> set[str]:
    try:
        with os.scandir(runs) as entries:
            return {entry.name for entry in entries if not entry.name.startswith(".")}
    except OSError:
        return set()
