"""Finding a session by its id, the beginning of its id, `last`, or its key in the file that it was imported from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.folders import DEMO, SESSION_ID, DataFolder, RunFolder
from services.log import logbook
from services.log.problem import LogbookProblem
from services.refusal import Refusal
from services.text import brief
from sessions.chains import Evaluation, by_session
from sessions.document import Session
from sessions.files import check_file

LAST = "last"
"""The newest session."""
MOST_NAMED = 5
"""The most sessions that a message names."""


class NoSession(Refusal):
    """None is so called."""


@dataclass(frozen=True)
class Found:
    """A session from the log; `message` reports problems with the log or with the session's events."""

    session: Session
    message: str = ""
    whole: Evaluation | None = None
    """The evaluation that it belongs to, if it is one."""


def find(folder: DataFolder, wanted: str) -> Found:
    """The session that `wanted` names, running or over, with its newest events.

    Raises Refusal if it names none or several, LogbookProblem if the log or the session cannot be read.
    """
    book = logbook.sessions(folder) if folder.root.exists() else logbook.Logbook()
    known = {session.id: session for session in book.sessions}
    session_id = choose(wanted, {*known, *_runs(folder)}, str(folder.root), book.sessions)
    run = folder.run(session_id)
    problem = _unreadable(run)
    if session_id not in known:
        raise LogbookProblem(problem or _no_document(run))
    kept = f"{problem}; this is what the log kept of it before" if problem else ""
    return Found(known[session_id], kept or book.message or "", by_session(book.sessions).get(session_id))


def choose(wanted: str, ids: Collection[str], where: str, log: Iterable[Session] = ()) -> str:
    """The one of `ids` that `wanted` names: exactly, as the only one with that beginning, or the newest for `last`.

    Or the only one of `log` that has this key in the file that it was imported from.

    Raises Refusal if there is none, or more than one.
    """
    if not ids:
        raise Refusal(f"{nothing_in(where)}; `lab-console` opens the console to start one")
    if wanted == LAST:
        return max(ids)
    matching = sorted((i for i in ids if i == wanted or (wanted and i.startswith(wanted))), reverse=True)
    if wanted in matching or len(matching) == 1:
        return wanted if wanted in matching else matching[0]
    if not matching:
        keyed = [session.id for session in log if wanted and session.started.import_key == wanted]
        if len(keyed) == 1:
            return keyed[0]
        raise NoSession(f"no session of {where} begins with '{brief(wanted)}'; `lab-console sessions` lists them")
    named = ", ".join(matching[:MOST_NAMED]) + (", ..." if len(matching) > MOST_NAMED else "")
    raise Refusal(f"'{brief(wanted)}' fits {len(matching)} sessions ({named}): give more of the id")


def nothing_in(where: str) -> str:
    """That there are no sessions in the data folder `where`, and the command that lists the demo's, if it has some."""
    demo = DataFolder(Path(where) / DEMO)
    elsewhere = f"; the demo's are in {demo.root}: `lab-console --data-dir {demo.root} sessions`" if _runs(demo) else ""
    return f"no sessions yet in {where}{elsewhere}"


def _runs(folder: DataFolder) -> list[str]:
    """Sessions that have a folder, including those that the log does not know."""
    with suppress(OSError):
        return [path.name for path in folder.runs.iterdir() if SESSION_ID.fullmatch(path.name)]
    return []


def _unreadable(run: RunFolder) -> str:
    """Why the events cannot be read; empty if they can, or do not exist."""
    try:
        check_file(run.events)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        why = error.strerror or error
        return f"the events of session {run.id} cannot be read ({run.events}: {why}): ask their owner for access"
    return ""


def _no_document(run: RunFolder) -> str:
    if run.events.exists():
        return f"{run.events} holds nothing that this version of lab-console understands"
    return (
        f"session {run.id} has no events yet: its worker is starting, or ended before it began; "
        f"look again in a few seconds, or at what it printed: {run.log}"
    )
