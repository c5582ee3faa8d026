"""The command palette: every action of the screen, one row each, found by words; stop and hold always first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from screens.frame.status_lines import StatusLine
from screens.frame.typed_query import SearchDialog
from screens.views.keys import stop_keys
from screens.views.matching import fits
from screens.views.sheet_rows import BLANK, Paragraph
from screens.views.signs import fit, signs
from screens.widgets.sheet import Sheet
from services.tone import Tone

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.bindings import BoundScreen

ALWAYS_FIRST = ("stop", "bench.hold")
"""Whatever is typed, as long as it fits them: nobody may run another action by `stop` and Enter."""
NEVER = ("palette", "back")
LEAST_TOOLTIP = 20


@dataclass(frozen=True)
class Entry:
    """One row: what it is called, its keys, what it does, and the call."""

    id: str
    label: str
    keys: str
    tooltip: str
    run: Callable[[], Any]


def entries(screen: BoundScreen) -> list[Entry]:
    """What can be done on this screen now: stop and hold first, the console's own switches last."""
    bells = screen.desk.bells
    acting = [
        Entry(each.id, each.label, each.keys, each.tooltip, partial(screen.run_action, each.action))
        for each in screen.all_actions()
        if each.acts and each.id not in NEVER and each.action != screen.entry.action
    ]
    if all(each.id != "stop" for each in acting):  # a session of others may have the arm
        acting.append(Entry("stop", "STOP", stop_keys(), "Hold the arm where it is, at once", screen.desk.stop))
    ring = Entry(
        "bells", "bells off" if bells.on else "bells on", "", "Whether start, end, saved, refused and alarm ring",
        partial(_toggle, screen.desk),
    )  # fmt: skip
    first = sorted((each for each in acting if each.id in ALWAYS_FIRST), key=lambda each: ALWAYS_FIRST.index(each.id))
    return [*first, *(each for each in acting if each not in first), ring]


def matching(found: list[Entry], query: str) -> list[Entry]:
    """The entries that fit, best first; stop and hold before all others where they fit."""
    scored = [(fits(query, each.label, each.tooltip), each) for each in found]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (pair[1].id not in ALWAYS_FIRST, -pair[0]))
    return [each for _, each in best]


def row(entry: Entry, width: int, *, chosen: bool) -> Paragraph:
    """Label, tooltip and, at the right, the key, in `width` cells."""
    sign = signs().cursor if chosen else " "
    name = 20 if width >= 20 + LEAST_TOOLTIP + len(entry.keys) else max(8, width - len(entry.keys) - 4)
    tooltip = max(0, width - name - len(entry.keys) - 4)
    tone = "bold $error" if entry.id == "stop" else "bold" if chosen else ""
    return Paragraph(
        Content.assemble(
            (sign, "$accent"), " ", (fit(entry.label, name), tone), (fit(entry.tooltip, tooltip), "$quiet"), "  ",
            (entry.keys, "bold $accent"),
        )
    )  # fmt: skip


class Palette(SearchDialog[None]):
    """Typed letters search it, Enter does what is chosen. Nothing takes the focus: x stops an arm that moves."""

    MOST_COLUMNS = 76
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "run", "do it", id="palette.run", show=False, tooltip="Do what is chosen"),
        Binding("up", "move(-1)", show=False, id="palette.up", tooltip="The row above"),
        Binding("down", "move(1)", show=False, id="palette.down", tooltip="The row below"),
        Binding("pageup", "move(-8)", show=False, id="palette.page-up", tooltip="Eight rows up"),
        Binding("pagedown", "move(8)", show=False, id="palette.page-down", tooltip="Eight rows down"),
    ]

    def __init__(self, desk: Desk, screen: BoundScreen) -> None:
        super().__init__(desk)
        self._on = screen
        self.searching = True
        self._wanted: tuple[str, str] | None = None
        """Id and label of the row under the cursor; None: the first."""
        self._at = 0

    @property
    def found(self) -> list[Entry]:
        """What fits now; which actions there are may change while it is open."""
        return matching(entries(self._on), self.query_text)

    def _chosen_of(self, found: Sequence[Entry]) -> Entry | None:
        """The row under the cursor; None if it cannot be done any more: what comes and goes puts no other there."""
        if self._wanted is None:
            return found[0] if found else None
        return next((each for each in found if (each.id, each.label) == self._wanted), None)

    def _choose(self, found: Sequence[Entry], at: int) -> None:
        self._at = max(0, min(at, len(found) - 1))
        self._wanted = (found[self._at].id, found[self._at].label) if found else None

    def closes(self) -> str:
        return f"Enter does it, {super().closes()}"

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """Query, rows around the chosen one, foot."""
        found = self.found
        chosen = self._chosen_of(found)
        if chosen is not None:
            self._choose(found, found.index(chosen))
        head = [Paragraph(Content.assemble((": ", "bold $accent"), self.query_line)), BLANK]
        foot = [BLANK, *self.foot(width)]
        taken = sum(len(each.rows(width)) for each in [*head, *foot])
        first, shown = window(min(self._at, len(found)), len(found), max(1, height - taken))
        body = [row(each, width, chosen=each is chosen) for each in found][first : first + shown]
        nothing = f"no action begins like this: Backspace takes a letter back, {self.CLOSES} closes"
        sheet.show_parts(head, body or [Paragraph(Content.styled(nothing, "$quiet"))], foot, width, height)

    def on_query(self) -> None:
        self._wanted = None

    def action_move(self, by: int) -> None:
        self._choose(self.found, self._at + by)
        self.draw()

    async def action_run(self) -> None:
        """Close, then do it on the screen below."""
        if (chosen := self._chosen_of(self.found)) is not None:
            await self.dismiss()
            self._on.call_later(chosen.run)
        elif self._wanted is not None:
            self.say(StatusLine(f"{self._wanted[1]} cannot be done any more: up and down choose again", Tone.WARNING))


def window(chosen: int, count: int, room: int) -> tuple[int, int]:
    """The first row and the number of rows that are shown, so that the chosen one is among them."""
    return max(0, min(chosen - room // 2, count - room)), room


def _toggle(desk: Desk) -> None:
    desk.bells.on = not desk.bells.on
    desk.notice(f"bells are {'on' if desk.bells.on else 'off'}")
