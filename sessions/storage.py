"""The file under the log: TinyDB's tables in one JSON file that is always whole.

A write is one read-modify-write under a lock, put in place by rename; a reader needs no lock and sees the old or the
new file. What cannot be read is set aside, never overwritten.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson
from tinydb.storages import Storage

from sessions import upgrade
from sessions.document import SCHEMA_VERSION, Session
from sessions.files import FULL, filled_atomically, open_to_read, real, write_atomically
from sessions.locks import Lock, LockBusy
from sessions.rows import PACKED_VERSION, Packing, Row, table_json

LOCK_PATIENCE_S = 10.0
WHOLE, SINGLE, BEFORE = "corrupt", "damaged", "schema"
"""What follows the log's name in the names of files beside it: a whole log or single sessions that were set aside, and
the log as it was before it was rewritten in another schema version."""

PARTS = 1_000
"""Parts of rows that are written at once, about a megabyte: memory for all of them takes longer to get than to fill."""

Tables = dict[str, dict[str, Row]]


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
    version: int


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
        fd = open_to_read(self.path)
        try:
            info = os.fstat(fd)
            with open(fd, "rb", closefd=False) as file:
                return _CachedFile(fd, _identity(info), *_parse(self.path, file.read()))
        except BaseException:
            os.close(fd)
            raise

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Keep the tables, to be written when `transaction` ends."""
        self._unwritten = data

    def _replace(self, tables: Tables) -> None:
        """Put these tables in place of the file, of which a copy is kept if it is of an older schema."""
        version = _version_of(tables)
        tables = {**tables, "schema": _stamp(version)}
        if self._cached is not None and self._cached.version < version:
            self._back_up(self._cached)
        try:
            with filled_atomically(self.path) as temporary, open(temporary, "wb") as file:
                for piece in _encoded(tables):
                    file.write(piece)
            self.forget()
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _problem(self.path, "written", error) from error
        self._cached = _CachedFile(fd, _identity(os.fstat(fd)), tables, version)

    def _back_up(self, old: _CachedFile) -> None:
        """Copy the file, durably, to a name with its schema version and the time. Raises StoreProblem."""
        kept_as = self._free_name(f"{BEFORE}-{old.version}")
        try:
            with open(old.fd, "rb", closefd=False) as file:
                file.seek(0)
                write_atomically(kept_as, file.read())
        except OSError as error:
            raise _problem(kept_as, "written", error) from error

    def keep_aside(self, documents: Mapping[str, Row]) -> Path:
        """Write these sessions to a file of their own, in the log's layout; returns it. Within a transaction."""
        kept_as = self._free_name(SINGLE)
        packing = self._cached.tables.get("packing") if self._cached else None
        tables = {"sessions": dict(documents), **({"packing": packing} if packing else {})}
        try:
            write_atomically(kept_as, b"".join(_encoded({"schema": _stamp(_version_of(tables)), **tables})))
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


def left_beside(log: Path, kinds: Iterable[str] = (WHOLE, SINGLE, BEFORE)) -> list[Path]:
    """The files of these kinds beside the log, or beside the one that a link leads to."""
    file = real(log)
    return sorted(path for kind in kinds for path in file.parent.glob(f"{file.name}.{kind}-*") if path.is_file())


_tables = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


def _encoded(tables: Tables) -> Iterator[bytes]:
    """The file's content in pieces: only rows that changed were encoded anew, the others are copied as they are."""
    parts = (part for name, table in tables.items() for part in (b",", orjson.dumps(name), b":", *table_json(table)))
    next(parts)
    yield b"{"
    for some in itertools.batched(parts, PARTS):
        yield b"".join(some)
    yield b"}"


def _version_of(tables: Tables) -> int:
    """The schema that is needed to read these tables."""
    packed = any(row.is_packed for row in tables.get("sessions", {}).values())
    return PACKED_VERSION if packed else SCHEMA_VERSION


def _stamp(version: int) -> dict[str, Row]:
    """The table with the schema version, in TinyDB's layout."""
    return {"1": Row.of({"version": version})}


def _parse(path: Path, data: bytes) -> tuple[Tables, int]:
    """The tables of a file, whose rows are not looked into, and its version. Raises Damage or NewerStore."""
    try:
        raw = _split(data)
        packing = Packing({key: Row(row) for key, row in raw.get("packing", {}).items()})
        tables = {name: {key: Row(row, packing) for key, row in table.items()} for name, table in raw.items()}
        version = tables["schema"]["1"]["version"]
    except msgspec.ValidationError:
        raise Damage(_misfit(data)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Damage(f"not JSON: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise Damage("no schema version in it") from None
    if isinstance(version, int) and version > PACKED_VERSION:
        raise NewerStore(
            f"{path} was written by a newer lab console (schema {version}, this one knows {PACKED_VERSION}) "
            "and was left alone; update lab console, or choose another data folder with --data-dir"
        )
    if version not in (1, SCHEMA_VERSION, PACKED_VERSION):
        raise Damage(f"not of schema {SCHEMA_VERSION}")
    if version == 1:
        tables["sessions"] = {key: _upgraded(row) for key, row in tables.get("sessions", {}).items()}
        tables["folded"] = {}  # the events of the runs that are still there say more than the old documents kept
    return tables, version


def _split(data: bytes) -> dict[str, dict[str, msgspec.Raw]]:
    """The tables. What is no JSON, but TinyDB alone writes (NaN, half a character), damages its row only."""
    try:
        return _tables.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        try:
            loose = json.loads(data)
            return {
                name: {key: msgspec.Raw(json.dumps(row).encode()) for key, row in table.items()}
                for name, table in loose.items()
            }
        except (ValueError, AttributeError, RecursionError):
            pass
        raise


def _misfit(data: bytes) -> str:
    """Why JSON is no log."""
    with suppress(orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        orjson.loads(data)["schema"]["1"]["version"]
        return f"not of schema {SCHEMA_VERSION}"
    return "no schema version in it"


def _upgraded(row: Row) -> Row:
    """The document in the current form; one that cannot be converted is left as it was for the decoder to reject."""
    try:
        made = upgrade.session(row)
        msgspec.convert(made, Session)
    except (AttributeError, KeyError, TypeError, ValueError):  # msgspec's ValidationError is a ValueError
        return row
    return Row.of(made)


def _problem(path: Path, done: str, error: OSError) -> StoreProblem:
    full = error.errno in FULL
    remedy = "free some disk space" if full else "see to its folder's owner and permissions"
    reason = error.strerror or str(error)
    return StoreProblem(f"{path} cannot be {done}: {reason}; {remedy}, or choose another with --data-dir")
