"""Notes, tags and late verdicts for the session chosen in the Log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from textual import work

from screens.frame.dialogs import Choice, Question, TextEntry
from screens.frame.lab_screen import LabScreen
from screens.views import keys
from services.tone import Tone
from sessions.document import Session
from sessions.models import SessionStatus, Trial, Verdict
from sessions.trials import place


class AnnotationScreen(LabScreen):
    """A screen with a chosen session; it reads the log again after each change."""

    @property
    def chosen(self) -> Session | None:
        """The session that notes, tags and verdicts go to."""
        return None

    def read(self) -> None:
        """Read the log again."""

    def action_note_to(self) -> None:
        """Add a note to the chosen session."""
        if session := self.chosen:
            entry = TextEntry(self.desk, f"Note to session {session.id}")
            self.app.push_screen(entry, lambda text: self._note_to(session, text))

    def _note_to(self, session: Session, text: str | None) -> None:
        from services.log import logbook

        if text:
            author = self.desk.operator
            self._annotate(lambda: logbook.add_note(self.desk.folder, session.id, text, author), f"noted: {text}")

    def action_tag(self) -> None:
        if session := self.chosen:
            entry = TextEntry(self.desk, f"Tag session {session.id} (-tag takes it off)", "", "tag")
            self.app.push_screen(entry, lambda text: self._tag(session, text))

    def _tag(self, session: Session, text: str | None) -> None:
        from services.log import logbook

        if text:
            present = not text.startswith("-")
            tag = text.removeprefix("-")
            notice = f"tagged: #{tag}" if present else f"tag taken off: #{tag}"
            self._annotate(lambda: logbook.set_tag(self.desk.folder, session.id, tag, present), notice)

    @property
    def unjudged(self) -> Trial | None:
        """The trial of the chosen session that has no verdict, once the session is over."""
        session = self.chosen
        if session is None or session.status is SessionStatus.RUNNING:
            return None
        return next((trial for trial in session.trials if trial.verdict is None), None)

    def action_judge_late(self, verdict: str) -> None:
        """Give a missing verdict after the session; asks first, since it cannot be undone."""
        session, trial = self.chosen, self.unjudged
        if session is None or trial is None:
            return
        number = place(session.trials, trial.index)
        title = f"Trial {number} of session {session.id} has no verdict."
        sentences = [f"A verdict given now stays: {keys.UNDO} takes back only what was given in the session."]
        yes = Choice("y", f"it is a {verdict}" if verdict != "void" else "it is void", verdict)
        self.app.push_screen(
            Question(self.desk, title, sentences, [yes]), lambda answer: self._judge(session, trial, answer)
        )

    def _judge(self, session: Session, trial: Trial, verdict: str | None) -> None:
        from services.log import logbook

        if verdict:
            write = partial(
                logbook.judge_trial, self.desk.folder, session.id, trial.index, Verdict(verdict), self.desk.operator
            )
            self._annotate(write, f"trial {place(session.trials, trial.index)}: {verdict}")

    def _annotate(self, write: Callable[[], None], notice: str) -> None:
        self._write(write, notice)

    @work(group="annotate")
    async def _write(self, write: Callable[[], None], notice: str) -> None:
        from services.log.logbook import LogbookProblem

        try:
            await asyncio.to_thread(write)
        except LogbookProblem as problem:
            self.desk.refuse(problem)
        else:
            self.desk.notice(notice, Tone.SUCCESS)
            self.read()
