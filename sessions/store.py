"""sessions.json: the log's TinyDB file. This module is the only one that opens it.

Several processes may read and write it. A write is one read-modify-write under a lock, put in place by
rename; a reader needs no lock and sees the old or the new file. The layout is a stock TinyDB's:
`{"schema": {"1": {"version": 2}}, "sessions": {id: document}, "folded": {run: mark}}`. Rows are kept as JSON and
decoded when they are asked for; those of old sessions in a large log are packed (`sessions.rows`), with what is in a
table `packing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
from tinydb import TinyDB
from tinydb.table import Table

from sessions import packing
from sessions.document import Session
from sessions.files import real
from sessions.rows import Profiles, Row, Unfit
from sessions.storage import AtomicStorage, CorruptStore, Damage, DamagedSessions, NewerStore, StoreProblem

__all__ = ["CorruptStore", "DamagedSessions", "FoldMark", "NewerStore", "SessionStore", "StoreProblem"]


PLAIN_MOST, PLAIN_LEFT = 4_000_000, 2_000_000
"""Bytes of plain documents from which old ones are packed, and what of them then stays: some hundred sessions."""

WORTH = 2**16
"""Bytes that packing anew must save, its dictionary among them."""


class FoldMark(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a run's events is in the log: size (bytes) and mtime (ns) of the file, and whether it has ended."""

    size: int
    mtime_ns: int
    ended: bool


