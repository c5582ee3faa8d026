"""Two sessions side by side as lines: two columns where there is room, else one above the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len

from screens.views.page_lines import NAME_CELLS, Line, flow, wrap
from screens.views.signs import signs
from services.log.sections import Row
from services.log.side_by_side import Both, Pair
from services.units import plural

BESIDE = 96
"""Cells from which the two stand beside each other."""
GAP = 2


def lines(sections: Sequence[Both], heads: tuple[str, str], width: int) -> list[Line]:
    """All rows of both in lines of at most `width` cells (minimum 40); `heads` are what the two are called.

    A name whose rows differ has a sign before it. With little room, what both say alike stands once.
    """
    beside = width >= BESIDE
    room = (width - NAME_CELLS - 2 - GAP) // 2 if beside else width - NAME_CELLS - 2
    differ = sum(section.differing for section in sections)
    drawn: list[Line] = [[(f"{plural(differ, 'row')} {'differs' if differ == 1 else 'differ'}", "$warning")]]
    drawn += (
        _heads(heads, room) if beside else [[(part, "bold $accent")] for head in heads for part in wrap(head, width)]
    )
    for section in sections:
        drawn.append([])
        if section.table:
            drawn.append([(section.name, "bold")])
        for pair in section.pairs:
            drawn += _beside(pair, room) if beside else _stacked(pair, room)
    return drawn


def _heads(heads: tuple[str, str], room: int) -> list[Line]:
    one, other = (wrap(head, room) for head in heads)
    both = zip_longest(one, other, fillvalue="")
    return [
        [(" " * (NAME_CELLS + 2), ""), (f"{a:<{room + GAP}}", "bold $accent"), (b, "bold $accent")] for a, b in both
    ]


def _beside(pair: Pair, room: int) -> list[Line]:
    one, other = _said(pair.one, room), _said(pair.other, room)
    drawn = []
    for n, (left, right) in enumerate(zip_longest(one, other)):
        blank = " " * (room + GAP - sum(cell_len(text) for text, _ in left or []))
        drawn.append([*_name(pair, n), *(left or []), (blank, ""), *(right or [])])
    return _with_long_name(pair, drawn)


def _stacked(pair: Pair, room: int) -> list[Line]:
    """Alike rows once; else those of the first above those of the second, with their numbers."""
    if not pair.differs:
        return _with_long_name(pair, [[*_name(pair, n), *line] for n, line in enumerate(_said(pair.one, room))])
    drawn: list[Line] = []
    for number, rows in (("1 ", pair.one), ("2 ", pair.other)):
        for n, line in enumerate(_said(rows, room - 2)):
            drawn.append([*_name(pair, len(drawn)), (number if n == 0 else "  ", "bold $accent"), *line])
    return _with_long_name(pair, drawn)


def _said(rows: Sequence[Row], room: int) -> list[Line]:
    if not rows:
        return [[("-", "$quiet")]]
    shown = [[value for value in row.values if value.text or value.mark] for row in rows]
    return [line for values in shown for line in flow(values, room)]


def _name(pair: Pair, line: int) -> Line:
    """The sign of a difference and the name, before the first line only."""
    if line:
        return [(" " * (NAME_CELLS + 2), "")]
    name = pair.name if cell_len(pair.name) < NAME_CELLS else ""
    return [(f"{_sign() if pair.differs else ' '} ", "bold $warning"), (f"{name:<{NAME_CELLS}}", "$quiet")]


def _with_long_name(pair: Pair, drawn: list[Line]) -> list[Line]:
    """A name that its column is too narrow for stands above."""
    if cell_len(pair.name) < NAME_CELLS:
        return drawn
    return [[("  ", ""), (pair.name, "$quiet")], *drawn]


def _sign() -> str:
    return "≠" if signs().unicode else "!"
