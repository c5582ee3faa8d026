"""The light entries of every session, kept from one reading to the next: what the Log's table is made of.

    index = Index(folder)
    changed = index.refresh()       # in a thread; folds the runs, reads the log
    index.entries                   # newest first, one `Light` per session
    index.session(session_id)       # the whole document, decoded now

A second `refresh` makes anew only what changed, and names it. Which documents are as they were is told by a digest of
their stored JSON, without decoding them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from services.folders import DataFolder
from services.log import logbook
from services.log.kinship.lean import Leaner
from services.log.rows.whole_rows import part
from services.log.scribe import Scribe
from services.log.table import kept_entries
from services.log.table.kept_entries import Made, digest
from services.log.table.light import Light, light
from sessions.chains import Evaluation, by_session
from sessions.document import Session
from sessions.models import SessionKind
from sessions.rows import Row, Unfit

KEPT_FROM = 200
"""Entries that were made anew from which they are worth a write of the file that keeps them."""

SLOW, FIRST = 1_000, 300
"""Sessions whose entries take some tenths of a second to make, and how many are made before all are."""


@dataclass(frozen=True)
class Changes:
    """The ids of the sessions that are new or not as they were, and of those that left the log."""

    changed: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


class Index:
    """One per console. `refresh` may be called from any one thread at a time; what it made is replaced as a whole."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self.entries: tuple[Light, ...] = ()
        """Every session, newest first."""
        self.message = ""
        """What is wrong with the log, as a sentence."""
        self._by_id: Mapping[str, Light] = {}
        self._rows: Mapping[str, Row] = {}
        self._made: Mapping[str, Made] | None = None
        self._wholes: Mapping[str, Evaluation] = {}
        """Of evaluations that went over several sessions."""

    def begin(self) -> bool:
        """Make the entries of the newest sessions where a `refresh` will take long, for there is none yet to be kept.

        Whether there are only those. Reads disk. Raises LogbookProblem as `refresh`.
        """
        if self.entries or self._made is not None:
            return self._made is None
        if kept_entries.read(self.folder):
            return False
        rows, _ = logbook.read(self.folder, Scribe.rows)
        if len(rows) < SLOW:
            return False
        newest: dict[str, Light] = {}
        for name in sorted(rows, reverse=True)[:FIRST]:
            with suppress(Unfit):
                newest[name] = light(rows[name].session)
        self._rows, self._by_id, self.entries = rows, newest, _newest_first(newest)
        return True

    def refresh(self) -> Changes:
        """Bring the log up to date and read what changed. Reads disk. Raises LogbookProblem if it cannot be read."""
        known = kept_entries.read(self.folder) if self._made is None else self._made
        (self._rows, made), message = logbook.read(self.folder, lambda scribe: _look(scribe, known))
        self.message = message or ""
        anew = {name for name, each in made.items() if each is not known.get(name)}
        if len(anew) >= KEPT_FROM:
            kept_entries.write(self.folder, made)
        self._put_together(made, anew)
        entries = {name: self._entry(name, each, anew) for name, each in made.items()}
        before, self._by_id, self._made = self._by_id, entries, made
        self.entries = _newest_first(entries)
        changed = frozenset(name for name, entry in entries.items() if before.get(name) is not entry)
        return Changes(changed, frozenset(before.keys() - entries.keys()))

    def _entry(self, name: str, made: Made, anew: set[str]) -> Light:
        """The entry with its part; the one that there is, if nothing of it changed."""
        whole = self._wholes.get(name)
        words = part(next(s for s in whole.sessions if s.id == name), whole) if whole else ""
        known = self._by_id.get(name)
        if known is not None and name not in anew and known.part == words:
            return known
        return msgspec.structs.replace(made.entry, part=words) if words else made.entry

    def _put_together(self, made: Mapping[str, Made], anew: set[str]) -> None:
        """Decode the evaluations that went over several sessions, if one of them changed."""
        resumed = {each.entry.resumes for each in made.values() if each.entry.resumes}
        members = {name for name, each in made.items() if each.entry.resumes or name in resumed}
        if anew.isdisjoint(members) and members == set(self._wholes):
            return
        self._wholes = by_session(self._rows[name].session for name in members)

    def __getitem__(self, session_id: str) -> Light:
        return self._by_id[session_id]

    def get(self, session_id: str) -> Light | None:
        """The entry of this session; None if the log has none."""
        return self._by_id.get(session_id)

    def session(self, session_id: str) -> Session | None:
        """The whole document of this session as it was read last, decoded now; None if the log has none."""
        row = self._rows.get(session_id) if session_id in self._by_id else None
        return row.session if row is not None else None

    def sessions(self) -> tuple[Session, ...]:
        """The documents of all sessions, newest first: for links and trees, which need the whole log. In a thread.

        Without what neither needs (services.log.kinship.lean), nor those that moved an arm without a dataset.
        """
        rows, lean = self._rows, Leaner()
        linked = (entry.id for entry in self.entries if entry.kind is not SessionKind.BENCH and entry.id in rows)
        return tuple(lean.of(rows[name].session) for name in linked)

    def evaluation(self, session_id: str) -> Evaluation | None:
        """The evaluation that this session belongs to; None for another kind."""
        if session_id in self._wholes:
            return self._wholes[session_id]
        session = self.session(session_id)
        return by_session([session]).get(session_id) if session is not None else None


def _newest_first(entries: Mapping[str, Light]) -> tuple[Light, ...]:
    return tuple(sorted(entries.values(), key=lambda entry: (entry.at, entry.id), reverse=True))


def _look(scribe: Scribe, known: Mapping[str, Made]) -> tuple[Mapping[str, Row], dict[str, Made]]:
    """The rows of the log that can be read, and their entries: those of `known` where the document is the same."""
    try:
        rows = scribe.rows()
        return rows, {name: _made(row, known.get(name)) for name, row in rows.items()}
    except Unfit:
        scribe.sessions()  # sets aside what is damaged, reads it again from the runs, and says so
    rows, made = scribe.rows(), {}
    for name, row in rows.items():
        with suppress(Unfit):  # it could not be set aside
            made[name] = _made(row, known.get(name))
    return {name: rows[name] for name in made}, made


def _made(row: Row, known: Made | None) -> Made:
    """Raises Unfit if the document cannot be read."""
    now = digest(row)
    return known if known is not None and known.digest == now else Made(now, light(row.session))
