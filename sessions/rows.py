"""A row of the log's file: JSON that is decoded only where somebody looks into it.

A log of thousands of sessions is read, and one row of it replaced, without decoding the others. Rows of old sessions
may be packed: `{"packed": ..., "with": "1", "kind": ..., ...}` holds the whole document, compressed (zlib, base64) with
the dictionary of that name in the table `packing`, and beside it, for whoever opens the file with TinyDB alone, the
facts that sessions are looked up by.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from sessions import integers
from sessions.bench import Profile
from sessions.document import Session

PACKED_VERSION = 3
"""The schema of a file with packed rows, which a console that knows version 2 takes for damaged."""
NO_DOCUMENT = "damaged"
"""The key under which a row that is no document shows its value: TinyDB knows documents only."""
LARGEST = 64 * 2**20
"""Bytes of a document, packed ones of more are not unpacked: whatever a file says, memory is not filled with it."""

BLOWN_UP, ROOM = 200, 2**20
"""How many times its packed bytes a document may have, beyond ROOM: those of sessions have at most 60."""

DICTIONARY = 2**15
"""Bytes of a dictionary: zlib looks no further back."""

_PACKED, _PLAIN = b'{"packed":', b'{"started":'
"""How a row begins that this program wrote; another one may order and space it otherwise."""
FLAT = ("kind", "status", "started_utc", "operator", "bench", "dataset", "checkpoint", "accepted", "tags")
"""What a packed row says in the clear."""


class Unfit(Exception):
    """A document cannot be read; the message says why."""


def _most(packed: bytes) -> int:
    """The bytes of the largest document that these are unpacked to."""
    return min(LARGEST, ROOM + BLOWN_UP * len(packed))


class Packing(Mapping[str, bytes]):
    """The dictionaries that rows are packed with, by name, decoded where one is needed. A damaged one is not there."""

    def __init__(self, table: Mapping[str, Row]) -> None:
        self.table = table
        self._decoded: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._decoded:
            try:
                self._decoded[name] = base64.b64decode(self.table[name]["dictionary"], validate=True)
            except (TypeError, ValueError):
                raise KeyError(name) from None
        return self._decoded[name]

    @cached_property
    def digest(self) -> bytes:
        """What tells whether the dictionaries are the same."""
        told = blake2b(digest_size=16)
        for name in sorted(self.table):
            told.update(b"%s:%s;" % (name.encode(errors="replace"), bytes(memoryview(self.table[name].raw))))
        return told.digest()

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)


def dictionary(documents: Iterable[Session]) -> Row:
    """A row of the table `packing`: what sessions like these have in common, which none of them then repeats."""
    newest = {session.kind: session for session in sorted(documents, key=lambda session: session.started.at)}
    common = b"".join(_encoder.encode(_sample(session)) for session in newest.values())[-DICTIONARY:]
    return Row.of({"dictionary": base64.b64encode(common).decode()})


def _sample(session: Session) -> Session:
    """What of it others are like: a few of its episodes and trials, which are alike themselves."""
    return msgspec.structs.replace(session, episodes=session.episodes[:4], trials=session.trials[:4])


class Row(Mapping[str, Any]):
    """A stored row, as its JSON. As a mapping it is what is written in the file, decoded at each look.

    `packing` has the dictionary of a packed one.
    """

    __slots__ = ("packing", "raw")

    def __init__(self, raw: bytes | msgspec.Raw, packing: Packing | None = None) -> None:
        self.raw, self.packing = raw, packing

    @classmethod
    def of(cls, value: object) -> Row:
        """The row of a struct, or of plain values."""
        return cls(_encoder.encode(value))

    @property
    def is_packed(self) -> bool:
        """Whether the document is compressed."""
        begins = bytes(memoryview(self.raw)[: len(_PLAIN)])
        if begins.startswith((_PACKED, _PLAIN)):
            return begins.startswith(_PACKED)
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return bool(_packed.decode(self.raw).packed)
        return False

    @property
    def packed_with(self) -> str:
        """The dictionary of a packed one; empty for none, or where it cannot be read."""
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _packed.decode(self.raw).dictionary if self.is_packed else ""
        return ""

    @property
    def document(self) -> bytes | msgspec.Raw:
        """The document's JSON. Raises Unfit."""
        if not self.is_packed:
            return self.raw
        try:
            packed = _packed.decode(self.raw)
            unpacker = zlib.decompressobj(zdict=(self.packing or Packing({}))[packed.dictionary])
            data = base64.b64decode(packed.packed, validate=True)
            document = unpacker.decompress(data, _most(data))
        except KeyError as missing:
            raise Unfit(f"it cannot be unpacked: the file has no dictionary {missing}") from None
        except (ValueError, RecursionError, zlib.error) as error:
            raise Unfit(f"it cannot be unpacked: {error}") from None
        if not unpacker.eof:
            raise Unfit("it cannot be unpacked: it is torn, or too large")
        return document

    @property
    def session(self) -> Session:
        """The document. Raises Unfit."""
        try:
            document = self.document
            session = _session.decode(document)
            integers.check(bytes(memoryview(document)))
            return session
        except OverflowError as error:
            raise Unfit(f"it holds {error}") from None
        except (msgspec.ValidationError, UnicodeDecodeError) as error:
            raise Unfit(f"it does not fit the schema: {error}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise Unfit(f"it is no JSON: {error}") from None

    @property
    def last_seq(self) -> int | None:
        """The newest event in the document; None if a damaged one does not say it."""
        try:
            known = _last_seq.decode(self.document).last_seq
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unfit):
            return None
        return known if isinstance(known, int) else None

    def packed(self, name: str, packing: Packing) -> Row:
        """The same document, compressed with the dictionary of this name. Raises Unfit."""
        packer = zlib.compressobj(9, zdict=packing[name])
        document = self.document
        packed = packer.compress(document) + packer.flush()
        if len(memoryview(document)) >= _most(packed):
            raise Unfit("it is too large to be packed")  # unpacking would refuse it
        session = self.session
        row = Row.of(
            {
                "packed": base64.b64encode(packed).decode(),
                "with": name,
                **{name: getattr(session, name) for name in FLAT},
            }
        )
        row.packing = packing
        return row

    def _values(self) -> dict[str, Any]:
        value = orjson.loads(memoryview(self.raw))
        return value if isinstance(value, dict) else {NO_DOCUMENT: value}

    def __getitem__(self, key: str) -> Any:
        return self._values()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())


