"""Dialogs: a question, a text entry, NO ANSWER. While the arm can move Esc stops it, and the dialog stays open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.desk.desk import Desk
from screens.desk.messages import Noticed, SessionChanged, SnapshotArrived, StopAnswered, StopUnanswered
from screens.frame.availability import may_type
from screens.frame.status_lines import StatusLine, banner
from screens.views import measured
from screens.views.keys import keymap, stop_keys
from screens.views.measured import Part
from screens.views.sheet_rows import BLANK, Paragraph, choice, closing, natural_width
from screens.views.signs import STYLES, clean
from screens.widgets.bigtext import BigText
from screens.widgets.line import Line
from screens.widgets.sheet import Sheet
from services.tone import Tone

SAID_S = 5.0
"""How long a dialog shows what a key did, or why it did nothing."""
STATUS_ROWS = 3


class Dialog[Result](ModalScreen[Result]):
    """While the arm can move, Esc and x hold it and leave the dialog open; its last rows say so, and what was done."""

    CLOSES: ClassVar[str] = "ctrl+q"
    """The key, for display, that closes it even while the arm can move."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "close", id="dialog.close", tooltip="Stop the arm if it moves, else close"),
        Binding("x", "stop", "stop", id="dialog.stop", show=False, tooltip="Hold the arm where it is"),
        Binding("ctrl+q", "close", "close", id="dialog.leave", show=False, tooltip="Close what is open"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._bindings.apply_keymap(keymap())
        self._said = StatusLine("")
        self._said_until = 0.0

    # --- for subclasses -------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw what has changed, here the foot; called when the arm or what was said changes, and after each resize."""
        if foot := self.query("#foot"):
            width = foot.first().size.width or 40
            rows = [row for paragraph in self.foot(width) for row in paragraph.rows(width)]
            foot.first(Static).update(Content("\n").join(rows))

    def acts(self) -> str:
        """Which keys act here, for whoever pressed another."""
        return ""

    # --- keys -----------------------------------------------------------------------------------

    def watch_focused(self) -> None:
        self.desk.on_focus_moved()

    def action_stop(self) -> None:
        self.desk.stop()

    def action_back(self) -> None:
        """Stop as long as anything moves, otherwise close."""
        if self.desk.can_move:
            self.desk.stop()
        elif not self.desk.just_stopped:
            self.action_close()

    def action_close(self) -> None:
        self.dismiss()

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing here says which keys do."""
        if event.key not in self._bindings.key_to_bindings and self.focused is None and (acts := self.acts()):
            self.say(StatusLine(acts, Tone.WARNING))

    # --- what is said ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.desk.watch(self)
        self.set_interval(0.5, self._tick)
        self.call_after_refresh(self.draw)

    def on_unmount(self) -> None:
        self.desk.unwatch(self)

    def on_resize(self) -> None:
        self.draw()

    def on_noticed(self, message: Noticed) -> None:
        """What was done or refused while the dialog is open."""
        message.stop()
        self.say(StatusLine.noticed(message))

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        message.stop()
        self.draw()

    def on_session_changed(self, message: SessionChanged) -> None:
        message.stop()
        self.draw()

    def say(self, line: StatusLine) -> None:
        """Show this for a few seconds."""
        self._said, self._said_until = line, time.monotonic() + SAID_S
        self.draw()

    def _tick(self) -> None:
        if self._said.text and time.monotonic() > self._said_until:
            self._said = StatusLine("")
        self.draw()

    @property
    def types(self) -> bool:
        """Whether keys go to a text field, so that x is a letter."""
        return False

    @property
    def stop_keys(self) -> str:
        """The keys that stop the arm here; empty while nothing can move."""
        if not self.desk.can_move:
            return ""
        return "Esc" if self.types else stop_keys()

    def status(self, width: int) -> list[Paragraph]:
        """What was just said, else that the arm holds, or why it does not move."""
        typing = isinstance(self.focused, Input)
        line = self._said if self._said.text else banner(self.desk, typing=typing)
        if not line.text:
            return []
        rows = measured.rows(line.parts or (Part(str(line.text)),), width, STATUS_ROWS)
        return [Paragraph(row.stylize(f"bold {STYLES[line.tone]}")) for row in rows]

    def closes(self) -> str:
        """How the dialog closes."""
        return f"{self.CLOSES} closes, Esc stops the arm" if self.desk.can_move else "Esc closes"

    def foot(self, width: int) -> list[Paragraph]:
        """The last rows: what was said, how it closes, and STOP while anything can move."""
        return [*self.status(width), *closing(self.closes(), self.stop_keys, width)]


ANSWERS = frozenset({"y", "j", "q", "F", "enter", *"123456789"})
"""All keys of a question's choices: none of them may be a stop key."""


@dataclass(frozen=True)
class Choice:
    """One answer: its keys (with commas), what it does, and the result that `dismiss` returns."""

    key: str
    text: str
    result: str


class SheetDialog[Result](Dialog[Result]):
    """A dialog of text alone, in a sheet: as large as the text, no larger than the screen."""

    MOST_COLUMNS: ClassVar[int] = 66
    """How wide the text may be, in cells."""

    def compose(self) -> ComposeResult:
        yield Sheet(id="sheet")

    def draw(self) -> None:
        super().draw()
        if sheets := self.query(Sheet):
            sheet = sheets.first()
            self.draw_sheet(sheet, *sheet.room(self.size, self.MOST_COLUMNS))

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """Draw the text; there is room for `width` x `height` cells."""

    def action_scroll(self, by: int) -> None:
        self.query_one(Sheet).scroll_rows(by)
        self.draw()


class Question(SheetDialog[str]):
    """A title, what will happen, and a few answers, each with a key. The answers are always in sight."""

    CLOSES = "n"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "close", "no", id="question.no", show=False, tooltip="Close without an answer"),
        Binding("up", "scroll(-1)", show=False, id="dialog.up", tooltip="Scroll up"),
        Binding("down", "scroll(1)", show=False, id="dialog.down", tooltip="Scroll down"),
        Binding("pageup", "scroll(-8)", show=False, id="dialog.page-up", tooltip="Scroll up by a page"),
        Binding("pagedown", "scroll(8)", show=False, id="dialog.page-down", tooltip="Scroll down by a page"),
    ]

    def __init__(self, desk: Desk, title: str, sentences: Sequence[str], choices: Sequence[Choice]) -> None:
        super().__init__(desk)
        self._title, self._sentences, self._choices = title, sentences, choices

    def on_mount(self) -> None:
        """Bind the answers' keys. (Textual calls the base class's handler as well.)"""
        for each in self._choices:
            for key in each.key.split(","):
                self._bindings.bind(key.strip(), f"answer('{each.result}')", each.text, show=False)

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """Title, sentences that scroll where there is no room, answers, foot."""
        head = [Paragraph(Content.styled(clean(self._title), "bold $accent")), BLANK]
        body = [Paragraph(Content.styled(clean(line, 2000), "$quiet")) for line in self._sentences]
        body += [BLANK] if body else []
        answers = [choice(each.key.partition(",")[0], clean(each.text)) for each in self._choices]
        width = max(44, natural_width([*head, *body, *answers], width)) if width > 44 else width
        sheet.show_parts(head, body, [*answers, BLANK, *self.foot(width)], width, height)

    def acts(self) -> str:
        """The answers' keys."""
        shown = [each.key.partition(",")[0] for each in self._choices]
        return f"press {', '.join(shown)} or Esc" if shown else "press Esc"

    def action_answer(self, result: str) -> None:
        self.dismiss(result)


