"""What is typed on Train without a text field: the further metric to draw, and the range of the plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from screens.frame.palette import window
from screens.frame.status_lines import StatusLine
from screens.frame.typed_query import SearchDialog
from screens.views import metric_names
from screens.views.matching import fits
from screens.views.sheet_rows import BLANK, Paragraph
from screens.views.signs import fit, signs
from screens.widgets.sheet import Sheet
from services.tone import Tone

if TYPE_CHECKING:
    from screens.desk.desk import Desk

NONE = ("", "no further plot", "")


class MetricChoice(SearchDialog[str]):
    """The metrics that can be drawn besides, each with its newest value. Returns one, empty for none."""

    MOST_COLUMNS = 60
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "draw it", id="metric.take", show=False, tooltip="Draw what is chosen"),
        Binding("up", "move(-1)", show=False, id="metric.up", tooltip="The row above"),
        Binding("down", "move(1)", show=False, id="metric.down", tooltip="The row below"),
    ]

    def __init__(self, desk: Desk, metrics: Sequence[tuple[str, str]], drawn: str) -> None:
        super().__init__(desk)
        self._rows = [*((name, metric_names.title(name), newest) for name, newest in metrics), *([NONE] * bool(drawn))]
        self.searching = True
        self._at = next((at for at, row in enumerate(self._rows) if row[0] == drawn), 0)

    @property
    def _found(self) -> list[tuple[str, str, str]]:
        """What fits what was typed."""
        return [row for row in self._rows if fits(self.query_text, row[1], row[0])]

    def closes(self) -> str:
        return f"Enter draws it, {super().closes()}"

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """Query, rows around the chosen one, foot."""
        found = self._found
        self._at = max(0, min(self._at, len(found) - 1))
        head = [Paragraph(Content.assemble(("further plot: ", "bold $accent"), self.query_line)), BLANK]
        foot = [BLANK, *self.foot(width)]
        taken = sum(len(each.rows(width)) for each in [*head, *foot])
        first, shown = window(self._at, len(found), max(1, height - taken))
        body = [_row(each, width, chosen=at == self._at) for at, each in enumerate(found)][first : first + shown]
        nothing = "no metric begins like this: Backspace takes a letter back"
        sheet.show_parts(head, body or [Paragraph(Content.styled(nothing, "$quiet"))], foot, width, height)

    def on_query(self) -> None:
        self._at = 0

    def action_move(self, by: int) -> None:
        self._at += by
        self.draw()

    def action_take(self) -> None:
        """Return the chosen metric."""
        if found := self._found:
            self.dismiss(found[self._at][0])


def _row(entry: tuple[str, str, str], width: int, *, chosen: bool) -> Paragraph:
    """Name and newest value in `width` cells."""
    sign = signs().cursor if chosen else " "
    name = max(8, width - len(entry[2]) - 3)
    style = "bold" if chosen else ""
    return Paragraph(Content.assemble((sign, "$accent"), " ", (fit(entry[1], name), style), " ", (entry[2], "$quiet")))


class RangeEntry(SearchDialog[None]):
    """The range of the plots: `take` is called with what was typed, and raises ValueError with the reason."""

    MOST_COLUMNS = 60
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "show it", id="range.take", show=False, tooltip="Show the range that was typed"),
    ]

    def __init__(self, desk: Desk, unit: str, reach: str, take: Callable[[str], None]) -> None:
        super().__init__(desk)
        self._unit, self._reach, self._take = unit, reach, take
        self.searching = True

    def closes(self) -> str:
        return f"Enter shows it, {super().closes()}"

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """What was typed, what can be typed, foot."""
        head = [Paragraph(Content.assemble((f"{self._unit} to show: ", "bold $accent"), self.query_line)), BLANK]
        examples = "1000-5000, 5k-20k or 1000- is a range; last 2000 goes on with the run; nothing is all of it"
        body = [Paragraph(Content.styled(text, "$quiet")) for text in (examples, f"the curves reach {self._reach}")]
        sheet.show_parts(head, body, [BLANK, *self.foot(width)], width, height)

    def action_take(self) -> None:
        """Show it and close, or say what is wrong."""
        try:
            self._take(self.query_text)
        except ValueError as problem:
            self.say(StatusLine(str(problem), Tone.WARNING))
            return
        self.dismiss()
