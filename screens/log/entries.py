"""A note of several lines that is typed about a session, and what kind of note it is."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static, TextArea

from screens.desk.desk import Desk
from screens.frame.dialogs import Choice, Question, TextEntry
from screens.views.signs import clean, signs
from sessions.models import NoteKind

KINDS = (NoteKind.NOTE, NoteKind.HYPOTHESIS, NoteKind.LESSON)
"""In the order in which Tab goes through them."""


class NoteEditor(TextEntry):
    """A note of several lines. Ctrl+S returns the text; Esc stops the arm, else asks before it loses what was typed.

    Tab changes its `kind`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", id="note.save", priority=True, tooltip="Keep the note"),
        Binding(
            "tab", "next_kind", "kind", id="note.kind", priority=True, tooltip="A note, a possible cause, or a lesson"
        ),
    ]

    def __init__(self, desk: Desk, title: str, text: str = "", kind: NoteKind = NoteKind.NOTE) -> None:
        super().__init__(desk, title, text)
        self._before = text
        self.kind = self._kind_before = kind

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog note"):
            yield Static(Content.styled(clean(self._title), "bold $accent"), markup=False)
            yield Static("", id="note-kind", markup=False)
            area = TextArea(self._before, id="text", soft_wrap=True, show_line_numbers=False)
            area.highlight_cursor_line = False
            yield area
            yield Static("", id="foot", markup=False)

    def keeps(self) -> str:
        return "Ctrl+S saves, Enter makes a new line, Tab changes its kind"

    def on_mount(self) -> None:
        """Go on at the end of the text. (Textual calls the base class's handler as well.)"""
        area = self.query_one(TextArea)
        area.move_cursor(area.document.end)
        area.focus()
        self._show_kind()

    def _show_kind(self) -> None:
        """All kinds, the chosen one marked."""
        parts = [
            (f"{signs().live if kind is self.kind else ' '} {clean(kind.words)}   ",
             "bold" if kind is self.kind else "$quiet")
            for kind in dict.fromkeys([*KINDS, self.kind])
        ]  # fmt: skip
        self.query_one("#note-kind", Static).update(Content.assemble(*parts))

    def action_next_kind(self) -> None:
        """The kind after this one."""
        self.kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)] if self.kind in KINDS else KINDS[0]
        self._show_kind()

    @property
    def text(self) -> str:
        """What is typed now."""
        return self.query_one(TextArea).text

    def action_save(self) -> None:
        self.dismiss(self.text.strip())

    def action_close(self) -> None:
        """Close, after a question if text would be lost."""
        if (self.text.strip(), self.kind) == (self._before.strip(), self._kind_before):
            self.dismiss()
            return
        sentences = ["What you typed is not saved: Esc goes back to it, Ctrl+S there saves it."]
        throw = Choice("y", "throw it away", "yes")
        self.app.push_screen(Question(self.desk, "Throw the text away?", sentences, [throw]), self._throw)

    def _throw(self, answer: str | None) -> None:
        if answer == "yes":
            self.dismiss()
