"""The parts of a report: facts with the sessions that they come from, in tables and sections. Plain data.

A text that holds a number is always a Fact, whose sources say where in which session's document it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from services.log.headline import NOT_RECORDED
from services.text import clean, without_stacks
from sessions.document import Session

CURVES = "metrics.jsonl"
"""The source of what is measured over a training's curves, beside its document."""


class Source(msgspec.Struct, frozen=True):
    """A place in the document of the session with this id: `training.progress.metrics.loss`, or CURVES."""

    session: str
    path: str


class Fact(msgspec.Struct, frozen=True):
    """A statement: harmless text of one line, and where it comes from. `how` says what was computed of it.

    Without a source it holds no number: it is a word of the report's own, or says that something is not recorded.
    """

    text: str
    sources: tuple[Source, ...] = ()
    name: str = ""
    how: str = ""

    @property
    def sessions(self) -> tuple[str, ...]:
        """The ids of the sessions that it comes from, each once."""
        return tuple(dict.fromkeys(source.session for source in self.sources))

    @property
    def missing(self) -> bool:
        """Whether it says that the log does not know."""
        return self.text == NOT_RECORDED


class Table(msgspec.Struct, frozen=True):
    """Rows below a head, all of one length. `name` says what it shows."""

    name: str
    head: tuple[Fact, ...]
    rows: tuple[tuple[Fact, ...], ...]


class Chart(msgspec.Struct, frozen=True):
    """A drawing as SVG, made here: its texts are escaped. `name` says in words what it shows."""

    name: str
    svg: str
    sources: tuple[Source, ...]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter: facts with names, then drawings, tables and sentences, then chapters of its own.

    `key` names its kind for templates: dataset, training, comparison, evaluation, beside, causes, lessons, notes.
    """

    key: str
    title: Fact
    facts: tuple[Fact, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    sentences: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing but its title is there."""
        return not (self.facts or self.charts or self.tables or self.sentences or self.sections)

    @property
    def told(self) -> Iterator[Fact]:
        """All of its facts, those of its own chapters left out."""
        yield from (self.title, *self.facts, *self.sentences)
        for table in self.tables:
            yield from table.head
            for row in table.rows:
                yield from row

    @property
    def sources(self) -> tuple[str, ...]:
        """The ids of the sessions that it is made of, without those of its own chapters."""
        of_charts = (source.session for chart in self.charts for source in chart.sources)
        return tuple(dict.fromkeys([*(each for fact in self.told for each in fact.sessions), *of_charts]))


class Report(msgspec.Struct, frozen=True):
    """A report. `sources` are the sessions that its facts come from: id, kind, when and what.

    `name` is for files; `problem` says what is wrong with the log, in a sentence, or is empty.
    """

    title: Fact
    sections: tuple[Section, ...]
    sources: Table
    name: str = ""
    problem: str = ""

    @property
    def facts(self) -> Iterator[Fact]:
        """Every fact."""
        yield self.title
        for section in walk(self.sections):
            yield from section.told
        for row in self.sources.rows:
            yield from row


def walk(sections: Iterable[Section]) -> Iterator[Section]:
    """The sections, each followed by its own."""
    for section in sections:
        yield section
        yield from walk(section.sections)


# -- constructors -------------------------------------------------------------------------------------


def word(text: str, name: str = "") -> Fact:
    """A word of the report's own, without a number."""
    return Fact(text, name=name)


def missing(name: str = "") -> Fact:
    """That the log does not know it."""
    return Fact(NOT_RECORDED, name=name)


def fact(session: Session, text: object, *paths: str, name: str = "", how: str = "") -> Fact:
    """A fact of one session, at those of the paths that its document has; no text: not recorded."""
    shown = without_stacks(clean(str(text)).strip())
    return Fact(shown, sources(session, *paths), name, how) if shown and shown != NOT_RECORDED else missing(name)


def sources(session: Session, *paths: str) -> tuple[Source, ...]:
    """Those of the paths that the session's document has; CURVES of a training that logged a point."""
    has_curves = session.training is not None and session.training.points > 0
    return tuple(Source(session.id, p) for p in paths if (has_curves if p == CURVES else found(session, p)))


def of_all(text: object, made: Iterable[Fact], *, name: str = "", how: str = "") -> Fact:
    """A fact that was computed of others."""
    every = dict.fromkeys(source for each in made for source in each.sources)
    shown = without_stacks(clean(str(text)).strip())
    return Fact(shown, tuple(every), name, how) if shown else missing(name)


def once(facts: Iterable[Fact]) -> list[Fact]:
    """Those of the same name and text as one, with the sources of all."""
    same: dict[tuple[str, str], list[Fact]] = {}
    for each in facts:
        same.setdefault((each.name, each.text), []).append(each)
    return [of_all(text, made, name=name, how=made[0].how) for (name, text), made in same.items()]


def found(session: Session, path: str) -> bool:
    """Whether the document has something at this path."""
    here: Any = _document(session)
    for part in path.split("."):
        if isinstance(here, Mapping):
            here = here.get(part)
        elif isinstance(here, list | tuple) and part.isdecimal():
            here = here[int(part)] if int(part) < len(here) else None
        else:
            return False
    return here is not None


class _Held:
    """A session by its identity: documents are large, and are compared by every field."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.session is self.session

    def __hash__(self) -> int:
        return hash(self.session.id)


@lru_cache(maxsize=64)
def _plain(held: _Held) -> Mapping[str, Any]:
    made: Mapping[str, Any] = msgspec.to_builtins(held.session)
    return made


def _document(session: Session) -> Mapping[str, Any]:
    return _plain(_Held(session))
