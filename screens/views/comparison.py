"""A comparison laid out for a width: a column for each run, what the facts say of it, then what differs.

Pure, without textual: Train shows these lines and the shell prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich.cells import cell_len

from screens.views.page_lines import Line, wrap
from screens.views.run_rows import Sample
from screens.views.signs import signs
from services.log.headline import NOT_RECORDED
from services.text import clean
from services.training.compare import Comparison, Kind, Row

NAME_CELLS = 14
"""Cells of the column of names, including the space after it."""
LEAST = 12
"""Cells of a run's column below which the runs stand one below the other."""
MOST = 34
"""Cells of a run's column, at most: a table is read across."""
GAP = 2


def lines(made: Comparison, width: int, samples: Sequence[Sample] = ()) -> list[Line]:
    """The comparison in lines of at most `width` cells (minimum 24); `samples` are how the runs' curves are drawn."""
    width = max(24, width)
    named = [(clean(run.title), samples[at] if at < len(samples) else None) for at, run in enumerate(made.runs)]
    figures = [row for row in made.rows if row.kind is Kind.FIGURE]
    settings = [row for row in made.rows if row.kind is Kind.SETTING]
    shown = [row for row in settings if row.differs] if len(made.runs) > 1 else settings
    longest = max(cell_len(row.name) for row in (*figures, *shown))
    names = min(max(NAME_CELLS, longest + GAP), max(NAME_CELLS, width // 3))
    drawn = [*_table("", figures, named, width, names), *_said(made, width), []]
    drawn += _table("what differs" if len(made.runs) > 1 else "settings", shown, named, width, names)
    if not shown:
        drawn += [[("what differs", "bold")], [("nothing that is recorded", "$quiet")]]
    if len(made.runs) > 1:
        for text in _beside(made):
            drawn += [[], *([(part, "$quiet")] for part in wrap(text, width))]
    return drawn


def _said(made: Comparison, width: int) -> list[Line]:
    """What changed and why stands right below the figures, then what to mind."""
    s = signs()
    said = [(s.dot, "", sentence) for sentence in made.told]
    said += [(s.warning, "$warning", text) for text in made.warnings] + [(s.dot, "", text) for text in made.notes]
    return _sentences(said, width)


def _beside(made: Comparison) -> Iterable[str]:
    """What is alike, and what is not known well enough to say."""
    if made.alike:
        yield f"alike: {'; '.join(f'{row.name} {row.cells[0]}' for row in made.alike)}"
    if made.unsure:
        yield f"not recorded of every run: {', '.join(row.name for row in made.unsure)}"


def _sentences(said: Iterable[tuple[str, str, str]], width: int) -> list[Line]:
    """Each sentence behind its sign, in its style."""
    drawn: list[Line] = []
    for sign, style, sentence in said:
        space = cell_len(sign) + 1
        first, *more = wrap(sentence, width - space)
        drawn += [] if drawn else [[]]
        drawn += [[(f"{sign} ", style or "$quiet"), (first, style)], *([(" " * space + part, style)] for part in more)]
    return drawn


type Named = Sequence[tuple[str, Sample | None]]


def _table(name: str, rows: Sequence[Row], named: Named, width: int, names: int) -> list[Line]:
    """A head with the runs' names, and the rows; in a narrow box the runs below each other."""
    if not rows:
        return []
    room = min(MOST, (width - names) // len(named) - GAP)
    if room < LEAST:
        return _below_each_other(name, rows, named, width)
    heads = [[*([(f"{look.text} ", look.style)] if look else []), (title, "bold")] for title, look in named]
    drawn = _across([[(name, "bold")], *map(_wrapped_head, heads, [room] * len(heads))], names, room)
    for row in rows:
        cells = [[(part, _style(cell)) for part in wrap(cell, room)] for cell in row.cells]
        titles = [(part, "$quiet") for part in wrap(row.name, names - GAP)]
        drawn += _grid(titles, cells, names, room)
    return drawn


def _style(cell: str) -> str:
    return "$quiet" if cell == NOT_RECORDED else ""


def _wrapped_head(head: Line, room: int) -> Line:
    """The head in one cell: the sample of the line, and as much of the name as fits."""
    *sample, (title, style) = head
    used = sum(cell_len(text) for text, _ in sample)
    cut = title if cell_len(title) <= room - used else title[: max(1, room - used - 1)] + signs().more
    return [*sample, (cut, style)]


def _across(cells: Sequence[Line], names: int, room: int) -> list[Line]:
    """One line of cells."""
    line: Line = []
    for at, cell in enumerate(cells):
        size = names if at == 0 else room + GAP
        line += [*cell, (" " * max(0, size - sum(cell_len(text) for text, _ in cell)), "")]
    return [line[:-1] if line and not line[-1][0].strip() else line]


def _grid(titles: Line, cells: Sequence[Line], names: int, room: int) -> list[Line]:
    """A row whose cells may take several lines."""
    blank = ("", "")
    rows = zip_longest(titles, *cells, fillvalue=blank)
    return [line for parts in rows for line in _across([[part] for part in parts], names, room)]


def _below_each_other(name: str, rows: Sequence[Row], named: Named, width: int) -> list[Line]:
    drawn: list[Line] = [[(name, "bold")]] if name else []
    for row in rows:
        drawn.append([(row.name, "$quiet")])
        for (title, look), cell in zip(named, row.cells, strict=True):
            first: Line = [(f"{look.text} ", look.style)] if look else []
            parts = wrap(f"{title}: {cell}", width - 2 * GAP - sum(cell_len(text) for text, _ in first))
            drawn += [[("  ", ""), *first, (parts[0], "")], *([(f"    {part}", "")] for part in parts[1:])]
    return drawn
