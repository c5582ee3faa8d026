"""The chapters of what people wrote and of what changed at the bench: dataset notes, possible causes, lessons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from services.bench import calibration
from services.log.headline import subject
from services.report.parts import Fact, Section, fact, of_all, word
from services.report.scope import Scope, order
from services.units import plural
from sessions.document import Session
from sessions.facts import CalibrationWritten
from sessions.lineage import SHOWN
from sessions.models import NoteKind, SessionKind
from sessions.recorded import Change, Trouble

KNOWN = "started.recording"


def dataset_notes(scope: Scope) -> Section:
    """What is to be known of the data: changes at the bench, light, troubles, unused pictures, and notes."""
    told = [each for session in scope.recordings for each in _of_recording(session, scope.log)]
    unused = [each for session in scope.trainings for each in _unused(session)]
    notes = [each for session in scope.recordings for each in _notes(session, NoteKind.NOTE)]
    return Section(key="notes", title=word("Dataset notes"), facts=(*told, *unused, *notes))


def _of_recording(session: Session, log: Sequence[Session]) -> Iterator[Fact]:
    yield from _calibration(session, log)
    known = session.started.recording
    if known is None:
        return
    for change in known.changes:
        yield fact(session, _change(change), f"{KNOWN}.changes", name="changed before it")
    if known.lighting:
        words = [f"{'about ' if each.about else ''}{each.episodes} episodes by {each.light}" for each in known.lighting]
        yield fact(session, ", ".join(words), f"{KNOWN}.lighting", name="light")
    for trouble in known.troubles:
        yield fact(session, _trouble(trouble), f"{KNOWN}.troubles", name="trouble")


def _change(change: Change) -> str:
    moved = " instead of ".join(filter(None, (change.now, change.was)))
    because = f" ({change.because})" if change.because else ""
    return f"{change.what}{f': {moved}' if moved else ''}{because}"


def _trouble(trouble: Trouble) -> str:
    since = f" from episode {trouble.episode} on" if trouble.episode is not None else ""
    often = f" every {' to '.join(map(str, trouble.every))} episodes" if trouble.every else ""
    found = f"; noticed: {trouble.found}" if trouble.found else ""
    return f"{trouble.what}{since}{often}{found}"


def _calibration(session: Session, log: Sequence[Session]) -> Iterator[Fact]:
    """Arms that had another calibration than in the session of this bench before, and what was written."""
    ours = session.connected.calibration if session.connected else {}
    before = [each for each in log if each.bench == session.bench and order(each) < order(session) and each.connected]
    for arm, fingerprint in ours.items():
        known = [each for each in before if each.connected and arm in each.connected.calibration]
        last = known[-1] if known else None
        old = last.connected.calibration[arm] if last is not None and last.connected else fingerprint
        if last is not None and old != fingerprint:
            words = f"{arm}: {fingerprint[:SHOWN]}, and {old[:SHOWN]} in session {last.id} before"
            both = (fact(each, each.id, "connected.calibration", "started.id") for each in (session, last))
            yield of_all(words, both, name="another calibration")
    for event in session.calibrations:
        if isinstance(event, CalibrationWritten):
            yield fact(session, calibration.done(event), "calibrations", name="calibration")


def _unused(session: Session) -> Iterator[Fact]:
    training = session.training
    if training is not None and training.started.excluded_cameras:
        cameras = ", ".join(training.started.excluded_cameras)
        words = f"pictures of {cameras} are in the dataset; this training did not use them: {subject(session)}"
        yield fact(session, words, "training.started.excluded_cameras", "training.started.output_dir",
                   "started.request.name", "started.import_key", name="unused footage")  # fmt: skip


def _notes(session: Session, kind: NoteKind) -> Iterator[Fact]:
    """Its notes of this kind, a fact for each line, with who wrote it behind the last."""
    for number, note in enumerate(session.notes):
        if note.kind is not kind:
            continue
        lines = [line.strip() for line in note.text.splitlines() if line.strip()]
        trial = f" (at attempt {note.trial})" if note.trial else ""
        for at, line in enumerate(lines):
            by = note.author if at == len(lines) - 1 else ""
            text = f"{line}{trial if by else ''}{f' ({by})' if by and by != 'imported' else ''}"
            yield fact(session, text, f"notes.{number}", name="note")


def written(scope: Scope, kind: NoteKind, key: str, title: str) -> Section:
    """What people wrote of this kind in any of the sessions, each under the session that it was written to."""
    return _of_kind(scope.sessions, kind, key, title)


def other_notes(scope: Scope) -> Section:
    """Notes on trainings and evaluations."""
    others = [session for session in scope.sessions if session.kind is not SessionKind.RECORD]
    return _of_kind(others, NoteKind.NOTE, "notes", "Notes")


def _of_kind(sessions: Iterable[Session], kind: NoteKind, key: str, title: str) -> Section:
    facts = []
    for session in sessions:
        about = f"{session.kind.value} {subject(session)}"
        facts += [msgspec.structs.replace(each, name=about) for each in _notes(session, kind)]
    return Section(key=key, title=word(title), facts=tuple(facts))


def summary(scope: Scope) -> str:
    """`1 recording, 2 trainings, 3 evaluations`: what a report is made of."""
    found = {"recording": scope.recordings, "training": scope.trainings, "evaluation": scope.evaluations}
    return ", ".join(plural(len(each), name) for name, each in found.items() if each)
