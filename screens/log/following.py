"""Following links between sessions, and copying what a session holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from screens.log.annotate import AnnotationScreen
from screens.log.chooser import Chooser
from screens.views.log_rows import entry
from screens.views.signs import clean
from services.tone import Tone
from sessions.document import Session

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.registry import ScreenEntry
    from services.log.kinship.links import Relation


class FollowingScreen(AnnotationScreen):
    """Left goes to where a session's data or policy came from, Right to what came of it, Backspace back."""

    def __init__(self, desk: Desk, entry: ScreenEntry) -> None:
        from services.log.table.index import Index

        super().__init__(desk, entry)
        self.index = Index(desk.folder)
        self._trail: list[str] = []
        """The sessions that links were followed from."""

    def open_session(self, session_id: str) -> None:
        """Show the session of this id, alone."""

    async def action_follow(self, where: str) -> None:
        """Follow a link; of several the operator chooses one. A missing end is said."""
        session = self.chosen
        if session is None:
            return
        back = where == "origin"
        found = await asyncio.to_thread(self._linked, session, back)
        ends = [relation for relation in found if relation.session is not None]
        if not ends:
            nothing = "it came from no other session" if back else "no session of this log used what it made"
            self.desk.notice(next((relation.what for relation in found), nothing), Tone.WARNING)
        elif len(found) == 1:
            self._follow(session, ends, 0)
        else:
            title = f"What session {session.id} came from" if back else f"What came of session {session.id}"
            self.app.push_screen(
                Chooser(self.desk, title, list(map(_relation_row, found)), "opens it"),
                lambda at: self._follow(session, found, at),
            )

    def _linked(self, session: Session, back: bool) -> list[Relation]:
        """The sessions at the other ends. Looks through the whole log, in a thread."""
        from services.log.kinship import links

        log = self.index.sessions()
        return links.origins(session, log) if back else links.results(session, log)

    def _follow(self, session: Session, relations: Sequence[Relation], at: int | None) -> None:
        if at is None:
            return
        if (end := relations[at].session) is None:
            self.desk.notice(relations[at].what, Tone.WARNING)
            return
        self._trail.append(session.id)
        self.open_session(end.id)

    def action_return(self) -> None:
        """Back to the session that the last link was followed from."""
        if self._trail:
            self.open_session(self._trail.pop())

    def action_copy(self) -> None:
        """Choose what is copied to the clipboard of the operator's terminal."""
        from services.log.copies import copies

        session = self.chosen
        if session is None:
            return
        found = copies(session, self.desk.benches.profiles)
        rows = [Content.assemble((f"{one.what:<24}", ""), (one.text, "$quiet")) for one in found]

        def copy(at: int | None) -> None:
            if at is not None:
                self.app.copy_to_clipboard(found[at].text)
                allowed = "if the terminal allows it (OSC 52; tmux: set-clipboard on)"
                self.desk.notice(f"copied the {found[at].what}, {allowed}", Tone.SUCCESS)

        self.app.push_screen(Chooser(self.desk, f"Copy of session {session.id}", rows, "copies it"), copy)


def _relation_row(relation: Relation) -> Content:
    if relation.session is None:
        return Content.styled(clean(relation.what), "$warning")
    head = entry(relation.session).head
    return Content.assemble(f"{clean(relation.what)}  ", (f"{head.when}  {head.what}  {head.counts}", "$quiet"))
