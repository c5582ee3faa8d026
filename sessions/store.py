"""sessions.json: the log's TinyDB file. This module is the only one that opens it.

Several processes may read and write it. A write is one read-modify-write under a lock, put in place by
rename; a reader needs no lock and sees the old or the new file. The layout is a stock TinyDB's:
`{"schema": {"1": {"version": 2}}, "sessions": {id: document}, "folded": {run: mark}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
from tinydb import TinyDB
from tinydb.table import Table

from sessions.document import Session
from sessions.storage import AtomicStorage, CorruptStore, Damage, DamagedSessions, NewerStore, StoreProblem

__all__ = ["CorruptStore", "DamagedSessions", "FoldMark", "NewerStore", "SessionStore", "StoreProblem"]


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
        self.path = path.resolve()  # a linked file stays linked
        self._storage = AtomicStorage(self.path)
        self._db = _Database(storage=lambda: self._storage)
        self._sessions = cast(_StringTable, self._db.table("sessions"))
        self._folded = cast(_StringTable, self._db.table("folded"))

    def put(self, *sessions: Session, folded: Mapping[str, FoldMark] | None = None) -> None:
        """Store documents and fold marks in one write, or none if all are stored already.

        A document never replaces one of the same session that includes more events.
        """
        if not sessions and not folded:
            return

        def change() -> None:
            with self._storage.transaction():
                newer = {s.id: d for s in sessions if self._is_newer(s.id, d := _document(s))}
                marks = {run: m for run, m in _marks(folded).items() if self._folded.row(run) != m}
                for table, documents in ((self._sessions, newer), (self._folded, marks)):
                    if documents:
                        table.store(documents)

        self._guarded(change)

    def _is_newer(self, session_id: str, document: dict[str, Any]) -> bool:
        stored = self._sessions.row(session_id)
        if stored is None:
            return True
        known = stored.get("last_seq")  # a damaged one may lack it: the new one is made of all the run's events
        return stored != document and not (isinstance(known, int) and known > document["last_seq"])

    def update(self, session_id: str, change: Callable[[Session], Session]) -> Session:
        """Replace a session by `change(session)`, all under the lock. Raises KeyError if there is no such session."""
        self.get(session_id)  # a damaged one is set aside in a transaction of its own

        def apply() -> Session:
            with self._storage.transaction():
                session = self.get(session_id)
                if session is None:
                    raise KeyError(session_id)
                changed = change(session)
                self._sessions.store({session_id: _document(changed)})
                return changed

        return self._guarded(apply)

    def get(self, session_id: str) -> Session | None:
        """The session, or None."""
        document = self._guarded(lambda: self._sessions.row(session_id))
        if document is None:
            return None
        try:
            return _session(document)
        except _Unfit:
            self._set_aside_damaged()
            return self.get(session_id)

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
                kept_as = self._storage.keep_aside({name: dict(rows[name]) for name in reasons})
                for table in (self._sessions, self._folded):
                    left = {name: dict(row) for name, row in table.rows().items() if name not in reasons}
                    table.store(left, clear_first=True)
            raise DamagedSessions(self.path, reasons, kept_as)

        self._guarded(move)

    def folded(self, runs: Iterable[str] | None = None) -> dict[str, FoldMark]:
        """The fold marks of these runs, or of all; without those that cannot be read: such a run is folded anew."""

        def read() -> dict[str, Mapping[str, Any]]:
            if runs is None:
                return dict(self._folded.rows())
            return {run: row for run in runs if (row := self._folded.row(run)) is not None}

        return {run: mark for run, row in self._guarded(read).items() if (mark := _mark(row)) is not None}

    def replace_all(self, sessions: Iterable[Session], *, folded: Mapping[str, FoldMark] | None = None) -> None:
        """Make the store hold exactly these sessions and marks; a damaged file is set aside first."""
        documents = {s.id: _document(s) for s in sessions}
        marks = _marks(folded)

        def change() -> None:
            with self._storage.transaction():
                self._sessions.store(documents, clear_first=True)
                self._folded.store(marks, clear_first=True)

        self._guarded(change)

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


def _document(session: Session) -> dict[str, Any]:
    """The session as plain JSON values, copied."""
    return cast(dict[str, Any], orjson.loads(msgspec.json.encode(session)))


def _session(document: Mapping[str, Any]) -> Session:
    """The session of a stored document, copied. Raises _Unfit."""
    try:
        return _sessions.decode(orjson.dumps(document))
    except msgspec.ValidationError as error:
        raise _Unfit(f"it does not fit the schema: {error}") from error


def _sort_out(rows: Mapping[str, Mapping[str, Any]]) -> tuple[list[Session], dict[str, str]]:
    """The sessions that can be read, and why the others cannot."""
    sessions, reasons = [], {}
    for name, row in rows.items():
        try:
            sessions.append(_session(row))
        except _Unfit as unfit:
            reasons[name] = str(unfit)
    return sessions, reasons


def _marks(folded: Mapping[str, FoldMark] | None) -> dict[str, dict[str, Any]]:
    return {run: msgspec.to_builtins(mark) for run, mark in (folded or {}).items()}


def _mark(row: Mapping[str, Any]) -> FoldMark | None:
    try:
        return msgspec.convert(row, FoldMark)
    except msgspec.ValidationError:
        return None


_sessions = msgspec.json.Decoder(Session)


class _Unfit(Exception):
    """A document cannot be read; the message says why."""


class _StringTable(Table):
    """A TinyDB table with string ids whose every update is one locked read-modify-write."""

    document_id_class = str  # type: ignore[assignment]

    def row(self, row_id: str) -> dict[str, Any] | None:
        """A stored document. Read-only: its inner values belong to the cache."""
        return cast("dict[str, Any] | None", self.get(doc_id=cast(Any, row_id)))

    def rows(self) -> dict[str, dict[str, Any]]:
        """Every stored document by id. Read-only."""
        return {str(document.doc_id): document for document in self}

    def _update_table(self, updater: Callable[[dict[Any, Any]], None]) -> None:
        with cast(AtomicStorage, self._storage).transaction():
            super()._update_table(updater)

    def store(self, documents: Mapping[str, dict[str, Any]], *, clear_first: bool = False) -> None:
        """Insert or replace whole documents by id; with `clear_first`, after removing all others."""

        def update(rows: dict[Any, Any]) -> None:
            if clear_first:
                rows.clear()
            rows.update(documents)

        self._update_table(update)


class _Database(TinyDB):
    table_class = _StringTable
