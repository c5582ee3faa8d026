"""A note of several lines that is typed about a session."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static, TextArea

from screens.desk.desk import Desk
from screens.frame.dialogs import Choice, Question, TextEntry
from screens.views.signs import clean


class NoteEditor(TextEntry):
    """A note of several lines. Ctrl+S returns the text; Esc stops the arm, else asks before it loses what was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", id="note.save", priority=True, tooltip="Keep the note"),
    ]

    def __init__(self, desk: Desk, title: str, text: str = "") -> None:
        super().__init__(desk, title, text)
        self._before = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog note"):
            yield Static(Content.styled(clean(self._title), "bold $accent"), markup=False)
            area = TextArea(self._before, id="text", soft_wrap=True, show_line_numbers=False)
            area.highlight_cursor_line = False
            yield area
            yield Static("", id="foot", markup=False)

    def keeps(self) -> str:
        return "Ctrl+S saves, Enter makes a new line"

    def on_mount(self) -> None:
        """Go on at the end of the text. (Textual calls the base class's handler as well.)"""
        area = self.query_one(TextArea)
        area.move_cursor(area.document.end)
        area.focus()

    @property
    def text(self) -> str:
        """What is typed now."""
        return self.query_one(TextArea).text

    def action_save(self) -> None:
        self.dismiss(self.text.strip())

    def action_close(self) -> None:
        """Close, after a question if text would be lost."""
        if self.text.strip() == self._before.strip():
            self.dismiss()
            return
        sentences = ["What you typed is not saved: Esc goes back to it, Ctrl+S there saves it."]
        throw = Choice("y", "throw it away", "yes")
        self.app.push_screen(Question(self.desk, "Throw the text away?", sentences, [throw]), self._throw)

    def _throw(self, answer: str | None) -> None:
        if answer == "yes":
            self.dismiss()
