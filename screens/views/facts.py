"""Facts beside a form: a label and what is known, aligned and wrapped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from textual.content import Content

from screens.views.measured import Part, rows
from screens.views.signs import STYLES, clean, signs
from services.tone import Tone

LABEL, NARROW_LABEL, NARROW = 12, 10, 45
"""Cells of the labels, and of those in a place narrower than NARROW."""
TALLEST, TALLEST_WARNING = 4, 9
"""Rows of one fact, at most; what to do stands at the end of a warning."""


@dataclass(frozen=True)
class Fact:
    """What is known about one thing; a warning has no label and the whole width."""

    label: str
    text: str
    tone: Tone = Tone.PLAIN


def warning(text: str, tone: Tone = Tone.WARNING) -> Fact:
    """A fact that needs attention: its sign says so without a colour."""
    return Fact("", f"{signs().warning} {text}", tone)


@dataclass(frozen=True)
class Section:
    """Facts under a title."""

    title: str
    facts: tuple[Fact, ...]


def section_lines(sections: Iterable[Section], width: int) -> list[Content]:
    """All sections with an empty line between them, in lines of at most `width` cells."""
    lines: list[Content] = []
    for section in sections:
        if not section.facts:
            continue
        if lines:
            lines.append(Content(""))
        lines.append(Content.styled(clean(section.title, max(8, width)), "bold $accent"))
        lines += fact_lines(section.facts, width)
    return lines


def side_by_side(sections: Sequence[Section], width: int) -> list[Content]:
    """The first section with something to say on the left, the others on the right: for a wide, low place."""
    some = [section for section in sections if section.facts]
    half = width // 2 - 1
    columns = [section_lines(part, half) for part in (some[:1], some[1:])]
    lines = []
    for left, right in zip_longest(*columns, fillvalue=Content("")):
        gap = " " * (width - half - left.cell_length)
        lines.append(Content.assemble(left, gap, right) if right.cell_length else left)
    return lines


def fact_lines(facts: Sequence[Fact], width: int) -> list[Content]:
    """One or more lines per fact; what does not fit ends with the sign for more."""
    return [line for fact in facts for line in _lines(fact, width)]


def _lines(fact: Fact, width: int) -> list[Content]:
    text = clean(fact.text, 600)
    if not fact.label:
        return rows([Part(text, tone=fact.tone)], width, TALLEST_WARNING)
    room = LABEL if width >= NARROW else NARROW_LABEL
    wrapped = rows([Part(text, tone=fact.tone)], max(10, width - room), TALLEST)
    label = Content.styled(f"{fact.label[: room - 1]:<{room}}", STYLES[Tone.QUIET])
    return [Content.assemble(label if at == 0 else " " * room, line) for at, line in enumerate(wrapped)]
