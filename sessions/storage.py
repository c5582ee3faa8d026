"""The file under the log: TinyDB's tables in one JSON file that is always whole.

A write is one read-modify-write under a lock, put in place by rename; a reader needs no lock and sees the old or the
new file. What cannot be read is set aside, never overwritten.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
from tinydb.storages import Storage

from sessions import upgrade
from sessions.document import SCHEMA_VERSION, Session
from sessions.files import FULL, write_atomically
from sessions.locks import Lock, LockBusy

LOCK_PATIENCE_S = 10.0
STAMP = {"1": {"version": SCHEMA_VERSION}}
"""The table with the schema version, in TinyDB's layout."""

WHOLE, SINGLE = "corrupt", "damaged"
"""What follows the log's name in the names of files that were set aside: a whole log, or single sessions."""
NO_DOCUMENT = "damaged"
"""The key under which a row that is no document is kept until it is set aside: TinyDB knows documents only."""

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


class DamagedSessions(StoreProblem):
    """Sessions could not be read and were moved to the file `kept_as`; the others stay. `reasons` are by id."""

    def __init__(self, path: Path, reasons: Mapping[str, str], kept_as: Path) -> None:
        super().__init__(f"{path.name}: {_spell(reasons)}; set aside as {kept_as.name}")
        self.reasons, self.kept_as = dict(reasons), kept_as


def _spell(reasons: Mapping[str, str]) -> str:
    """Which sessions cannot be read, and why."""
    return "; ".join(f"session {name} cannot be read ({why})" for name, why in reasons.items())


class Damage(Exception):
    """The file's content is damaged; the message says how."""


@dataclass(frozen=True)
class _CachedFile:
    """The tables of a file that is kept open, so that its inode number is not reused."""

    fd: int
    identity: tuple[int, ...]
    tables: Tables


def _identity(info: os.stat_result) -> tuple[int, ...]:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


class AtomicStorage(Storage):
    """TinyDB's tables in one file that is always whole, with a cache that is validated by stat.

    Writes are collected until the outermost `transaction` ends, then put in place once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cached: _CachedFile | None = None
        self._inside = False
        self._unwritten: Tables | None = None
        self._kept_as: Path | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One read-modify-write. An error inside leaves the file as it was and drops the cache.

        What was kept aside within it is then removed: the file still has it.
        """
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
                if self._kept_as is not None and self._is_unchanged():
                    with suppress(OSError):
                        self._kept_as.unlink()
                self.forget()
                raise
            finally:
                self._inside, self._unwritten, self._kept_as = False, None, None

    def _is_unchanged(self) -> bool:
        """Whether the file is still the one in the cache: a write may fail after it was put in place."""
        try:
            return self._cached is not None and self._cached.identity == _identity(self.path.stat())
        except OSError:
            return False

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

    def keep_aside(self, documents: Mapping[str, Any]) -> Path:
        """Write these sessions to a file of their own, in the log's layout; returns it. Within a transaction."""
        kept_as = self._free_name(SINGLE)
        try:
            write_atomically(kept_as, orjson.dumps({"schema": STAMP, "sessions": documents}))
        except OSError as error:
            raise _problem(kept_as, "written", error) from error
        self._kept_as = kept_as
        return kept_as

    def _free_name(self, kind: str) -> Path:
        """A name beside the file that nothing has, with the time."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        first = self.path.with_name(f"{self.path.name}.{kind}-{stamp}")
        others = (first.with_name(f"{first.name}-{n}") for n in itertools.count(2))
        return next(p for p in itertools.chain([first], others) if not p.exists())

    def set_aside(self, reason: str) -> CorruptStore:
        """Rename the damaged file, which the caller has checked under the lock; returns the error to raise."""
        kept_as = self._free_name(WHOLE)
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
    """The tables of a file. Raises Damage or NewerStore."""
    try:
        tables = orjson.loads(data)
        version = tables["schema"]["1"]["version"]
    except orjson.JSONDecodeError as error:
        raise Damage(f"not JSON: {error}") from error
    except (KeyError, TypeError, IndexError):
        raise Damage("no schema version in it") from None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise NewerStore(
            f"{path} was written by a newer lab console (schema {version}, this one knows {SCHEMA_VERSION}) "
            "and was left alone; update lab console, or choose another data folder with --data-dir"
        )
    if version not in (1, SCHEMA_VERSION) or not all(isinstance(table, dict) for table in tables.values()):
        raise Damage(f"not of schema {SCHEMA_VERSION}")
    for name, table in tables.items():
        tables[name] = {key: row if isinstance(row, dict) else {NO_DOCUMENT: row} for key, row in table.items()}
    if version == 1:
        tables["sessions"] = {key: _upgraded(row) for key, row in tables.get("sessions", {}).items()}
        tables["schema"] = STAMP
        tables["folded"] = {}  # the events of the runs that are still there say more than the old documents kept
    return cast(Tables, tables)


def _upgraded(row: dict[str, Any]) -> dict[str, Any]:
    """The document in the current form; one that cannot be converted is left as it was for the decoder to reject."""
    try:
        made = upgrade.session(row)
        msgspec.convert(made, Session)
    except (AttributeError, KeyError, TypeError, ValueError):  # msgspec's ValidationError is a ValueError
        return row
    return made


def _problem(path: Path, done: str, error: OSError) -> StoreProblem:
    full = error.errno in FULL
    remedy = "free some disk space" if full else "see to its folder's owner and permissions"
    reason = error.strerror or str(error)
    return StoreProblem(f"{path} cannot be {done}: {reason}; {remedy}, or choose another with --data-dir")
