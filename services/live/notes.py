"""The notes of a session: those that were added, as they were last edited. Pure."""

from __future__ import annotations

import msgspec

from services.live import events as ev
from sessions.models import Note
from sessions.times import utc


def added(notes: tuple[Note, ...], event: ev.NoteAdded, trial: int) -> tuple[Note, ...]:
    """With one more, which was written at this attempt (0 for none)."""
    note = Note(text=event.text, author=event.author, at_utc=utc(event.at), trial=trial, kind=event.kind)
    return (*notes, note)


def edited(notes: tuple[Note, ...], event: ev.NoteEdited) -> tuple[Note, ...]:
    """With another text in the one that the event names, if there is one."""
    return tuple(_edited(note, event) if at == event.note else note for at, note in enumerate(notes, 1))


def _edited(note: Note, edit: ev.NoteEdited) -> Note:
    return msgspec.structs.replace(
        note, text=edit.text, edited_utc=utc(edit.at), edited_by=edit.author, edits=note.edits + 1,
        kind=note.kind if edit.kind is None else edit.kind,
    )  # fmt: skip
