"""sessions.json: the log's TinyDB file. This module is the only one that opens it.

Several processes may read and write it. A write is one read-modify-write under a lock, put in place by
rename; a reader needs no lock and sees the old or the new file. The layout is a stock TinyDB's:
`{"schema": {"1": {"version": 2}}, "sessions": {id: document}, "folded": {run: mark}}`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from sessions import upgrade
from sessions.document import SCHEMA_VERSION, Session
from sessions.files import FULL, write_atomically
from sessions.locks import Lock, LockBusy

LOCK_PATIENCE_S = 10.0
STAMP = {"1": {"version": SCHEMA_VERSION}}
"""The table with the schema version, in TinyDB's layout."""

Tables = dict[str, dict[str, Any]]


class StoreProblem(Exception):
    """The log's file cannot be used; the message names the file, the reason and what to do."""


class NewerStore(StoreProblem):
    """The file was written by a newer lab console; it was left unchanged."""


class CorruptStore(StoreProblem):
    """The file was damaged (`reason`) and was renamed to `kept_as`; the store is now empty."""

    def __init__(self, path: Path, reason: str, kept_as: Path) -> None:
        super().__init__(f"{path.name} was damaged ({reason}) and was set aside as {kept_as.name}")
        self.path, self.reason, self.kept_as = path, reason, kept_as


