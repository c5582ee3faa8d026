"""The whole report: of sessions or of a dataset, from the log and the run folders. Reads the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from services.folders import DataFolder
from services.log import logbook
from services.log.headline import began, subject
from services.log.lookup import nothing_in
from services.refusal import Refusal
from services.report import (
    beside_part,
    comparison_part,
    dataset_part,
    evaluation_part,
    notes_part,
    training_part,
)
from services.report.parts import Fact, Report, Section, Table, fact, of_all, walk, word
from services.report.scope import Scope, of_dataset, of_sessions
from services.training.compare_facts import RunFacts, facts
from services.training.curves import Curves
from services.training.history import open_run, run_of
from sessions.document import Session
from sessions.files import check_file
from sessions.models import NoteKind


def report(folder: DataFolder, wanted: Sequence[str] = (), dataset: str = "") -> Report:
    """The report of these sessions, or of everything of a dataset. Raises Refusal, LogbookProblem."""
    if bool(wanted) == bool(dataset):
        raise Refusal("name sessions, or a dataset with --dataset NAME: a report is about one of both")
    book = logbook.sessions(folder) if folder.root.exists() else logbook.Logbook()
    log = book.sessions
    if not log:
        raise Refusal(f"{nothing_in(str(folder.root))}; `lab-console` opens the console to start one")
    scope = of_dataset(log, dataset) if dataset else of_sessions(log, wanted, str(folder.root))
    return msgspec.structs.replace(of_scope(folder, scope), problem=book.message or "")


def of_scope(folder: DataFolder, scope: Scope) -> Report:
    """The report on these sessions."""
    sections = tuple(section for section in _sections(folder, scope) if not section.empty)
    used = dict.fromkeys(source for section in walk(sections) for source in section.sources)
    known = {session.id: session for session in scope.log}
    sources = _sources([known[each] for each in used if each in known])
    return Report(_title(scope), sections, sources, scope.name or "sessions")


def _sections(folder: DataFolder, scope: Scope) -> Iterator[Section]:
    for dataset in scope.datasets:
        yield dataset_part.section(scope, dataset)
    opened: dict[str, tuple[RunFacts, Curves | None]] = {}

    def known(session: Session) -> tuple[RunFacts, Curves | None]:
        if session.id not in opened:
            opened[session.id] = _open(folder, session)
        return opened[session.id]

    for session in scope.trainings:
        yield training_part.section(session, *known(session))
    for session in scope.trainings:
        if (before := comparison_part.earlier(session, scope.log)) is not None:
            yield comparison_part.section((before, known(before)[0]), (session, known(session)[0]))
    yield notes_part.dataset_notes(scope)
    tried = evaluation_part.tried(scope.evaluations)
    for found in tried:
        yield evaluation_part.section(found)
    yield from evaluation_part.untried(scope.evaluations, tried)
    beside = beside_part.section(scope)
    if beside is not None:
        yield beside
    yield notes_part.written(scope, NoteKind.HYPOTHESIS, "causes", "Possible causes")
    yield notes_part.written(scope, NoteKind.LESSON, "lessons", "Lessons")
    yield notes_part.other_notes(scope)


def _open(folder: DataFolder, session: Session) -> tuple[RunFacts, Curves | None]:
    """A training's facts and curves; of one whose run folder cannot be read, what its document tells."""
    run = run_of(session)
    try:
        opened = open_run(folder, run)
        curves = Curves(opened.metrics)
        with suppress(OSError):
            check_file(opened.metrics)  # a pipe would be waited for
            curves.read()
        return facts(run, opened.snapshot.training, curves), curves
    except OSError:
        return facts(run, session.training, None), None


def _title(scope: Scope) -> Fact:
    every = [
        fact(s, s.id, "started.request.dataset", "started.request.name", "started.request.checkpoint", "started.id")
        for s in scope.sessions
    ]
    what = scope.name or notes_part.summary(scope)
    return of_all(f"Report: {what}", every)


def _sources(sessions: Sequence[Session]) -> Table:
    head = tuple(map(word, ("session", "kind", "began", "what", "imported as")))
    return Table("sources", head, tuple(map(_source, sorted(sessions, key=lambda session: session.id))))


def _source(session: Session) -> tuple[Fact, ...]:
    key = session.started.import_key
    return (
        fact(session, session.id, "started.id"),
        word(session.kind.value),
        fact(session, began(session), "started.at", "started.id"),
        fact(session, subject(session), "started.request", "training.started.output_dir", "started.import_key"),
        fact(session, key, "started.import_key") if key else word(""),
    )