class SessionStore:
    """The sessions by id. Returned values are copies. Use one store per thread.

    Any call may raise StoreProblem. CorruptStore means that a damaged file was just set aside, so that the next call
    finds an empty store; DamagedSessions that single sessions were, so that the next call finds the others.
    `unreadable` are the reasons, by id, of those that could be neither read nor set aside.
    """

    def __init__(self, path: Path) -> None:
        self.unreadable: dict[str, str] = {}
        self.path = real(path)  # a linked file stays linked; a link that leads to itself is kept
        self._storage = AtomicStorage(self.path)
        self._db = _Database(storage=lambda: self._storage)
        self._sessions = cast(_StringTable, self._db.table("sessions"))
        self._folded = cast(_StringTable, self._db.table("folded"))
        self._packing = cast(_StringTable, self._db.table("packing"))

    def put(self, *sessions: Session, folded: Mapping[str, FoldMark] | None = None) -> None:
        """Store documents and fold marks in one write, or none if all are stored already.

        A document never replaces one of the same session that includes more events.
        """
        if not sessions and not folded:
            return

        def change() -> None:
            with self._storage.transaction():
                newer = {s.id: row for s in sessions if self._is_newer(s, row := Row.of(s))}
                marks = {run: row for run, row in _marks(folded).items() if self._folded.is_other(run, row)}
                for table, rows in ((self._sessions, newer), (self._folded, marks)):
                    if rows:
                        table.store(rows)

        self._guarded(change)

    def _is_newer(self, session: Session, row: Row) -> bool:
        """Whether it is to be stored. A damaged one may lack `last_seq`: the new one has all events."""
        stored = self._sessions.row(session.id)
        if stored is None:
            return True
        known = stored.last_seq
        return not _is_document(stored, row) and not (known is not None and known > session.last_seq)

    def update(self, session_id: str, change: Callable[[Session], Session]) -> Session:
        """Replace a session by `change(session)`, all under the lock. Raises KeyError if there is no such session."""
        self.get(session_id)  # a damaged one is set aside in a transaction of its own

        def apply() -> Session:
            with self._storage.transaction():
                session = self.get(session_id)
                if session is None:
                    raise KeyError(session_id)
                changed = change(session)
                self._sessions.store({session_id: Row.of(changed)})
                return changed

        return self._guarded(apply)

    def get(self, session_id: str) -> Session | None:
        """The session, or None."""
        row = self._guarded(lambda: self._sessions.row(session_id))
        if row is None:
            return None
        try:
            return row.session
        except Unfit:
            self._set_aside_damaged()
            return self.get(session_id)

    def rows(self) -> Mapping[str, Row]:
        """Every session's row by id, none of them decoded. They stay as they are when the log is written."""
        return self._guarded(lambda: dict(self._sessions.rows()))

    def all(self) -> list[Session]:
        """Every session that can be read, newest first."""
        sessions, self.unreadable = _sort_out(self._guarded(self._sessions.rows))
        if self.unreadable:
            try:
                self._set_aside_damaged()
            except DamagedSessions:
                self.unreadable = {}
                raise
            except StoreProblem:  # it cannot be written: the others are listed all the same
                pass
        return sorted(sessions, key=lambda s: (s.started.at, s.id), reverse=True)

    def _set_aside_damaged(self) -> None:
        """Move the sessions that cannot be read to a file beside the log. Raises DamagedSessions if there are any.

        Their fold marks go, too, so that those whose run is still there are folded anew.
        """

        def move() -> None:
            with self._storage.transaction():
                rows = self._sessions.rows()
                _, reasons = _sort_out(rows)
                if not reasons:
                    return  # another process was first
                kept_as = self._storage.keep_aside({name: rows[name] for name in reasons})
                for table in (self._sessions, self._folded):
                    left = {name: row for name, row in table.rows().items() if name not in reasons}
                    table.store(left, clear_first=True)
            raise DamagedSessions(self.path, reasons, kept_as)

        self._guarded(move)

    def folded(self, runs: Iterable[str] | None = None) -> dict[str, FoldMark]:
        """The fold marks of these runs, or of all; without those that cannot be read: such a run is folded anew."""

        def read() -> dict[str, Row]:
            if runs is None:
                return dict(self._folded.rows())
            return {run: row for run in runs if (row := self._folded.row(run)) is not None}

        return {run: mark for run, row in self._guarded(read).items() if (mark := _mark(row)) is not None}

    def replace_all(self, sessions: Iterable[Session], *, folded: Mapping[str, FoldMark] | None = None) -> None:
        """Make the store hold exactly these sessions and marks; a damaged file is set aside first."""
        documents = {s.id: Row.of(s) for s in sessions}
        marks = _marks(folded)

        def change() -> None:
            with self._storage.transaction():
                self._sessions.store(documents, clear_first=True)
                self._folded.store(marks, clear_first=True)

        self._guarded(change)

    def pack(self, above: int = PLAIN_MOST, to: int = PLAIN_LEFT) -> int:
        """Pack the oldest ended sessions of a log whose plain documents take more than `above` bytes, down to `to`.

        Returns how many. A log of some hundred sessions stays plain as a whole.
        """
        rows = self.rows()
        if packing.plain_size(rows) <= above:
            return 0
        return self._swap(rows, *packing.packed(packing.oldest(rows, to), self._dictionaries()))

    def compact(self, runs: Iterable[str], to: int = PLAIN_LEFT) -> tuple[int, int]:
        """Pack a large log anew, and forget the fold marks of runs that are not among `runs`. How many of each."""
        rows, dictionaries, there = self.rows(), self._dictionaries(), set(runs)
        old = {name: row for name, row in rows.items() if row.is_packed}
        if old or packing.plain_size(rows) > PLAIN_MOST:
            old |= packing.oldest(rows, to)
        made, kept = packing.packed(old, dictionaries, anew=True) if old else ({}, {})
        less = packing.size({name: rows[name] for name in made}) - packing.size(made)
        swapped = self._swap(rows, made, kept) if less > WORTH else 0

        def forget() -> int:
            gone = self._folded.rows().keys() - there
            if gone:
                with self._storage.transaction():  # a scribe may write marks meanwhile
                    left = {run: row for run, row in self._folded.rows().items() if run not in gone}
                    self._folded.store(left, clear_first=True)
            return len(gone)

        return swapped, self._guarded(forget)

    def _swap(self, before: Mapping[str, Row], packed: Mapping[str, Row], dictionaries: Mapping[str, Row]) -> int:
        """Put packed rows in place of those that are still as they were `before`; returns how many.

        They were packed without the lock, which a verdict may want. None is put in place where another process has made
        a dictionary of the same name meanwhile: the next time will do.
        """

        def change() -> int:
            with self._storage.transaction():
                if any(self._packing.is_other(n, row) for n, row in dictionaries.items() if self._packing.row(n)):
                    return 0
                same = {name: row for name, row in packed.items() if not self._sessions.is_other(name, before[name])}
                if same:
                    self._sessions.store(same)
                    known = {**self._packing.rows(), **dictionaries}
                    unused = packing.unused(self._sessions.rows(), known)
                    kept = {name: row for name, row in known.items() if name not in unused}
                    self._packing.store(kept, clear_first=True)
                return len(same)

        return self._guarded(change) if packed else 0

    def _dictionaries(self) -> Mapping[str, Row]:
        return self._guarded(lambda: dict(self._packing.rows()))

    def close(self) -> None:
        """Close the cached file."""
        self._db.close()

    def __enter__(self) -> SessionStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _guarded[T](self, use: Callable[[], T]) -> T:
        """Call `use`; if the file is damaged, check again under the lock and set it aside. Raises CorruptStore."""
        try:
            return use()
        except Damage as damage:
            reason = str(damage)
        try:
            with self._storage.transaction():
                return use()
        except Damage as damage:
            raise self._storage.set_aside(str(damage)) from damage
        except CorruptStore:
            raise
        except StoreProblem as problem:
            message = f"{self.path} is damaged ({reason}) and cannot be set aside: {problem}"
            raise StoreProblem(message) from None