class Profiles:
    """Bench profiles, each kept once: thousands of sessions of a bench have equal ones."""

    def __init__(self) -> None:
        self._known: list[Profile] = []

    def shared(self, session: Session) -> Session:
        """The session, which the caller has just decoded, with a profile that sessions before it had."""
        profile = session.request.profile
        if profile is None:
            return session
        known = next((each for each in self._known if each == profile), None)
        if known is None:
            self._known = [profile, *self._known[:7]]
        else:
            msgspec.structs.force_setattr(session.request, "profile", known)
        return session


def table_json(rows: Mapping[str, Row]) -> Iterator[bytes | msgspec.Raw]:
    """The JSON of a table in parts, whose rows are not encoded anew."""
    yield b"{"
    comma = b""
    for name, row in rows.items():
        yield comma + orjson.dumps(name) + b":"  # few parts are joined faster than many
        yield row.raw
        comma = b","
    yield b"}"


class _Packed(msgspec.Struct):
    packed: str = ""
    dictionary: str = msgspec.field(name="with", default="")


class _LastSeq(msgspec.Struct):
    last_seq: Any = None


_encoder = msgspec.json.Encoder()
_session = msgspec.json.Decoder(Session)
_packed = msgspec.json.Decoder(_Packed)
_last_seq = msgspec.json.Decoder(_LastSeq)
