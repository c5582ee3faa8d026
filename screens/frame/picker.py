"""One field of a form as a row: its label, its input, the list to choose from, and the line below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from screens.frame.field import Field, FieldKind
from screens.views.choices import Choice, choice_line, matching
from screens.views.signs import clean, signs
from screens.widgets.line import set_tone

CHOICES_MARGIN = (8, 4)
"""Columns on the left and right of a list, its scroll bar included; form.tcss has them as well."""


class FieldInput(Input):
    """An input that asks its row first what a key means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "go(-1)", show=False, id="form.up", tooltip="The choice or the field above"),
        Binding("down", "go(1)", show=False, id="form.down", tooltip="The choice or the field below"),
    ]

    @property
    def row(self) -> FieldRow:
        """The row that it stands in."""
        return next(node for node in self.ancestors if isinstance(node, FieldRow))

    def action_go(self, by: int) -> None:
        if not self.row.move(by):
            self.post_message(FieldRow.Left(self.row, by))

    def action_cursor_right(self, select: bool = False) -> None:
        """At the end of the text of a picker: open its list."""
        at_end = self.cursor_at_end and self._suggestion in ("", self.value)
        if at_end and not select and self.row.open():
            return
        super().action_cursor_right(select)

    async def action_submit(self) -> None:
        """Take the marked choice, and go on."""
        self.row.take()
        await super().action_submit()

    def on_key(self, event: events.Key) -> None:
        if event.is_printable:
            self._open_typed()

    def on_paste(self) -> None:
        self._open_typed()

    def _open_typed(self) -> None:
        self.call_next(lambda: self.row.open(typed=True))  # once the text is in the field

    def on_click(self) -> None:
        """A click on the field that has the focus already opens its list."""
        if not self.row.is_open:
            self.row.open()


class FieldRow(Vertical):
    """A field; `problem` and the help stand in the line below it."""

    @dataclass
    class Left(Message):
        """Up or Down was pressed and no list is open."""

        row: FieldRow
        by: int

    @dataclass
    class Marked(Message):
        """Another choice is marked in the list, or none."""

        row: FieldRow

    def __init__(self, field: Field, value: str, default: str) -> None:
        super().__init__(classes="field", id=f"row-{field.id}")
        self.field = field
        self.problem = ""
        self._choices: Sequence[Choice] = ()
        self._listed: list[Choice] = []
        self._typed = False
        self._signed: int | None = None
        """The line that has the sign of the marked one."""
        self._default = default
        self._input = FieldInput(value, default or field.placeholder, id=field.id, compact=True)
        self._list = OptionList(compact=True, classes="choices")
        self._list.can_focus = False
        self._note = Static("", classes="note", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="entry"):
            yield Static(self.field.label, classes="label", markup=False)
            yield self._input
            yield Static("", classes="sign", markup=False)
        yield self._list
        yield self._note

    # --- values -----------------------------------------------------------------------------------

    @property
    def input(self) -> FieldInput:
        return self._input

    def show_default(self, text: str) -> None:
        """What an empty field means."""
        self._default = text
        self._input.placeholder = clean(text or self.field.placeholder, 80)

    @property
    def note(self) -> str:
        """The line below the field."""
        return str(self._note.content) if self.has_class("-noted") else ""

    def show_problem(self, problem: str) -> None:
        """Mark the field and show the sentence below it; an empty one clears both."""
        if problem == self.problem:
            return
        self.problem = problem
        self.set_class(bool(problem), "-problem")
        self.query_one(".sign", Static).update(signs().warning if problem else "")
        self.show_note()

    def show_note(self, help: str = "") -> None:
        """The line below: what is wrong, else the field's help while it has the focus."""
        text = self.problem or (help or self.field.help if self._input.has_focus else "")
        self._note.update(f"{signs().warning} {clean(self.problem)}" if self.problem else clean(text))
        set_tone(self._note, "danger" if self.problem else "quiet")
        self.set_class(bool(text), "-noted")

    # --- the list ---------------------------------------------------------------------------------

    def offer(self, choices: Sequence[Choice]) -> None:
        """Set what there is to choose from."""
        self._choices = choices
        if self.is_open:
            self._fill()

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    @property
    def marked(self) -> Choice | None:
        """The choice that Enter takes."""
        at = self._list.highlighted
        return self._listed[at] if self.is_open and at is not None and at < len(self._listed) else None

    def open(self, *, typed: bool = False) -> bool:
        """Open the list if there is something to choose; with all of it unless it was `typed`."""
        self._typed = typed
        if self.field.kind is not FieldKind.PICKER or not self._choices or not self._input.has_focus:
            return False
        self.add_class("-open")
        self._fill()
        if not self._listed or (typed and [choice.value for choice in self._listed] == [self._input.value.strip()]):
            self.close()  # nothing to choose: Down goes to the next field
        return self.is_open

    def close(self) -> bool:
        """Close the list; whether it was open."""
        was = self.is_open
        self.remove_class("-open")
        if was:
            self.post_message(self.Marked(self))
        return was

    def on_resize(self) -> None:
        """The lines of an open list are as wide as there is room."""
        if self.is_open:
            self._fill()

    def _fill(self) -> None:
        text = self._input.value if self._typed else ""
        self._listed = matching(self._choices, text)
        width = self._width
        self._list.clear_options()
        self._list.add_options([Option(choice_line(choice, width)) for choice in self._listed])
        self._signed = None
        value = self._input.value.strip() or ("" if self._typed else self._default)
        same = next((at for at, choice in enumerate(self._listed) if choice.value == value), None)
        first = None if self.field.free and self._typed else 0
        self._list.highlighted = same if same is not None else first if self._listed else None
        self.post_message(self.Marked(self))

    def move(self, by: int) -> bool:
        """Mark the next choice if the list is open."""
        if not self.is_open or not self._listed:
            return False
        at, last = self._list.highlighted, len(self._listed) - 1
        if at is None:
            self._list.highlighted = 0 if by > 0 else last
        elif at + by < 0 and self.field.free and self._typed:
            self._list.highlighted = None  # back to what was typed, which the list does not tell
            self._sign()
            self.post_message(self.Marked(self))
        else:
            self._list.highlighted = max(0, min(last, at + by))
        return True

    def take(self) -> None:
        """Put the marked choice into the field and close the list."""
        if choice := self.marked:
            self._input.value = choice.value
            self._input.cursor_position = len(choice.value)
        self.close()

    @on(Input.Changed)
    def _narrow(self) -> None:
        """The open list follows what is typed or deleted."""
        if self.is_open:
            self.open(typed=True)

    @on(OptionList.OptionHighlighted)
    def _say_marked(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._sign()
        self.post_message(self.Marked(self))

    def _sign(self) -> None:
        """The marked line has a sign, so that no colour stands alone."""
        for at, marked in ((self._signed, False), (self._list.highlighted, True)):
            if at is not None and at < len(self._listed):
                self._list.replace_option_prompt_at_index(at, choice_line(self._listed[at], self._width, marked=marked))
        self._signed = self._list.highlighted

    @property
    def _width(self) -> int:
        """The cells of a line of the list."""
        return max(20, self.size.width - sum(CHOICES_MARGIN))

    @on(OptionList.OptionSelected)
    def _take_clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take()
