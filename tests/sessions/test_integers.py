"""Integers that a document may have: 64 bits, signed or not; digits of texts and fractions are none."""

from __future__ import annotations

import pytest

from sessions import integers

FRACTION = "0.0048816166000051455123456789012345678901234567890"


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), f'"{10**30}"', FRACTION, f"[{FRACTION}, {FRACTION}, 3]"])
def test_what_fits_is_kept(number: object) -> None:
    integers.check(f'{{"a": {number}}}'.encode())


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400, f"[{FRACTION}, {10**30}]", f"[{FRACTION},{2**64}]"])
def test_what_does_not_is_named(number: object) -> None:
    with pytest.raises(OverflowError, match="an integer of "):
        integers.check(f'{{"a": {number}}}'.encode())
