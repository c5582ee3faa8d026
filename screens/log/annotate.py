"""Notes, tags, marks and late verdicts for the session chosen in the Log."""

from __future__ import annotations

from functools import partial

from textual.content import Content

from screens.frame.checked_entry import CheckedEntry
from screens.frame.dialogs import Choice, Question
from screens.frame.log_writing import SHOWN, LogWriter
from screens.log.chooser import Chooser
from screens.log.entries import NoteEditor
from screens.views import keys
from screens.views.signs import clean
from sessions.document import Session
from sessions.models import Episode, Note, NoteKind, SessionStatus, Trial, Verdict
from sessions.trials import place


class AnnotationScreen(LogWriter):
    """A screen with a chosen session; it reads the log again after each change."""

    @property
    def chosen(self) -> Session | None:
        """The session that notes, tags and verdicts go to."""
        return None

    @property
    def episode(self) -> Episode | None:
        """The episode that a mark goes to."""
        return None

    # --- notes ----------------------------------------------------------------------------------

    def action_note_to(self) -> None:
        """Write a note to the chosen session, or edit one that it has."""
        session = self.chosen
        if session is None:
            return
        if not session.notes:
            self._write_note(session, 0)
            return
        rows = [Content("a new note, possible cause or lesson"), *map(_note_row, session.notes)]
        title = f"Notes of session {session.id}: write one, or edit one"
        self.app.push_screen(
            Chooser(self.desk, title, rows, "opens it"),
            lambda at: None if at is None else self._write_note(session, at),
        )

    def _write_note(self, session: Session, number: int) -> None:
        """Edit note `number` (from 1), or write a new one (0)."""
        before = session.notes[number - 1] if number else None
        title = f"Note {number} of session {session.id}" if number else f"A note to session {session.id}"
        editor = NoteEditor(self.desk, title, before.text, before.kind) if before else NoteEditor(self.desk, title)
        self.app.push_screen(editor, lambda text: self._note_to(session, number, before, text, editor.kind))

    def _note_to(self, session: Session, number: int, before: Note | None, text: str | None, kind: NoteKind) -> None:
        from services.log import logbook

        if not text or (before is not None and (text, kind) == (before.text.strip(), before.kind)):
            return
        folder, author = self.desk.folder, self.desk.operator
        if number:
            write = partial(logbook.edit_note, folder, session.id, number, text, author, kind=kind)
        else:
            write = partial(logbook.add_note, folder, session.id, text, author, kind)
        said = "noted" if kind is NoteKind.NOTE else kind.words
        self.write(write, f"{said}: {clean(text, SHOWN)}")

    # --- tags -----------------------------------------------------------------------------------

    def action_tag(self) -> None:
        if session := self.chosen:
            title = f"Tag session {session.id} (-tag takes it off)"
            self.app.push_screen(
                CheckedEntry(self.desk, title, "tag", _why_no_tag), lambda text: self._tag(session, text)
            )

    def _tag(self, session: Session, text: str | None) -> None:
        from services.log import logbook

        if text:
            present = not text.startswith("-")
            tag = text.removeprefix("-").removeprefix("#")
            notice = f"tagged: #{tag}" if present else f"tag taken off: #{tag}"
            self.write(lambda: logbook.set_tag(self.desk.folder, session.id, tag, present), notice)

    # --- episodes -------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Accept a rejected episode, or reject an accepted one; asks for the reason."""
        session, episode = self.chosen, self.episode
        if session is not None and episode is not None:
            self.ask_for_mark(session.id, session.dataset, episode.index, episode)

    # --- verdicts -------------------------------------------------------------------------------

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
        from services.log import marking

        if verdict:
            write = partial(
                marking.judge_trial, self.desk.folder, session.id, trial.index, Verdict(verdict), self.desk.operator
            )
            self.write(write, f"trial {place(session.trials, trial.index)}: {verdict}")


def _note_row(note: Note) -> Content:
    kind = "" if note.kind is NoteKind.NOTE else f"{clean(note.kind.words)}: "
    return Content.assemble(
        (kind, "$accent"), clean(note.text, 60), (f"  {clean(note.author) or 'unsigned'}", "$quiet")
    )


def _why_no_tag(text: str) -> str:
    """Why this cannot be a tag; empty if it can."""
    from services.log.logbook import why_no_tag

    return why_no_tag(text.removeprefix("-").removeprefix("#"))
