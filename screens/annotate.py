"""Notes and tags for the session that is chosen in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import work

from screens.dialogs import TextEntry
from screens.frame import LabScreen
from screens.messages import Tone
from sessions.models import Session


class Annotates(LabScreen):
    """A screen with a chosen session; it reads the log again after each change."""

    @property
    def chosen(self) -> Session | None:
        """The session that a note or a tag goes to."""
        return None

    def read(self) -> None:
        """Read the log anew."""

    def action_note_to(self) -> None:
        """Write a note to the chosen session."""
        if session := self.chosen:
            entry = TextEntry(self.desk, f"Note to session {session.id}")
            self.app.push_screen(entry, lambda text: self._note_to(session, text))

    def _note_to(self, session: Session, text: str | None) -> None:
        from services import logbook

        if text:
            author = self.desk.operator
            self._annotate(lambda: logbook.add_note(self.desk.folder, session.id, text, author), f"noted: {text}")

    def action_tag(self) -> None:
        """Tag the chosen session."""
        if session := self.chosen:
            entry = TextEntry(self.desk, f"Tag session {session.id} (-tag takes it off)", "", "tag")
            self.app.push_screen(entry, lambda text: self._tag(session, text))

    def _tag(self, session: Session, text: str | None) -> None:
        from services import logbook

        if text:
            present = not text.startswith("-")
            tag = text.removeprefix("-")
            said = f"tagged: #{tag}" if present else f"tag taken off: #{tag}"
            self._annotate(lambda: logbook.set_tag(self.desk.folder, session.id, tag, present), said)

    def _annotate(self, write: Callable[[], None], said: str) -> None:
        self._write(write, said)

    @work(group="annotate")
    async def _write(self, write: Callable[[], None], said: str) -> None:
        from services.logbook import LogbookProblem

        try:
            await asyncio.to_thread(write)
        except LogbookProblem as problem:
            self.desk.refuse(problem)
        else:
            self.desk.notice(said, Tone.SUCCESS)
            self.read()
