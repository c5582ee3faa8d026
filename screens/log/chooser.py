"""One of several, chosen by arrows, by digit or by mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from screens.desk.desk import Desk
from screens.frame.dialogs import Dialog
from screens.views.signs import clean
from screens.widgets.rows import RowList

DIGITS = "123456789"


class Chooser(Dialog[int]):
    """Returns the place of the chosen row, from 0; None if none was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "choose", id="chooser.choose", show=False, tooltip="The row under the cursor"),
        Binding("up", "move(-1)", "up", id="chooser.up", show=False, tooltip="The row above"),
        Binding("down", "move(1)", "down", id="chooser.down", show=False, tooltip="The row below"),
        *(
            Binding(digit, f"number({digit})", digit, id=f"chooser.{digit}", show=False, tooltip=f"Row {digit}")
            for digit in DIGITS
        ),
    ]

    def __init__(self, desk: Desk, title: str, rows: Sequence[Content], does: str) -> None:
        """`does` says what Enter does with the chosen row."""
        super().__init__(desk)
        self._title, self._does = title, does
        self._rows = [
            Content.assemble((f"{n if n <= len(DIGITS) else '':>2} ", "bold $accent"), row)
            for n, row in enumerate(rows, 1)
        ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog chooser"):
            yield Static(Content.styled(clean(self._title), "bold $accent"), markup=False)
            rows = RowList(id="choices")
            rows.styles.height = min(len(self._rows), 16)
            yield rows
            yield Static("", id="foot", markup=False)

    def on_mount(self) -> None:
        """Show the rows. (Textual calls the base class's handler as well.)"""
        self.query_one(RowList).show(self._rows, 0)

    def closes(self) -> str:
        """What Enter does, and how it closes."""
        return f"Enter {self._does}, {super().closes()}"

    def acts(self) -> str:
        return "press up, down and Enter, a digit, or Esc"

    def action_move(self, by: int) -> None:
        self.query_one(RowList).move(by)

    def action_choose(self) -> None:
        self.dismiss(self.query_one(RowList).cursor)

    def action_number(self, digit: int) -> None:
        if digit <= len(self._rows):
            self.dismiss(digit - 1)

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        message.stop()
        self.dismiss(message.row)
