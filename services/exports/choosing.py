"""Which sessions of the log an export is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.folders import DataFolder
from services.log import logbook
from services.log.lookup import choose, nothing_in
from services.log.table.query import parse
from services.refusal import Option, Refusal
from sessions.document import Session


@dataclass(frozen=True)
class Chosen:
    """The sessions, oldest first, the whole log that they are of, and what is wrong with that, if anything is."""

    sessions: tuple[Session, ...]
    log: tuple[Session, ...]
    message: str = ""


def chosen(folder: DataFolder, wanted: Sequence[str], query: str) -> Chosen:
    """The sessions that `wanted` names (each an id, the beginning of one, or `last`), or else all, and of these those
    that fit the Log's filter `query`.

    Raises Refusal if that is none, LogbookProblem if the log cannot be read.
    """
    book = logbook.sessions(folder) if folder.root.exists() else logbook.Logbook()
    if not book.sessions:
        raise Refusal(f"{nothing_in(str(folder.root))}: there is nothing to export")
    known = {session.id: session for session in book.sessions}
    named = {choose(each, known, str(folder.root), book.sessions) for each in wanted} if wanted else set(known)
    terms = parse(query)
    if terms.problem:
        raise Refusal(("", Option("where"), f": {terms.problem}"))
    fitting = terms.sessions(session for session in book.sessions if session.id in named)
    if not fitting:
        raise Refusal(("no session fits ", Option("where", f"'{query}'"), ": `lab-console sessions` lists them"))
    oldest_first = sorted(fitting, key=lambda session: (session.started.at, session.id))
    return Chosen(tuple(oldest_first), book.sessions, book.message or "")
