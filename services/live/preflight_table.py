"""A preflight's checks as lines of text, for shell and log. Pure, and light to import."""

from __future__ import annotations

from collections.abc import Iterable

from services.text import clean
from services.units import plural
from sessions.preflight import Check, Level

SIGNS = {Level.GOOD: "good", Level.WARNING: "warning", Level.BAD: "BAD", Level.UNCHECKED: "not checked"}


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """The bad ones first, and a level that is not known here before them; else in their order."""
    order = (Level.BAD, Level.WARNING, Level.UNCHECKED, Level.GOOD)
    return sorted(checks, key=lambda check: order.index(check.level) if check.level in order else -1)


def lines(checks: Iterable[Check]) -> list[str]:
    """A line for each: name, level, what was found; below one that is not good, what mends it."""
    every = tuple(checks)
    wide = max((len(clean(check.name)) for check in every), default=0)
    told = []
    for check in every:
        level = SIGNS.get(check.level, clean(check.level))
        told.append(f"{clean(check.name):{wide}}  {level:11}  {clean(check.found)}")
        if check.mends:
            told.append(f"{'':{wide}}  {'':11}  -> {clean(check.mends)}")
    return told


def in_brief(checks: Iterable[Check]) -> str:
    """`1 bad, 2 warnings, 3 not checked`; `all good`, or how many are. A level that is not known is no good either."""
    levels = [check.level for check in checks]
    bad, warnings, good = (levels.count(level) for level in (Level.BAD, Level.WARNING, Level.GOOD))
    unchecked = len(levels) - bad - warnings - good
    told = [f"{bad} bad"] if bad else []
    told += [plural(warnings, "warning")] if warnings else []
    told += [f"{unchecked} not checked"] if unchecked else []
    return ", ".join(told) or (f"all {len(levels)} good" if levels else "nothing to check")
