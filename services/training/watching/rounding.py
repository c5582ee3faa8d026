"""LeRobot's rounded numbers (`format_big_number`: `500`, `2K`, `1.2M`) as the range of what they may stand for."""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil, floor

_NUMBER = re.compile(r"(\d{1,16})(?:\.(\d{1,6}))?([KMBTQ]?)")
_UNITS = {unit: 1000**power for power, unit in enumerate(("", "K", "M", "B", "T", "Q"))}
Range = tuple[int, int]
"""The least and the greatest whole number, both possible."""


@lru_cache(maxsize=65_536)
def range_of(text: str) -> Range | None:
    """The whole numbers that are written like this; None if it is no such number.

    A number is divided by 1000 until it is below 1000 and then rounded half to even (`1000K` is possible): `2K` is
    1,501 to 2,499 as much as 1,500 and 2,500.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    whole, decimals, suffix = found[1], found[2] or "", found[3]
    unit = _UNITS[suffix]
    if unit == 1:
        return (int(whole), int(whole)) if not decimals.strip("0") else None
    digits, step = int(whole + decimals), unit / 10 ** len(decimals)
    even = digits % 2 == 0
    low, high = (digits - 0.5) * step, (digits + 0.5) * step
    least = ceil(low) if even or low != int(low) else int(low) + 1
    most = floor(high) if even or high != int(high) else int(high) - 1
    return max(least, unit), min(most, unit * 1000 - 1)


def narrowed(first: Range, second: Range) -> Range:
    """What both allow; the first alone if they contradict each other."""
    low = second[0] if second[0] > first[0] else first[0]  # min and max cost three times as much
    high = second[1] if second[1] < first[1] else first[1]
    return (low, high) if low <= high else first
