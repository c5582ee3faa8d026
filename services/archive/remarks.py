"""What people wrote on two copies of a session of which one, or both, are only the log's document. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from services.live import events as ev
from services.log.importing.adding import IMPORTED
from sessions.document import Session
from sessions.models import Note
from sessions.times import unix


def missing(ours: Session, theirs: Session) -> Iterator[ev.Event]:
    """The notes and tags of `theirs` that `ours` lacks, as events."""
    known = {_key(note) for note in ours.notes}
    for note in theirs.notes:
        if _key(note) not in known:
            yield ev.NoteAdded(text=note.text, author=note.author, at=unix(note.at_utc), kind=note.kind)
    for tag in theirs.tags:
        if tag not in ours.tags:
            yield ev.TagAdded(tag=tag, at=theirs.ended.at if theirs.ended else theirs.started.at)


def joined(ours: Session, theirs: Session) -> Session:
    """The document with the newer events, and the notes and tags of both."""
    base, other = (theirs, ours) if theirs.last_seq > ours.last_seq else (ours, theirs)
    known = {_key(note) for note in base.notes}
    notes = (*base.notes, *(note for note in other.notes if _key(note) not in known))
    tags = dict.fromkeys((*base.tags, *other.tags))
    return msgspec.structs.replace(
        base, started=msgspec.structs.replace(base.started, id=ours.id), notes=notes, tags=tuple(tags),
        brought_in=ours.brought_in,
    )  # fmt: skip


def _key(note: Note) -> tuple[str, str, str]:
    return "" if note.author == IMPORTED else note.at_utc, note.author, note.text
