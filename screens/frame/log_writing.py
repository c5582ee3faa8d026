"""What a screen adds to sessions of the log: marks of episodes, and whatever else is written in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import work

from screens.frame.dialogs import TextEntry
from screens.frame.lab_screen import LabScreen
from screens.views.signs import clean
from services.live import protocol
from services.log.problem import LogbookProblem
from services.tone import Tone

if TYPE_CHECKING:
    from services.datasets.marks import Mark
    from services.live.client import Client
    from services.live.snapshots import Snapshot
    from sessions.models import Episode

SHOWN = 60
"""Characters of what was written that the notice repeats."""


class LogWriter(LabScreen):
    """A screen that writes into the log, and reads again what it shows after each change."""

    def read(self) -> None:
        """Read again what the screen shows."""

    def ask_for_mark(self, session: str, dataset: str, index: int, episode: Episode | Mark) -> None:
        """Accept a rejected episode, or reject an accepted one, when the reason was given; its flags are offered.

        `session` is the id of the session that recorded the episode, `index` its number in the dataset (from 0).
        """
        word = "Reject" if episode.accepted else "Accept"
        title = f"{word} episode {index} of {dataset}: why? (may be empty)"
        offered = ", ".join(episode.flags) if episode.accepted else ""
        self.app.push_screen(
            TextEntry(self.desk, title, clean(offered), "reason"),
            lambda why: self._mark(session, index, why, accepted=not episode.accepted),
        )

    def _mark(self, session: str, index: int, why: str | None, *, accepted: bool) -> None:
        from services.log.marking import mark_episode

        if why is None:
            return
        by, reason = self.desk.operator, f": {clean(why, SHOWN)}" if why else ""
        notice = f"episode {index} is {'accepted' if accepted else 'rejected'}{reason}"
        link = self.desk.link
        if link is not None and link.live and link.run.id == session and (take := _take(link.snapshot, index)):
            self._order_mark(link, protocol.MarkTake(take=take, accepted=accepted, why=why, by=by), notice)
            return
        self.write(partial(mark_episode, self.desk.folder, session, index, accepted=accepted, why=why, by=by), notice)

    @work(group="log writing")
    async def _order_mark(self, link: Client, command: protocol.MarkTake, notice: str) -> None:
        """Have the worker mark it over this console's own link: only who drives may ask."""
        from services.log.scribe import fold

        answer = await link.ask(command)
        if not answer.ok:
            self.desk.refuse_answer(answer)
            return
        await asyncio.to_thread(fold, self.desk.folder)
        self.desk.notice(notice, Tone.SUCCESS)
        self.read()

    def add_note(self, session: str, text: str, shown: str) -> None:
        """Add a note to the session; the notice repeats `shown`."""
        from services.log import logbook

        self.write(
            partial(logbook.add_note, self.desk.folder, session, text, self.desk.operator),
            f"noted: {clean(shown, SHOWN)}",
        )

    @work(group="log writing")
    async def write(self, write: Callable[[], None], notice: str) -> None:
        """Write in a thread; then say `notice`, or why it could not be written."""
        try:
            await asyncio.to_thread(write)
        except LogbookProblem as problem:
            self.desk.refuse(problem)
            return
        await self.desk.read_again()
        self.desk.notice(notice, Tone.SUCCESS)
        self.read()


def _take(snapshot: Snapshot, index: int) -> int:
    """The number of the take that was saved as this episode, from 1; 0 if the session saved no such episode."""
    return next((episode.take for episode in snapshot.episodes if episode.index == index), 0)