class FoldMark(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a run's events is in the log: size (bytes) and mtime (ns) of the file, and whether it has ended."""

    size: int
    mtime_ns: int
    ended: bool


class SessionStore:
    """The sessions by id. Returned values are copies. Use one store per thread.

    Any call may raise StoreProblem. CorruptStore means that a damaged file was just set aside, so that the next call
    finds an empty store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # a linked file stays linked
        self._storage = _AtomicStorage(self.path)
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
        return stored is None or (stored != document and stored["last_seq"] <= document["last_seq"])

    def update(self, session_id: str, change: Callable[[Session], Session]) -> Session:
        """Replace a session by `change(session)`, all under the lock. Raises KeyError if there is no such session."""

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

        def read() -> Session | None:
            document = self._sessions.row(session_id)
            return None if document is None else _session(document)

        return self._guarded(read)

    def all(self) -> list[Session]:
        """Every session, newest first."""
        sessions = self._guarded(lambda: [_session(d) for d in self._sessions.rows().values()])
        return sorted(sessions, key=lambda s: (s.started.at, s.id), reverse=True)

    def folded(self, runs: Iterable[str] | None = None) -> dict[str, FoldMark]:
        """The fold marks of these runs, or of all runs."""

        def read() -> dict[str, FoldMark]:
            if runs is None:
                return {run: _mark(row) for run, row in self._folded.rows().items()}
            return {run: _mark(row) for run in runs if (row := self._folded.row(run)) is not None}

        return self._guarded(read)

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
        except _Damage as damage:
            reason = str(damage)
        try:
            with self._storage.transaction():
                return use()
        except _Damage as damage:
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
    """The session of a stored document, copied. Raises _Damage."""
    try:
        return _sessions.decode(orjson.dumps(document))
    except msgspec.ValidationError as error:
        raise _Damage(f"a session does not fit the schema: {error}") from error


def _marks(folded: Mapping[str, FoldMark] | None) -> dict[str, dict[str, Any]]:
    return {run: msgspec.to_builtins(mark) for run, mark in (folded or {}).items()}


def _mark(row: Mapping[str, Any]) -> FoldMark:
    try:
        return msgspec.convert(row, FoldMark)
    except msgspec.ValidationError as error:
        raise _Damage(f"a fold mark does not fit the schema: {error}") from error


_sessions = msgspec.json.Decoder(Session)


class _Damage(Exception):
    """The file's content is damaged; the message says how."""


@dataclass(frozen=True)
class _CachedFile:
    """The tables of a file that is kept open, so that its inode number is not reused."""

    fd: int
    identity: tuple[int, ...]
    tables: Tables


def _identity(info: os.stat_result) -> tuple[int, ...]:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


class _AtomicStorage(Storage):
    """TinyDB's tables in one file that is always whole, with a cache that is validated by stat.

    Writes are collected until the outermost `transaction` ends, then put in place once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cached: _CachedFile | None = None
        self._inside = False
        self._unwritten: Tables | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One read-modify-write. An error inside leaves the file as it was and drops the cache."""
        if self._inside:
            yield
            return
        with self._locked():
            self._inside = True
            try:
                yield
                if self._unwritten is not None:
                    self._replace(self._unwritten)
            except BaseException:
                self.forget()
                raise
            finally:
                self._inside, self._unwritten = False, None

    def _locked(self) -> Lock:
        path = self.path.with_name(f"{self.path.name}.lock")
        try:
            return Lock(path, patience_s=LOCK_PATIENCE_S)
        except LockBusy as busy:
            raise StoreProblem(
                f"{self.path} is locked for over {LOCK_PATIENCE_S:g} s by {busy.holder}: "
                f"see who holds it with `fuser {path}`"
            ) from None
        except OSError as error:
            raise _problem(self.path, "written", error) from error

    def read(self) -> Tables | None:
        """The tables, None without a file. Returns the cache itself, which TinyDB changes in place under the lock."""
        if self._unwritten is not None:
            return self._unwritten
        try:
            if self._cached is None or self._cached.identity != _identity(self.path.stat()):
                self.forget()
                self._cached = self._load()
        except FileNotFoundError:
            self.forget()
            return None
        except OSError as error:
            raise _problem(self.path, "read", error) from error
        return self._cached.tables

    def _load(self) -> _CachedFile:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            info = os.fstat(fd)
            with open(fd, "rb", closefd=False) as file:
                return _CachedFile(fd, _identity(info), _parse(self.path, file.read()))
        except BaseException:
            os.close(fd)
            raise

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Keep the tables, to be written when `transaction` ends."""
        self._unwritten = data

    def _replace(self, tables: Tables) -> None:
        stamped = {"schema": STAMP, **tables}
        try:
            write_atomically(self.path, orjson.dumps(stamped))
            self.forget()
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _problem(self.path, "written", error) from error
        self._cached = _CachedFile(fd, _identity(os.fstat(fd)), stamped)

    def set_aside(self, reason: str) -> CorruptStore:
        """Rename the damaged file, which the caller has checked under the lock; returns the error to raise."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        first = self.path.with_name(f"{self.path.name}.corrupt-{stamp}")
        others = (first.with_name(f"{first.name}-{n}") for n in itertools.count(2))
        kept_as = next(p for p in itertools.chain([first], others) if not p.exists())
        try:
            self.path.rename(kept_as)
        except OSError as error:
            raise _problem(self.path, "set aside", error) from error
        return CorruptStore(self.path, reason, kept_as)

    def forget(self) -> None:
        """Drop the cache."""
        if self._cached is not None:
            os.close(self._cached.fd)
            self._cached = None

    def close(self) -> None:
        """Close the cached file."""
        self.forget()


def _parse(path: Path, data: bytes) -> Tables:
    """The tables of a file. Raises _Damage or NewerStore."""
    try:
        tables = orjson.loads(data)
        version = tables["schema"]["1"]["version"]
    except orjson.JSONDecodeError as error:
        raise _Damage(f"not JSON: {error}") from error
    except (KeyError, TypeError, IndexError):
        raise _Damage("no schema version in it") from None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerStore(
            f"{path} was written by a newer lab console (schema {version}, this one knows {SCHEMA_VERSION}) "
            "and was left alone; update lab console, or choose another data folder with --data-dir"
        )
    if version not in (1, SCHEMA_VERSION) or not all(map(_is_table, tables.values())):
        raise _Damage(f"not of schema {SCHEMA_VERSION}")
    if version == 1:
        tables["sessions"] = {key: _upgraded(row) for key, row in tables.get("sessions", {}).items()}
        tables["schema"] = STAMP
        tables["folded"] = {}  # the events of the runs that are still there say more than the old documents kept
    return cast(Tables, tables)


def _upgraded(row: dict[str, Any]) -> dict[str, Any]:
    """The document in the current form; one that cannot be converted is left for the decoder to reject."""
    try:
        return upgrade.session(row)
    except (AttributeError, KeyError, TypeError, ValueError):
        return row


def _is_table(table: object) -> bool:
    return isinstance(table, dict) and all(isinstance(row, dict) for row in table.values())


def _problem(path: Path, done: str, error: OSError) -> StoreProblem:
    full = error.errno in FULL
    remedy = "free some disk space" if full else "see to its folder's owner and permissions"
    reason = error.strerror or str(error)
    return StoreProblem(f"{path} cannot be {done}: {reason}; {remedy}, or choose another with --data-dir")


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
        with cast(_AtomicStorage, self._storage).transaction():
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
