"""What people wrote in a table of an import file, as the events of notes."""

from __future__ import annotations

import time

from services.live import events as ev
from services.log.importing.adding import IMPORTED
from services.log.importing.tables import Written
from sessions.models import NoteKind


def remarks(table: Written) -> list[ev.NoteAdded]:
    """They are written now, by the import."""
    now = time.time()
    kinds = ((NoteKind.NOTE, table.notes), (NoteKind.HYPOTHESIS, table.hypotheses), (NoteKind.LESSON, table.lessons))
    return [
        ev.NoteAdded(at=now, text=text, author=IMPORTED, kind=kind)
        for kind, texts in kinds
        for text in texts
        if text.strip()
    ]
