"""Episodes by number as people type them: `11,26,49-52`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.refusal import Refusal

_RANGE = re.compile(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?")
Range = tuple[int, int]
"""The first and the last episode."""


def parse(text: str) -> tuple[Range, ...]:
    """The ranges of `11,26,49-52`. Raises Refusal, which names the part that is none."""
    parts = [part.strip() for part in text.replace("\N{EN DASH}", "-").split(",") if part.strip()]
    ranges = []
    for part in parts:
        found = _RANGE.fullmatch(part)
        if found is None:
            raise Refusal(f"episodes {part!r}: write numbers and ranges, such as 11,26,49-52")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise Refusal(f"episodes {part!r}: the range runs backwards: write {last}-{first}")
        ranges.append((first, last))
    return tuple(ranges)


def numbers(ranges: Iterable[Range], dataset: str, total: int) -> tuple[int, ...]:
    """The episodes in these ranges, each once. Raises Refusal for one that the dataset does not have."""
    found: set[int] = set()
    for first, last in ranges:
        if last >= total:
            beyond = first if first >= total else total
            raise Refusal(f"there is no episode {beyond} in dataset {dataset}: its episodes are 0 to {total - 1}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))
