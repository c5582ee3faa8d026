"""Integers in JSON that no document carries on: those of more than 64 bits."""

from __future__ import annotations

import json

_DIGITS = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else byte for byte in range(256))
_LONG = b"0" * 19
"""So many digits may be such an integer, or those of a text or a fraction."""


def check(data: bytes) -> None:
    """Raises OverflowError if there is one. `data` is JSON."""
    plain = data.translate(_DIGITS)
    at = plain.find(_LONG)
    while at >= 0:
        if data[at - 1 : at] != b".":  # no fraction, of which every document of a training has some
            json.loads(data, parse_int=_short)
            return
        at = plain.find(_LONG, at + len(_LONG) + 1)


def _short(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise OverflowError(f"an integer of {len(digits)} digits")
    return int(digits)
