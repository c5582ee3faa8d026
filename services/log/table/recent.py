"""Parts of a log of any length, of which only those sessions are decoded.

Bench shows the newest ones and the newest recording of each dataset; others ask for one kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from services.folders import DataFolder
from services.log import logbook
from services.log.scribe import Scribe
from sessions.document import Session
from sessions.models import SessionKind
from sessions.rows import Row, Unfit

MOST = 300
"""Sessions: a list of them is longer than any terminal."""
_DATASET = re.compile(rb'"dataset": ?"([^"\\]+)"')
"""A dataset's name in a row, packed or not; found without decoding it. Names have neither quotes nor backslashes."""


def recent(folder: DataFolder, datasets: Iterable[str], most: int = MOST) -> logbook.Logbook:
    """The newest `most` sessions and, if older, the newest recording of each of the datasets; newest first.

    Raises LogbookProblem as `logbook.sessions`.
    """
    names = set(datasets)
    found, message = logbook.read(folder, lambda scribe: _look(scribe, names, most))
    return logbook.Logbook(tuple(sorted(found, key=lambda s: (s.started.at, s.id), reverse=True)), message)


def of_kind(folder: DataFolder, kind: SessionKind) -> Iterator[Session]:
    """The sessions of this kind, newest first, each decoded when its turn comes; without those that cannot be read.

    Raises LogbookProblem as `logbook.sessions`, at once.
    """
    rows, _ = logbook.read(folder, Scribe.rows)
    return _those_of(kind, rows)


def _those_of(kind: SessionKind, rows: Mapping[str, Row]) -> Iterator[Session]:
    says = re.compile(rb'"(?:type|kind)": ?"%b"' % kind.value.encode())  # of its request, or beside what is packed
    for name in sorted(rows, reverse=True):
        if says.search(rows[name].raw):
            with suppress(Unfit):
                session = rows[name].session
                if session.kind is kind:
                    yield session


def _look(scribe: Scribe, datasets: set[str], most: int) -> list[Session]:
    try:
        return _newest(scribe.rows(), datasets, most)
    except Unfit:  # what is damaged is set aside, or left out where that cannot be
        listed = scribe.sessions()
        return listed[:most] + _of_datasets(listed[most:], datasets - _recorded(listed[:most]))


def _newest(rows: Mapping[str, Row], datasets: set[str], most: int) -> list[Session]:
    """Ids begin with the time. Raises Unfit."""
    names = sorted(rows, reverse=True)
    found = [rows[name].session for name in names[:most]]
    sought = datasets - _recorded(found)
    for name in names[most:]:
        if not sought:
            break
        if any(each.decode(errors="replace") in sought for each in _DATASET.findall(rows[name].raw)):
            more = _of_datasets([rows[name].session], sought)
            found += more
            sought -= _recorded(more)
    return found


def _of_datasets(sessions: Iterable[Session], sought: set[str]) -> list[Session]:
    """The first recording of each."""
    found: dict[str, Session] = {}
    for session in sessions:
        if session.kind is SessionKind.RECORD and session.dataset in sought:
            found.setdefault(session.dataset, session)
    return list(found.values())


def _recorded(sessions: Iterable[Session]) -> set[str]:
    return {session.dataset for session in sessions if session.kind is SessionKind.RECORD}
