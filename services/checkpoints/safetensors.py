"""safetensors files without torch: whether they are whole, and the shapes of what they hold."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""
UNREADABLE = (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError)
"""What a file raises that is none, or torn."""


def whole(path: Path) -> bool:
    """Whether the file is as long as its header says."""
    try:
        begins, header = _header(path)
        ends = [entry["data_offsets"][1] for entry in header.values()]
        return bool(path.stat().st_size == begins + max(ends, default=0))
    except UNREADABLE:
        return False


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Its tensors' shapes by name; nothing of a file that cannot be read."""
    try:
        return {name: tuple(map(int, entry["shape"])) for name, entry in _header(path)[1].items()}
    except UNREADABLE:
        return {}


def _header(path: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Where the tensors begin, and what is said of each: 8 bytes of length, then JSON."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > LONGEST_HEADER:
            raise ValueError(f"{path} has no header")
        header: dict[str, dict[str, Any]] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return 8 + length, header
