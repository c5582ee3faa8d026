"""Rows of a session's page that tell what it was made of by content: fingerprints, shortened."""

from __future__ import annotations

from services.checkpoints.checkpoint import label
from services.log.kinship.tried import tried
from services.log.sections import Row, quiet, row
from services.text import clean
from sessions.document import Session
from sessions.lineage import SHOWN


def lineage_rows(session: Session) -> list[Row]:
    """What a training learnt from and was told, or what an evaluation tried; nothing in a log that does not know it."""
    if session.training is not None:
        kept = session.training.started.lineage
        told = [("data", kept.data), ("configuration", kept.configuration), ("calibration", kept.calibration)]
        told.append(("began with", kept.policy))
        return [row("by content", *(quiet(f"{name} {value[:SHOWN]}") for name, value in told if value))]
    known = [(each.path, each.weights) for each in tried(session) if each.weights != each.path]
    return [
        row("by content", quiet(f"{clean(label(path))}: weights {found[:SHOWN]}")) for path, found in known if found
    ]
