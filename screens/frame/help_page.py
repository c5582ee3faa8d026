"""Help: a page per screen, with its keys by what one wants to do, the fields of its form, and the terminal's link."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from screens.frame.field import Field
from screens.frame.form import Form
from screens.frame.help_groups import grouped
from screens.frame.typed_query import SearchDialog
from screens.views.keys import stop_keys
from screens.views.matching import fits
from screens.views.sheet_rows import BLANK, Paragraph
from screens.views.signs import clean, signs
from screens.widgets.sheet import Sheet
from services.units import size

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.bindings import Action, BoundScreen
    from screens.frame.link_state import LinkState

SIDE_BY_SIDE = 64
"""Columns from which labels have a column of their own."""
LABEL = 15


class HelpPage(SearchDialog[None]):
    """Stop first, then this screen's own acts, moving around, leaving. `/` searches."""

    CLOSES = "?"
    MOST_COLUMNS = 100
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,enter,q", "close", "close", id="keys.close", show=False, tooltip="Close this page"),
        Binding("slash", "search", "search", show=False, id="keys.search", tooltip="Search it: type a word"),
        Binding("up", "scroll(-1)", show=False, id="keys.up", tooltip="Scroll up"),
        Binding("down", "scroll(1)", show=False, id="keys.down", tooltip="Scroll down"),
        Binding("pageup", "scroll(-10)", show=False, id="keys.page-up", tooltip="Scroll up by a page"),
        Binding("pagedown", "scroll(10)", show=False, id="keys.page-down", tooltip="Scroll down by a page"),
    ]

    def __init__(self, desk: Desk, screen: BoundScreen) -> None:
        super().__init__(desk)
        self._on = screen

    # --- drawing --------------------------------------------------------------------------------

    def draw_sheet(self, sheet: Sheet, width: int, height: int) -> None:
        """Title, stop and global hotkeys at the top, the groups, the link at the bottom."""
        sheet.show_parts(self._head(width), self._body(width), [BLANK, *self.foot(width)], width, height)

    def _head(self, width: int) -> list[Paragraph]:
        stops = f"{stop_keys()}  stop the arm, at once: on every screen, in every dialog"
        head = [
            Paragraph(Content.styled(f"help {signs().dot} {self._on.entry.title}", "bold $accent")),
            Paragraph(Content.styled(stops, "bold $error" if self.desk.can_move else "bold")),
            *(Paragraph(Content.styled(clean(line), "$quiet")) for line in self.desk.hotkeys.lines()),
        ]
        if self.searching:
            head.append(Paragraph(Content.assemble(("/ ", "bold $accent"), self.query_line)))
        return head

    def _body(self, width: int) -> list[Paragraph]:
        body: list[Paragraph] = []
        for title, rows in [*_fields(self._form_fields()), *_keys(self._on.all_actions(), width)]:
            found = [row for text, row in rows if fits(self.query_text, text, title)]
            if found:
                body += [BLANK, Paragraph(Content.styled(title, "bold")), *found]
        if not body:
            return [
                BLANK,
                Paragraph(Content.styled(f"nothing here has a word like {clean(self.query_text)!r}", "$quiet")),
            ]
        if not self.query_text:
            dim = "dim keys do nothing now; the palette (:) finds every action by its name"
            body += [BLANK, Paragraph(Content.styled(dim, "$quiet")), *about(self._on.link_state)]
        return body

    def _form_fields(self) -> tuple[Field, ...]:
        """The fields of the form that the screen shows."""
        forms = self._on.query(Form)
        return tuple(forms.first().fields) if forms else ()

    def closes(self) -> str:
        search = "" if self.searching else f"/ searches {signs().dot} "
        if not self.searching:
            return f"{search}{super().closes()}"
        if self.desk.can_move:
            return "ctrl+q closes, Esc stops the arm"
        return "Esc ends the search"

    def acts(self) -> str:
        """A key of the screen below does nothing here."""
        return f"this page takes no other keys: {self.CLOSES} closes it, / searches it"

    # --- keys -----------------------------------------------------------------------------------

    def on_query(self) -> None:
        self.query_one(Sheet).scroll_rows(-10_000)

    def action_search(self) -> None:
        """From now on letters search; while the arm can move, x and Esc stop it all the same."""
        self.searching = True
        self.draw()

    def action_back(self) -> None:
        """Stop while the arm can move; else end the search; else close."""
        if self.searching and not self.desk.can_move and not self.desk.just_stopped:
            self.searching, self.query_text = False, ""
            self.draw()
        else:
            super().action_back()


Rows = list[tuple[str, Paragraph]]
"""The text that a search looks at, and the paragraph."""


def _keys(actions: list[Action], width: int) -> list[tuple[str, Rows]]:
    """Each group of keys that this screen has."""
    shown = max((len(each.keys) for each in actions if len(each.keys) <= LABEL), default=4)
    return [(group.title, [_key(each, shown, width) for each in found]) for group, found in grouped(actions)]


def _key(action: Action, column: int, width: int) -> tuple[str, Paragraph]:
    """Key, label and sentence; dim if the key does nothing now."""
    tone = "bold $accent" if action.acts else "$quiet"
    label = f"{action.label:<{LABEL}}  " if width >= SIDE_BY_SIDE else f"{action.label}: "
    content = Content.assemble(
        (f"{action.keys:>{column}}  ", tone), (label, "" if action.acts else "$quiet"), (action.tooltip, "$quiet")
    )
    indent = column + 2 + (LABEL + 2 if width >= SIDE_BY_SIDE else 2)
    return f"{action.label} {action.tooltip} {action.keys}", Paragraph(content, indent)


def _fields(fields: tuple[Field, ...]) -> list[tuple[str, Rows]]:
    """What to write into the fields that say so."""
    explained = [field for field in fields if field.help]
    if not explained:
        return []
    column = max(len(field.label) for field in explained)
    rows = [
        (
            f"{field.label} {field.help}",
            Paragraph(Content.assemble((f"{field.label:<{column}}  ", "bold"), (field.help, "$quiet")), column + 2),
        )
        for field in explained
    ]
    return [("fields of this form", rows)]


def about(link: LinkState) -> list[Paragraph]:
    """The terminal's link, and the version."""
    behind = f"{link.behind_s:.0f} s behind" if link.lags else "up to date"
    rate = f"{size(round(link.bytes_per_s))} per second to the terminal, {behind}"
    return [Paragraph(Content.styled(f"screen: {rate} {signs().dot} lab console {_version()}", "$quiet"))]


@cache
def _version() -> str:
    return version("lab-console")