class TextEntry(Dialog[str]):
    """One line of text. Enter returns the stripped text, Esc None.

    While a take or a trial runs the field is disabled, with what was typed, as another console may have started it.
    """

    def __init__(self, desk: Desk, title: str, value: str = "", goes_to: str = "note") -> None:
        super().__init__(desk)
        self._title, self._value, self._goes_to = title, value, goes_to

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog entry"):
            yield Static(Content.styled(clean(self._title), "bold $accent"), markup=False)
            yield Input(self._value, id="text")
            yield Static("", id="foot", markup=False)

    @property
    def types(self) -> bool:
        return may_type(self.desk)

    def closes(self) -> str:
        if not self.types:
            return f"keys go to the arm: the {self._goes_to} waits, with what you typed; {super().closes()}"
        return f"{self.keeps()}, {super().closes()}"

    def keeps(self) -> str:
        """Where the keys go, and which keeps the text."""
        return f"keys go to the {self._goes_to}: Enter keeps it"

    def draw(self) -> None:
        """The field has the keys, or none; the foot."""
        for field in self.query("#text"):
            if field.disabled == self.types:
                field.disabled = not self.types
                if isinstance(field, Input):
                    field.select_on_focus = False  # the next letter would replace what was typed
                if self.types:
                    field.focus()
        super().draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class NoAnswer(Dialog[None]):
    """The stop key got no answer. Stays until the arm holds, or until Esc when nothing can be stopped."""

    _answered = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="no-answer"):
            yield BigText(id="no-answer-1", most=2)
            yield BigText(id="no-answer-2", most=2)
            yield Static("NO ANSWER: cut the power", id="no-answer-words", markup=False)
            yield Line(id="doing")

    def on_mount(self) -> None:
        """Show the words. (Textual calls the base class's handler as well.)"""
        self.query_one("#no-answer-1", BigText).show("NO ANSWER")
        self.query_one("#no-answer-2", BigText).show("CUT THE POWER")
        self.call_after_refresh(self._show_or_close)

    def on_screen_resume(self) -> None:
        self._show_or_close()

    def on_stop_unanswered(self, message: StopUnanswered) -> None:
        message.stop()
        self._show_or_close()

    def on_stop_answered(self, message: StopAnswered) -> None:
        message.stop()
        self._show_or_close()

    def _show_or_close(self) -> None:
        """Show the rescue's step, or close: the answer may have come before this was mounted, or under a dialog."""
        if self.desk.unanswered:
            self.query_one("#doing", Line).show(clean(self.desk.unanswered))
        elif self.is_active and not self._answered:
            self._answered = True
            self.dismiss()
