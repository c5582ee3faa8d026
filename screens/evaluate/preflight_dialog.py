"""The preflight's table in full: what is good, what is not and what mends it; look again, or confirm what is bad."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from screens.frame import availability
from screens.frame.dialogs import SheetDialog
from screens.frame.status_lines import StatusLine
from screens.views import preflight
from screens.views.sheet_rows import BLANK, Paragraph, choice, natural_width
from screens.widgets.sheet import Sheet
from services.evaluation import plan as evaluation
from services.tone import Tone


class PreflightDialog(SheetDialog[None]):
    """While the arm can move, Esc and x hold it."""

    CLOSES = "n"
    MOST_COLUMNS = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "close", "close", id="preflight.close", show=False, tooltip="Close this page"),
        Binding("k", "look_again", "look again", id="preflight.again", show=False, tooltip="Make the preflight again"),
        Binding(
            "y",
            "confirm",
            "confirm",
            id="preflight.confirm",
            show=False,
            tooltip="Let trials begin all the same",
        ),
        Binding("up", "scroll(-1)", show=False, id="preflight.up", tooltip="Scroll up"),
        Binding("down", "scroll(1)", show=False, id="preflight.down", tooltip="Scroll down"),
        Binding("pageup", "scroll(-8)", show=False, id="preflight.page-up", tooltip="Scroll up by a page"),
        Binding("pagedown", "scroll(8)", show=False, id="preflight.page-down", tooltip="Scroll down by a page"),
    ]

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """The result, the checks, which scroll where there is no room, and the keys."""
        snapshot, telemetry = self.desk.snapshot, self.desk.telemetry
        head, body = preflight.heading(snapshot), preflight.table(snapshot, width)
        answers: list[Paragraph] = []
        if availability.may("confirm_preflight", self.desk):
            answers.append(choice("y", "confirm: trials may begin although this is bad; that is logged"))
        if telemetry is not None and telemetry.preflight and self.desk.live:
            answers.append(choice("", "it looks now"))
        elif availability.may("look_again", self.desk):
            answers.append(choice("k", "look again"))
        width = max(44, natural_width([*head, *body, *answers], width)) if width > 44 else width
        sheet.show_parts(head, body, [BLANK, *answers, *self.foot(width)], width, height)

    def acts(self) -> str:
        """The keys of this page."""
        return "press k, y, n or Esc" if availability.may("confirm_preflight", self.desk) else "press k, n or Esc"

    def action_look_again(self) -> None:
        """Make it again, where that can be."""
        if self.desk.link and availability.may("look_again", self.desk):
            self.desk.order(evaluation.look_again(self.desk.link))
        else:
            self._refuse("look_again", "the preflight can be made while the arm is still and no trial runs")

    def action_confirm(self) -> None:
        """Let trials begin."""
        if self.desk.link and availability.may("confirm_preflight", self.desk):
            self.desk.order(evaluation.confirm_preflight(self.desk.link, self.desk.operator))
        else:
            self._refuse("confirm_preflight", "there is nothing bad to confirm")

    def _refuse(self, action: str, why: str) -> None:
        self.say(StatusLine(availability.why_not(action, self.desk) or why, Tone.WARNING))
