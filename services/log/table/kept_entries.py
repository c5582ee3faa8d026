"""The light entries of a large log in a file beside it, so that a console that starts need not decode every document.

It is made of the log alone: anybody may delete it, and one that cannot be read is made anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

import msgspec

import sessions
from services.folders import DataFolder
from services.log.table.light import LIGHT_VERSION, Light
from sessions.files import read_file, real, write_atomically
from sessions.rows import Row

NAME = "sessions.index"
DIGEST = 16
"""Bytes of a digest."""
ROOMS = ("sessions", "services/checkpoints", "services/datasets", "services/health", "services/live", "services/log")
"""Where the code lies that entries are made with, but for the modules of services itself."""


class Made(msgspec.Struct, array_like=True, frozen=True):
    """An entry, without its `part`, and the digest of the document that it was made of."""

    digest: bytes
    entry: Light


def digest(row: Row) -> bytes:
    """What tells whether a stored document is the same, and can be read as before."""
    told = blake2b(row.raw, digest_size=DIGEST)
    if row.packing is not None and row.is_packed:
        told.update(row.packing.digest)
    return told.digest()


def read(folder: DataFolder) -> dict[str, Made]:
    """The entries of the file by session; none without one, or if another version of this program made them."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MemoryError):
        data = read_file(_file(folder))
        if data.startswith(made_by()):
            return _entries.decode(memoryview(data)[DIGEST:])
    return {}


def write(folder: DataFolder, made: Mapping[str, Made]) -> None:
    """Keep these, if the folder can be written."""
    with suppress(OSError):
        write_atomically(_file(folder), made_by() + _encoder.encode(made), mode=0o600)


def _file(folder: DataFolder) -> Path:
    """Beside the file that a link leads to, as the log's lock and what is set aside are."""
    return real(folder.sessions_file).with_name(NAME)


@cache
def made_by() -> bytes:
    """Other code makes other entries, and so does another time zone, in which their times are written."""
    code = blake2b(
        f"{LIGHT_VERSION} {time.tzname} {time.timezone} {Light.__struct_fields__}".encode(), digest_size=DIGEST
    )
    for path in sources():
        with suppress(OSError):
            info = path.stat()
            code.update(f"{path.name} {info.st_size} {info.st_mtime_ns};".encode())
    return code.digest()


def sources() -> Iterator[Path]:
    """The program's files that an entry may follow from."""
    root = Path(sessions.__file__).parent.parent
    for room in ROOMS:
        yield from sorted((root / room).rglob("*.py"))
    yield from sorted((root / "services").glob("*.py"))


_encoder = msgspec.msgpack.Encoder()
_entries = msgspec.msgpack.Decoder(dict[str, Made])
