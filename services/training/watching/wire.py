"""Protocol buffers without their schema: the fields of a message, as far as they can be read."""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Field = tuple[int, int | bytes]
"""A field's number, and its value: an integer, or bytes (a text, a message, a packed list, a float as it is stored)."""


class Damaged(Exception):
    """The bytes are no message."""


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message in their order. Raises Damaged."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        size = 8 if kind == FIXED64 else 4 if kind == FIXED32 else -1
        if kind == BYTES:
            size, at = varint(data, at)
        if size < 0 or at + size > end:
            raise Damaged
        yield number, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where what follows begins. Raises Damaged."""
    value = shift = 0
    while shift < 64:
        if at >= len(data):
            raise Damaged
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Damaged


def signed(value: int | bytes) -> int:
    """An int64 field."""
    if isinstance(value, bytes):
        raise Damaged
    return value - 2**64 if value >= 2**63 else value


def part(value: int | bytes) -> bytes:
    """A field of bytes: a text or a message."""
    if isinstance(value, int):
        raise Damaged
    return value


def text(value: int | bytes) -> str:
    """A text; bytes that are no UTF-8 are replaced."""
    return part(value).decode("utf-8", "replace")


def floating(value: int | bytes) -> float:
    """A float or a double, as its size says."""
    stored = part(value)
    if len(stored) not in (4, 8):
        raise Damaged
    return float(struct.unpack("<f" if len(stored) == 4 else "<d", stored)[0])
