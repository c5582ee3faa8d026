"""What a verification found: for each thing whether it matches, and if not, what exactly is different."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Standing(StrEnum):
    """How a thing stands to what was known of it."""

    MATCHES = "matches"
    CHANGED = "changed since"
    GONE = "gone"
    UNKNOWN = "never known"
    UNREADABLE = "cannot be read"

    @property
    def bad(self) -> bool:
        """Whether somebody should look at it: what was never known accuses nothing."""
        return self not in (Standing.MATCHES, Standing.UNKNOWN)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing: `what` it is, how it stands, in detail, and what to do next; the last two may be empty."""

    what: str
    standing: Standing
    detail: str = ""
    next: str = ""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, of which `kind` (session, dataset, checkpoint, log), and what was found."""

    kind: str
    name: str
    findings: tuple[Finding, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether something of it no longer matches."""
        return any(found.standing.bad for found in self.findings)


def as_json(verified: Iterable[Verified]) -> bytes:
    """A list of objects with kind, name and findings (what, standing, detail, next)."""
    return msgspec.json.format(msgspec.json.encode(list(verified)), indent=2)


def matches(what: str, detail: str = "") -> Finding:
    """It is as it was."""
    return Finding(what=what, standing=Standing.MATCHES, detail=detail)


def changed(what: str, detail: str, then: str = "") -> Finding:
    """It is another by now."""
    return Finding(what=what, standing=Standing.CHANGED, detail=detail, next=then)


def gone(what: str, detail: str, then: str = "") -> Finding:
    """It is not there any more."""
    return Finding(what=what, standing=Standing.GONE, detail=detail, next=then)


def unknown(what: str, detail: str) -> Finding:
    """Nothing was kept that it could be compared with."""
    return Finding(what=what, standing=Standing.UNKNOWN, detail=detail)


def unreadable(what: str, error: OSError | str, then: str = "") -> Finding:
    """It could not be looked at; the reason."""
    reason = error if isinstance(error, str) else error.strerror or str(error)
    where = "" if isinstance(error, str) or not error.filename else f"{error.filename}: "
    return Finding(what=what, standing=Standing.UNREADABLE, detail=f"{where}{reason}", next=then)
