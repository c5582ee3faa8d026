"""The fields of a form: what stands in them, what they mean, and the focus that moves between them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Button, Static

from screens.desk.desk import Desk
from screens.frame.entries import Entries
from screens.frame.field import Field, FieldKind
from screens.frame.picker import FieldRow
from screens.frame.told_line import ToldLine
from screens.views.choices import Choice, named
from screens.views.facts import Section, section_lines, side_by_side
from screens.views.measured import Part, sentence
from screens.views.signs import signs
from screens.widgets.line import Line, Lines

BESIDE_FROM, LOW_BELOW, FLAT_BELOW = 100, 28, 16
"""Columns from which the meaning stands beside the fields; rows below which it is close, and is not shown."""


BRIEF_BELOW = 4
"""Rows of the meaning below which the title says the most important of it."""
TWO_COLUMNS_FROM = 70
"""Columns from which the meaning, below the fields, has two columns."""
HINT = (
    Part("Enter goes on"),
    Part("up and down move", 2, short="up, down move"),
    Part("right opens a list", 1),
    Part("Esc leaves the fields", 0, short="Esc leaves"),
)


class FormFields(Container):
    """Fields on the left, what they mean beside or below them. A form defines fields, defaults and choices."""

    TITLE: ClassVar[str] = ""
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    """The fields in order."""
    BINDINGS: ClassVar[list[BindingType]] = [  # a screen may use these keys where it shows no form
        Binding("tab", "app.focus_next", show=False, id="form.next", tooltip="The next field"),
        Binding("shift+tab", "app.focus_previous", show=False, id="form.previous", tooltip="The field before"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="form")
        self.desk = desk
        self._made: list[FieldRow] = []
        self._meaning: Lines | None = None

    # --- for subclasses -------------------------------------------------------------------------

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of this form, the same for as long as it is open."""
        return self.FIELDS

    def defaults(self) -> dict[str, str]:
        """What each empty field means now; reads no disk."""
        return {}

    def choices(self, name: str) -> Sequence[Choice]:
        """What there is to choose from in a picker."""
        return ()

    def suggester(self, name: str) -> Suggester | None:
        """The completions of a field that has no list."""
        return None

    def sections(self, entries: Entries) -> list[Section]:
        """What the entries mean."""
        return []

    def brief(self, entries: Entries) -> Sequence[Part]:
        """The most important of that in a line, where the fields need the whole height."""
        return ()

    def help(self, field: Field) -> str:
        """The line below a field that has the focus."""
        return field.help

    def more_buttons(self) -> ComposeResult:
        """Buttons at the right of the start button."""
        yield from ()

    # --- the fields -----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        values, defaults = self.desk.forms.get(self._values_key, {}), self.defaults()
        self._made = []
        with VerticalScroll(id="fields", can_focus=False):
            yield Line(id="form-title", classes="form-title")
            for field in self.fields:
                row = FieldRow(field, values.get(field.id, ""), defaults.get(field.id, ""))
                row.input.suggester = self.suggester(field.id)
                self._made.append(row)
                yield row
            yield ToldLine(id="about")
            yield ToldLine(id="refusal")
            yield Static(id="cameras", markup=False)
            with Horizontal(classes="entry"):
                yield Static("", classes="label")
                yield Button("start", id="start", variant="primary", compact=True)
                yield from self.more_buttons()
            yield Line(id="hint")
        self._meaning = Lines(id="meaning")
        yield self._meaning

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < BESIDE_FROM, "-narrow")
        self.set_class(event.size.height < FLAT_BELOW, "-flat")
        self.set_class(event.size.height < LOW_BELOW, "-low")
        self.call_after_refresh(self.draw_meaning)
        self.call_after_refresh(self._show_focused)

    @property
    def has_fields(self) -> bool:
        """Whether the fields are mounted: not yet, or no longer, while the screen changes."""
        return self._meaning is not None and self._meaning.is_attached

    @property
    def refusal(self) -> ToldLine:
        """Why it does not start."""
        return self.query_one("#refusal", ToldLine)

    @property
    def about(self) -> ToldLine:
        """What it does at the moment."""
        return self.query_one("#about", ToldLine)

    def let_go(self) -> None:
        """The operator does something: what is told below need not stay in view."""
        self.refusal.let_go()
        self.about.let_go()

    @property
    def _values_key(self) -> str:
        """The key of this form's last values, per kind of form and bench."""
        return f"{type(self).__name__} {self.desk.profile.name}"

    # --- values ---------------------------------------------------------------------------------

    def row(self, name: str) -> FieldRow:
        """The row of a field."""
        return next(row for row in self._made if row.field.id == name)

    @property
    def rows(self) -> list[FieldRow]:
        """The rows of all fields, in order. (Each key needs them often: a query would walk through all widgets.)"""
        return [row for row in self._made if row.is_attached]

    def typed(self) -> dict[str, str]:
        """The text that stands in each field."""
        return {row.field.id: row.input.value for row in self.rows}

    @property
    def entries(self) -> Entries:
        """What stands in the fields, and what the empty ones mean."""
        return Entries(self.fields, self.typed(), self.defaults())

    def value(self, name: str) -> str:
        """The text of a field, or what it means if it is empty."""
        return self.entries[name]

    # --- drawing --------------------------------------------------------------------------------

    def refresh_fields(self) -> None:
        """Offer the choices that are known now; show the defaults, and what the entries mean."""
        for row in self.rows:
            if row.field.kind is FieldKind.PICKER:
                row.offer(self.choices(row.field.id))
        self.refresh_defaults()

    def refresh_defaults(self) -> None:
        """Show what empty fields mean now, and what the entries mean."""
        defaults = self.defaults()
        for row in self.rows:
            row.show_default(defaults.get(row.field.id, ""))
            row.show_note(self.help(row.field))
        self.draw_meaning()

    def _draw_hint(self) -> None:
        line = self.query_one("#hint", Line)
        line.show(sentence(HINT, max(20, line.content_size.width)))

    def _draw_title(self, box: Lines) -> None:
        """The form's title; without room for what the entries mean, the most important of it as well."""
        line = self.query_one("#form-title", Line)
        hidden = self.has_class("-narrow") and box.size.height < BRIEF_BELOW
        said = self.brief(self.entries) if hidden or self.has_class("-measured", "-narrow") else ()
        self.set_class(bool(said), "-brief")
        title = [] if self.has_class("-flat") and said else [Content.styled(self.TITLE, "bold $accent")]
        room = (line.content_size.width or self.size.width) - sum(each.cell_length + 3 for each in title)
        shown = [*title, sentence(said, max(8, room))] if said else title
        line.show(Content(f" {signs().dot} ").join(shown))

    def draw_meaning(self) -> None:
        """Show what the entries mean; while a list is open, the facts of the marked choice."""
        box = self._meaning
        if not self.has_fields or box is None:
            return
        self._draw_hint()
        self._draw_title(box)
        width = box.content_size.width
        if width > 0:
            sections = self._shown_sections()
            below = self.has_class("-narrow") and width >= TWO_COLUMNS_FROM and len(sections) > 1
            layout = side_by_side if below else section_lines
            box.show(layout(sections, width))

    def _shown_sections(self) -> list[Section]:
        row = next((row for row in self.rows if row.is_open), None)
        if row is not None and (choice := row.marked) and choice.facts:
            return [Section(f"{row.field.label} {choice.shown}", choice.facts)]
        sections = self.sections(self.entries)
        focused = next((row for row in self.rows if row.input.has_focus), None)
        if focused is not None and focused is not self.rows[0] and focused.field.kind is FieldKind.PICKER:
            name = focused.field.id
            if (choice := named(self.choices(name), self.value(name))) and choice.facts:
                sections.insert(0, Section(f"{focused.field.label} {choice.shown}", choice.facts))
        return sections

    # --- focus ----------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        self._focus_moved()

    def on_descendant_blur(self) -> None:
        self._focus_moved()

    def _focus_moved(self) -> None:
        if not self.has_fields:
            return
        for row in self.rows:
            if not row.input.has_focus:
                row.close()
            row.show_note(self.help(row.field))
        self.draw_meaning()
        self.let_go()
        self.call_after_refresh(self._show_focused)

    def _show_focused(self) -> None:
        """The focused field is on the screen with its label and the line below it, however small that is.

        What is told below comes first, until something is typed or the focus moves: a check that ends after it moves
        nothing.
        """
        if not self.has_fields or self.refusal.reveal() or self.about.reveal():
            return
        row = next((row for row in self.rows if row.input.has_focus), None)
        if row is not None and row is self._made[0]:
            self.query_one("#fields").scroll_home(animate=False)  # with the title above it
        elif row is not None:
            row.scroll_visible(animate=False)

    @on(FieldRow.Left)
    def move(self, event: FieldRow.Left) -> None:
        """Up and Down move between the fields; below the last one is the start button."""
        event.stop()
        at = self.rows.index(event.row) + event.by
        if at == len(self.rows):
            self.query_one("#start").focus()
        elif at >= 0:
            self.rows[at].input.focus()

    def on_key(self, event: events.Key) -> None:
        """Up leaves the buttons, left and right move between them."""
        buttons = list(self.query(Button))
        at = next((at for at, button in enumerate(buttons) if button.has_focus), None)
        if at is None:
            return
        if event.key == "up":
            event.stop()
            self.rows[-1].input.focus()
        elif event.key in ("left", "right"):
            event.stop()
            buttons[(at + (1 if event.key == "right" else -1)) % len(buttons)].focus()

    def close_list(self) -> bool:
        """Close the open list; whether one was."""
        return any(row.close() for row in self.rows)  # one at most is open

    @staticmethod
    def now() -> float:
        """Unix time."""
        return time.time()
