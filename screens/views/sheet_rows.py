"""The rows of a dialog: head and foot stay in sight, the body between them scrolls. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content

from screens.views.signs import signs

NARROWEST = 16
"""Cells that hanging text needs; with fewer, its indent is given up."""


@dataclass(frozen=True)
class Paragraph:
    """Text that wraps; from its second row on it is indented by `indent` cells."""

    content: Content
    indent: int = 0

    def rows(self, width: int) -> list[Content]:
        """The text in rows of at most `width` cells."""
        if not self.content.plain:
            return [self.content]
        if not self.indent or self.content.cell_length <= width or width - self.indent < NARROWEST:
            return [row.rstrip() for row in self.content.wrap(width)]
        first, *rest = self.content[self.indent :].wrap(width - self.indent)
        hanging = [row.rstrip().pad_left(self.indent) for row in rest]
        return [(self.content[: self.indent] + first).rstrip(), *hanging]


BLANK = Paragraph(Content(""))


@dataclass(frozen=True)
class Laid:
    """What a box of the given size shows: its rows, the first row of the body in it, and how many rows are below."""

    rows: list[Content]
    at: int
    below: int


def natural_width(paragraphs: Iterable[Paragraph], most: int) -> int:
    """The width in cells in which nothing wraps, at most `most`."""
    return min(most, max((paragraph.content.cell_length for paragraph in paragraphs), default=0))


def laid(
    head: Sequence[Paragraph],
    body: Sequence[Paragraph],
    foot: Sequence[Paragraph],
    size: tuple[int, int],
    at: int = 0,
) -> Laid:
    """Head, a window of the body that begins at its row `at`, and foot, in `size` columns and rows.

    A body that does not fit says in its last row how much is left. The foot is never cut.
    """
    width, height = size
    top, middle, bottom = (_all_rows(paragraphs, width) for paragraphs in (head, body, foot))
    top = top[: max(1, height - len(bottom) - 2)] if len(top) + len(bottom) + min(2, len(middle)) > height else top
    room = max(0, height - len(top) - len(bottom))
    if len(middle) <= room:
        return Laid([*top, *middle, *bottom], 0, 0)
    shown = max(0, room - 1)
    at = max(0, min(at, len(middle) - shown))
    below = len(middle) - at - shown
    window = middle[at : at + shown]
    if room:
        window.append(_more(at, below))
    return Laid([*top, *window, *bottom][-max(1, height) :], at, below)


def _all_rows(paragraphs: Iterable[Paragraph], width: int) -> list[Content]:
    return [row for paragraph in paragraphs for row in paragraph.rows(max(1, width))]


def _more(above: int, below: int) -> Content:
    """Where the rest of the body is."""
    more = signs().more
    if not below:
        return Content.styled(f"{more} the end; Up goes back", "$quiet")
    return Content.styled(f"{more} {below} more {'row' if below == 1 else 'rows'}: Down", "$quiet")


def choice(key: str, text: str) -> Paragraph:
    """An answer and its key."""
    return Paragraph(Content.assemble((f"{key:>6}", "bold $accent"), f"   {text}"), 9)


def closing(closes: str, stop: str, width: int) -> list[Paragraph]:
    """How the dialog closes and, where `stop` names keys, at its right end that they stop the arm."""
    left = Content.styled(closes, "$quiet")
    if not stop:
        return [Paragraph(left)]
    right = Content.styled(f"{stop} STOP", "bold $error")
    gap = width - left.cell_length - right.cell_length
    if gap >= 2:
        return [Paragraph(Content.assemble(left, " " * gap, right))]
    return [Paragraph(left), Paragraph(right.pad_left(max(0, width - right.cell_length)))]
