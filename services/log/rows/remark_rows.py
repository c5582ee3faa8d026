"""The rows of a session's page that people wrote, and its alarms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from services.log.headline import alarm_counts, clock, local
from services.log.sections import Row, Section, Symbol, Value, quiet, row, section, text
from services.text import clean
from services.tone import Tone
from services.units import plural
from sessions.document import Session
from sessions.models import AlarmCount, Note, NoteKind


def remarks(session: Session, zone: tzinfo | None) -> Section:
    """Notes, tags and alarms: what people wrote stands first."""
    notes = [line for note in session.notes for line in _note(note, zone)]
    rows = [*notes, row("tags", *(f"#{tag}" for tag in session.tags))]
    if not notes:
        rows.append(row("notes", quiet("none")))
    return section("remarks", [*rows, *(_alarm(count, zone) for count in alarm_counts(session))])


def brought_in(session: Session) -> list[Row]:
    """From where another bench's session came into this log; no row for one of its own."""
    came = session.brought_in
    if came is None:
        return []
    return [row("brought in", f"from {came.place}", quiet(f"there {came.known_as}" if came.known_as else ""))]


def _note(note: Note, zone: tzinfo | None) -> Iterable[Row]:
    """A row for each line of the note; who wrote it and when, and that it was edited, behind the last.

    They are called notes, or by its kind: `possible cause`.
    """
    name = "notes" if note.kind is NoteKind.NOTE else clean(note.kind.words)
    *lines, last = note.text.strip().splitlines() or [""]
    for line in lines:
        yield row(name, line if line.strip() else BLANK)
    edited = ""
    if note.edits:
        by = f" by {note.edited_by}" if note.edited_by and note.edited_by != note.author else ""
        often = f"{plural(note.edits, 'time')}, last" if note.edits > 1 else ""
        edited = " ".join(filter(None, [f"edited{by}", often, local(note.edited_utc, zone)]))
    yield row(name, last, quiet(f"{note.author or 'unsigned'}, {local(note.at_utc, zone)}"), quiet(edited))


BLANK = Value(" ")
"""An empty line of a note, which a page keeps."""


def _alarm(count: AlarmCount, zone: tzinfo | None) -> Row:
    """An alarm's text, how often it was raised and when first, as far as that is known."""
    when = f"at {clock(count.first, zone)}" if count.first else ""
    often = f"{count.times} times" if count.times > 1 else ""
    return row(
        "alarms", text(count.text, Tone.WARNING, Symbol.WARNING), quiet(", first ".join(filter(None, (often, when))))
    )
