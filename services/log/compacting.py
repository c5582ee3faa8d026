"""Makes the log's file small again, and finds what lies beside it that nobody needs any more.

A file that was set aside may hold the only copy of a session: it is removed only where the log has everything in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.folders import DataFolder
from services.log import logbook
from services.log.problem import LogbookProblem
from sessions.files import real, why_unwritable
from sessions.peek import peek
from sessions.storage import left_beside
from sessions.store import SessionStore, StoreProblem


@dataclass(frozen=True)
class Beside:
    """A file beside the log: one that was set aside, or the log before it was rewritten in another schema version.

    `only` are the sessions in it that the log does not have, or not to their newest event; `unreadable` is why that
    cannot be told.
    """

    path: Path
    bytes: int
    only: tuple[str, ...] = ()
    unreadable: str = ""

    @property
    def needed(self) -> bool:
        """Whether something would be lost with it."""
        return bool(self.only or self.unreadable)


@dataclass(frozen=True)
class Compacted:
    """Bytes of sessions.json `before` and `after`; how many sessions were `packed`, and marks of runs `forgotten`.

    `beside` are the files beside it; `message` is what is wrong with the log, or empty.
    """

    before: int = 0
    after: int = 0
    packed: int = 0
    forgotten: int = 0
    beside: tuple[Beside, ...] = ()
    message: str = ""


def compact(folder: DataFolder) -> Compacted:
    """Bring the log up to date and make its file small; nothing else is removed. Raises LogbookProblem."""
    file = real(folder.sessions_file)  # what is set aside lies beside the one that a link leads to
    if not file.exists():
        return Compacted()
    book = logbook.sessions(folder)  # what is damaged is set aside first
    before = file.stat().st_size
    try:
        runs = [path.name for path in folder.runs.iterdir()] if folder.runs.is_dir() else []
        with SessionStore(file) as store:
            packed, forgotten = store.compact(runs)
    except StoreProblem as problem:
        raise LogbookProblem(str(problem)) from problem
    except OSError as error:
        raise LogbookProblem(f"{folder.runs} cannot be read: {error.strerror or error}") from error
    known = {session.id: session.last_seq for session in book.sessions}
    beside = tuple(_look(path, known) for path in left_beside(file))
    return Compacted(before, file.stat().st_size, packed, forgotten, beside, book.message or "")


def remove(files: Iterable[Beside]) -> int:
    """Remove those that are not needed; their bytes together. Raises LogbookProblem."""
    removed = 0
    for each in files:
        if each.needed:
            continue
        try:
            each.path.unlink(missing_ok=True)
        except OSError as error:
            raise LogbookProblem(f"{each.path} cannot be removed: {why_unwritable(error)}") from error
        removed += each.bytes
    return removed


def _look(path: Path, known: Mapping[str, int]) -> Beside:
    held = peek(path)
    newer = {name for name, session in held.sessions.items() if session.last_seq > known.get(name, -1)}
    return Beside(path, path.stat().st_size, tuple(sorted(newer | (held.unfit.keys() - known.keys()))), held.problem)
