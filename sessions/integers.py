"""Integers in JSON that no document carries on: those of more than 64 bits."""

from __future__ import annotations

import json

_DIGITS = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else byte for byte in range(256))
_LONG = b"0" * 19
"""So many digits may be such an integer, or those of a text or a fraction."""


def check(data: bytes) -> None:
    """Raises OverflowError if there is one. `data` is JSON."""
    if _LONG in data.translate(_DIGITS):
        json.loads(data, parse_int=_short)


def _short(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise OverflowError(f"an integer of {len(digits)} digits")
    return int(digits)
