"""All text of a session that a filter searches. Pure."""

from __future__ import annotations

from services.log.headline import counts, policy_of, subject
from sessions.document import Session
from sessions.models import Note, NoteKind

FIELDS = ("bench", "checkpoint", "dataset", "host", "id", "kind", "operator", "status", "task")
"""What a filter may ask for by its name, and finds as text."""


def searchable(session: Session) -> str:
    """All text of this session that a filter searches, case-folded, one of its parts a line."""
    return "\n".join(_texts(session)).casefold()


def _texts(session: Session) -> list[str]:
    """All of a session's searchable text."""
    plain = [str(getattr(session, key)) for key in FIELDS]
    flags = {text for episode in session.episodes for text in (*episode.flags, episode.why)}
    notes = [text for note in session.notes for text in (note.text, note.author, _kind_of(note))]
    words = [subject(session), counts(session), session.trained_in, session.end_reason]
    modes = {text for trial in session.trials for text in (trial.failure_mode, trial.condition)}
    tags = [f"#{tag}" for tag in session.tags]
    origin = (
        f"imported from {session.started.imported} {session.started.import_key}" if session.started.imported else ""
    )
    came = session.brought_in
    elsewhere = f"from elsewhere {came.place} {came.known_as}" if came else ""
    return [
        *plain,
        *words,
        origin,
        elsewhere,
        *_training_texts(session),
        *tags,
        *session.alarms,
        *notes,
        *flags,
        *modes,
    ]


def _kind_of(note: Note) -> str:
    return "" if note.kind is NoteKind.NOTE else note.kind.words


def _training_texts(session: Session) -> list[str]:
    """A training's searchable text."""
    training = session.training
    if training is None:
        return [policy_of(session)]
    facts = training.started
    without = [f"without {camera}" for camera in facts.excluded_cameras]
    return [facts.policy, facts.output_dir, *facts.cameras, *without]
