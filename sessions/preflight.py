"""What a zero-motion preflight found before an evaluation's first trial."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sessions.open_enum import OpenEnum


class Level(OpenEnum):
    """How well bench, policy and data belong together in one respect."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNCHECKED = "not checked"
    """It could not be looked at: that is no good."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `found` is what, with numbers; `mends` is what to do where it is not good."""

    name: str
    level: Level
    found: str
    mends: str = ""


_ORDER = (Level.GOOD, Level.UNCHECKED, Level.WARNING, Level.BAD)


def worst(levels: Iterable[Level]) -> Level:
    """The worst of several: what was not checked, or has a level not known here, is between good and a warning."""
    unchecked = _ORDER.index(Level.UNCHECKED)
    return max(levels, key=lambda level: _ORDER.index(level) if level in _ORDER else unchecked, default=Level.GOOD)


def bad(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Those that keep a trial from starting until somebody confirms them."""
    return tuple(check for check in checks if check.level is Level.BAD)