def _is_document(stored: Row, row: Row) -> bool:
    """Whether this is the document that is stored already."""
    try:
        return memoryview(stored.document) == memoryview(row.document)
    except Unfit:
        return False


def _sort_out(rows: Mapping[str, Row]) -> tuple[list[Session], dict[str, str]]:
    """The sessions that can be read, which share equal profiles, and why the others cannot."""
    sessions, reasons, profiles = [], {}, Profiles()
    for name, row in rows.items():
        try:
            sessions.append(profiles.shared(row.session))
        except Unfit as unfit:
            reasons[name] = str(unfit)
    return sessions, reasons


def _marks(folded: Mapping[str, FoldMark] | None) -> dict[str, Row]:
    return {run: Row.of(mark) for run, mark in (folded or {}).items()}


def _mark(row: Row) -> FoldMark | None:
    try:
        return _fold_mark.decode(row.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_fold_mark = msgspec.json.Decoder(FoldMark)


class _StringTable(Table):
    """A TinyDB table with string ids whose every update is one locked read-modify-write."""

    document_id_class = str  # type: ignore[assignment]

    def row(self, row_id: str) -> Row | None:
        """A stored row."""
        return self.rows().get(row_id)

    def rows(self) -> Mapping[str, Row]:
        """Every stored row by id. Read-only: it is the cache itself."""
        return cast("Mapping[str, Row]", self._read_table())

    def is_other(self, row_id: str, row: Row) -> bool:
        """Whether this row is not stored yet."""
        stored = self.row(row_id)
        return stored is None or memoryview(stored.raw) != memoryview(row.raw)

    def _update_table(self, updater: Callable[[dict[Any, Any]], None]) -> None:
        """As TinyDB's own, without converting each id: they are strings already."""
        storage = cast(AtomicStorage, self._storage)
        with storage.transaction():
            tables = storage.read() or {}
            table = dict(tables.get(self.name, {}))
            updater(table)
            storage.write({**tables, self.name: table})
            self.clear_cache()

    def store(self, documents: Mapping[str, Row], *, clear_first: bool = False) -> None:
        """Insert or replace whole documents by id; with `clear_first`, after removing all others."""

        def update(rows: dict[Any, Any]) -> None:
            if clear_first:
                rows.clear()
            rows.update(documents)

        self._update_table(update)


class _Database(TinyDB):
    table_class = _StringTable
