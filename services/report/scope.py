"""Which sessions a report is about: those named, or a dataset's, with what they came from and what came of them.

A training brings the recordings of its dataset and the evaluations of its checkpoints, an evaluation the trainings of
its policies. What a blinded evaluation hides is never followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.log.headline import subject
from services.log.kinship import links
from services.log.lookup import choose
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import clean
from sessions.blinding import blind
from sessions.chains import Evaluation, by_session
from sessions.document import Session
from sessions.models import SessionKind

MOST = 200
"""Sessions of one report: beyond, nobody reads it."""


@dataclass(frozen=True)
class Scope:
    """What the report is about, each in the order in which it began, and the whole log."""

    name: str
    """The dataset, or the one session, that it is of; empty for several sessions."""
    recordings: tuple[Session, ...]
    trainings: tuple[Session, ...]
    evaluations: tuple[Evaluation, ...]
    log: tuple[Session, ...]
    dataset: str = ""
    """The dataset that was asked for."""

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All of them."""
        tried = (session for each in self.evaluations for session in each.sessions)
        return (*self.recordings, *self.trainings, *tried)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that were recorded or trained on, each once."""
        names = dict.fromkeys(session.dataset for session in (*self.recordings, *self.trainings) if session.dataset)
        return tuple(sorted(names, key=lambda name: name != self.dataset))


def order(session: Session) -> tuple[float, str]:
    """When it began; imported ones without a date come first, in the order of their file."""
    return session.started.at, session.id


def of_dataset(log: Sequence[Session], dataset: str) -> Scope:
    """Everything of the dataset of that name. Raises Refusal if no session has it."""
    ours = [session for session in log if session.dataset == dataset and session.kind is not SessionKind.BENCH]
    if not ours:
        known = dict.fromkeys(clean(session.dataset) for session in log if session.dataset)
        near = did_you_mean(clean(dataset), known)
        there = f"; there are {', '.join(sorted(known)[:12])}" if known and not near else ""
        raise Refusal(f"no session of this log recorded or trained on dataset '{clean(dataset)}'{near}{there}")
    return _scope(log, ours, clean(dataset), dataset)


def of_sessions(log: Sequence[Session], wanted: Sequence[str], where: str) -> Scope:
    """The sessions of these names, with what belongs to them. Raises Refusal.

    A name is an id, the beginning of it, or `last`; or the session's key in the file that it was imported from.
    """
    known = {session.id: session for session in log}
    named = [known[choose(each, known, where, log)] for each in dict.fromkeys(wanted)]
    if bench := [session.id for session in named if session.kind is SessionKind.BENCH]:
        raise Refusal(
            f"session {bench[0]} is about the bench alone: choose a recording, a training or an evaluation to report of"
        )
    return _scope(log, named, clean(subject(named[0])) if len(named) == 1 else "")


def _scope(log: Sequence[Session], chosen: Iterable[Session], name: str, dataset: str = "") -> Scope:
    wholes = by_session(log)
    found = {session.id: session for session in _with_kin(chosen, log, wholes)}
    if len(found) > MOST:
        raise Refusal(f"{len(found):,} sessions belong to this report, and {MOST} are the most: name some of them")
    every = sorted(found.values(), key=order)
    evaluations = {id(wholes[s.id]): wholes[s.id] for s in every if s.kind is SessionKind.EVAL}
    return Scope(
        name=name,
        recordings=tuple(s for s in every if s.kind is SessionKind.RECORD),
        trainings=tuple(s for s in every if s.kind is SessionKind.TRAIN),
        evaluations=tuple(evaluations.values()),
        log=tuple(sorted(log, key=order)),
        dataset=dataset,
    )


def _with_kin(chosen: Iterable[Session], log: Sequence[Session], wholes: Mapping[str, Evaluation]) -> Iterator[Session]:
    for session in chosen:
        yield session
        if session.kind is SessionKind.TRAIN:
            yield from _linked(links.origins(session, log), SessionKind.RECORD)
            tried = list(_linked(links.results(session, log), SessionKind.EVAL))
            yield from (other for each in tried for other in wholes[each.id].sessions)
        elif session.kind is SessionKind.EVAL:
            yield from wholes[session.id].sessions
            if not blind(session.request):
                yield from _linked(links.origins(session, log), SessionKind.TRAIN)


def _linked(found: Iterable[links.Relation], kind: SessionKind) -> Iterator[Session]:
    for relation in found:
        if relation.session is not None and relation.session.kind is kind:
            yield relation.session
