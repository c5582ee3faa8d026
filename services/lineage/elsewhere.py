"""What a session that came from another log used and made lies at its bench, unless it was unpacked here. Pure."""

from __future__ import annotations

from services.lineage.findings import Finding, Standing, unknown
from sessions.document import Session


def kept_there(session: Session, finding: Finding) -> Finding:
    """The finding; what is not here of such a session is not gone."""
    if session.brought_in is None or finding.standing is not Standing.GONE:
        return finding
    return unknown(finding.what, f"it is not here: the session came from {session.brought_in.place}")
