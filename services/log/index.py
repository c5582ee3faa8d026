"""The light entries of every session, kept from one reading to the next: what the Log's table is made of.

    index = Index(folder)
    changed = index.refresh()       # in a thread; folds the runs, reads the log
    index.entries                   # newest first, one `Light` per session
    index.session(session_id)       # the whole document, decoded now

A second `refresh` makes anew only what changed, and names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from services.folders import DataFolder
from services.log import logbook
from services.log.light import Light, light
from services.log.whole_rows import part
from sessions.chains import Evaluation, by_session
from sessions.document import Session


@dataclass(frozen=True)
class Changes:
    """The ids of the sessions that are new or not as they were, and of those that left the log."""

    changed: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


class Index:
    """One per console. `refresh` may be called from any one thread at a time; what it made is replaced as a whole."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self.entries: tuple[Light, ...] = ()
        """Every session, newest first."""
        self.message = ""
        """What is wrong with the log, as a sentence."""
        self._by_id: Mapping[str, Light] = {}
        self._sessions: Mapping[str, Session] = {}
        self._wholes: Mapping[str, Evaluation] = {}

    def refresh(self) -> Changes:
        """Bring the log up to date and read what changed. Reads disk. Raises LogbookProblem if it cannot be read."""
        book = logbook.sessions(self.folder)
        self.message = book.message or ""
        before, self._sessions = self._sessions, {session.id: session for session in book.sessions}
        self._wholes = by_session(book.sessions)
        made = {session.id: self._light(session, before.get(session.id)) for session in book.sessions}
        known, self._by_id = self._by_id, made
        self.entries = tuple(made.values())
        changed = frozenset(name for name, entry in made.items() if known.get(name) is not entry)
        return Changes(changed, frozenset(known.keys() - made.keys()))

    def _light(self, session: Session, before: Session | None) -> Light:
        """The entry that there is of an unchanged session; whose document is the same, and whose evaluation is."""
        known = self._by_id.get(session.id)
        whole = part(session, self._wholes.get(session.id))
        if known is not None and before == session:
            return known if known.part == whole else msgspec.structs.replace(known, part=whole)
        return msgspec.structs.replace(light(session), part=whole)

    def __getitem__(self, session_id: str) -> Light:
        return self._by_id[session_id]

    def get(self, session_id: str) -> Light | None:
        """The entry of this session; None if the log has none."""
        return self._by_id.get(session_id)

    def session(self, session_id: str) -> Session | None:
        """The whole document of this session as it was read last; None if the log has none."""
        return self._sessions.get(session_id)

    def sessions(self) -> tuple[Session, ...]:
        """The documents of all sessions, newest first: for links and trees, which need the whole log. In a thread."""
        return tuple(self._sessions.values())

    def evaluation(self, session_id: str) -> Evaluation | None:
        """The evaluation that this session belongs to; None for another kind."""
        return self._wholes.get(session_id)
