"""What a session that came from another log used and made lies at its bench, unless it was unpacked here. Pure."""

from __future__ import annotations

from services.lineage.findings import Finding, Standing, unknown
from sessions.document import Session


def kept_there(session: Session, finding: Finding, *, policy: bool = False) -> Finding:
    """The finding; what is not here of such a session is not gone.

    A `policy` that lies where its own lay there, and is another, is this bench's: it did not change.
    """
    if session.brought_in is None:
        return finding
    if finding.standing is Standing.GONE:
        return not_here(session, finding.what)
    if policy and finding.standing is Standing.CHANGED:
        return not_here(session, finding.what, "what lies there is another one of this bench")
    return finding


def not_here(session: Session, what: str, why: str = "it is not here") -> Finding:
    """That it lies at the bench that the session came from."""
    place = session.brought_in.place if session.brought_in is not None else "elsewhere"
    return unknown(what, f"{why}: the session came from {place}")
