"""Dialogs: a question, a text entry, the list of keys, NO ANSWER. Esc stops the arm first and closes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.desk.desk import Desk
from screens.desk.messages import StopAnswered, StopUnanswered
from screens.views.keys import keymap
from screens.views.signs import clean, signs
from screens.widgets.bigtext import BigText
from screens.widgets.line import Line


class Dialog[Result](ModalScreen[Result]):
    """While the arm can move, Esc and x hold it and leave the dialog open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "close", id="dialog.close", tooltip="Stop the arm if it moves, else close"),
        Binding("x", "stop", "stop", id="dialog.stop", show=False, tooltip="Hold the arm where it is"),
        Binding("ctrl+q", "close", "close", id="dialog.leave", show=False, tooltip="Close what is open"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._bindings.apply_keymap(keymap())

    def watch_focused(self) -> None:
        self.desk.on_focus_moved()

    def action_stop(self) -> None:
        self.desk.stop()

    def action_back(self) -> None:
        """Stop as long as anything moves, otherwise close."""
        if self.desk.can_move:
            self.desk.stop()
        elif not self.desk.just_stopped:
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()


ANSWERS = frozenset({"y", "j", "q", "F", "enter", *"123456789"})
"""All keys of a question's choices: none of them may be a stop key."""


@dataclass(frozen=True)
class Choice:
    """One answer: its keys (with commas), what it does, and the result that `dismiss` returns."""

    key: str
    text: str
    result: str


class Question(Dialog[str]):
    """A title, what will happen, and a few answers, each with a key."""

    def __init__(self, desk: Desk, title: str, sentences: Sequence[str], choices: Sequence[Choice]) -> None:
        super().__init__(desk)
        self._title, self._sentences, self._choices = title, sentences, choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean(self._title), "bold $accent"), markup=False)
            yield Static("\n".join(clean(line) for line in self._sentences), classes="says", markup=False)
            for choice in self._choices:
                shown = choice.key.partition(",")[0]
                answer = Content.assemble((f"{shown:>6}", "bold $accent"), f"   {choice.text}")
                yield Static(answer, classes="choice", markup=False)
            stop_first = "stops the arm first, then closes" if self.desk.can_move else "closes"
            yield Static(Content.assemble(("   Esc", "bold $accent"), (f"   {stop_first}", "$quiet")), markup=False)

    def on_mount(self) -> None:
        """Bind the answers' keys."""
        for choice in self._choices:
            keys = [key.strip() for key in choice.key.split(",")]
            for key in keys:
                self._bindings.bind(key, f"answer('{choice.result}')", choice.text, show=False)

    def action_answer(self, result: str) -> None:
        self.dismiss(result)


class TextEntry(Dialog[str]):
    """One line of text. Enter returns the stripped text, Esc None."""

    def __init__(self, desk: Desk, title: str, value: str = "", goes_to: str = "note") -> None:
        super().__init__(desk)
        self._title, self._value, self._goes_to = title, value, goes_to

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean(self._title), "bold $accent"), markup=False)
            yield Input(self._value, id="text")
            dot = signs().dot
            esc = "Esc stops the arm" if self.desk.can_move else "Esc closes"
            yield Static(
                f"keys go to the {self._goes_to} {dot} Enter keeps it {dot} {esc}", classes="says", markup=False
            )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class KeyList(Dialog[None]):
    """Every key of a screen; those that act now are bright."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,enter,q", "close", "close", id="keys.close", show=False, tooltip="Close this list"),
        Binding("up", "scroll(-1)", show=False, id="keys.up", tooltip="Scroll up"),
        Binding("down", "scroll(1)", show=False, id="keys.down", tooltip="Scroll down"),
    ]

    def __init__(self, desk: Desk, title: str, keys: Sequence[tuple[str, str, str, bool]]) -> None:
        super().__init__(desk)
        self._title, self._keys = title, keys

    def compose(self) -> ComposeResult:
        """One row per key: key, label, tooltip."""
        with VerticalScroll(classes="dialog keys", can_focus=False):
            yield Static(Content.styled(f"keys on {self._title}", "bold $accent"), markup=False)
            rows, width = [], max(8, *(len(key) for key, *_ in self._keys))
            for key, label, tooltip, now in self._keys:
                tone = "bold $accent" if now else "$quiet"
                rows.append(
                    Content.assemble(
                        (f"{key:>{width}}", tone), "  ", (f"{label:<16}", "" if now else "$quiet"), (tooltip, "$quiet")
                    )
                )
            rows.append(
                Content.styled("  dim keys do not act now; every action is in the palette (:) as well", "$quiet")
            )
            yield Static(Content("\n").join(rows), markup=False)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


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
        self.desk.watch(self)
        self.query_one("#no-answer-1", BigText).show("NO ANSWER")
        self.query_one("#no-answer-2", BigText).show("CUT THE POWER")
        self.call_after_refresh(self._show_or_close)

    def on_screen_resume(self) -> None:
        self._show_or_close()

    def on_unmount(self) -> None:
        self.desk.unwatch(self)

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
