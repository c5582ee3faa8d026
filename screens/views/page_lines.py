"""A session's page laid out for a width: names in a column at the left, values beside them, tables side by side.

Pure, without textual: the Log shows these lines and the shell prints them. Text that is too long wraps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec
from rich.cells import cell_len, chop_cells

from screens.views.interval import interval_bar
from screens.views.signs import STYLES, signs
from services.log.sections import Mark, Page, Row, Section, Value
from services.tone import Tone

type Span = tuple[str, str]
"""Text and its style in the theme's words (`bold $success`)."""
type Line = list[Span]

COLUMN = 12
"""Cells of the names' column, the space behind it included."""
LEAST = 20
"""Cells that values get however narrow the page is."""
GAP = 3
"""Cells between two entries of a table that stand side by side."""
FEW = 8
"""One in so many entries of a table may be too long to stand beside another."""
BAR = 50
"""Cells of the interval's bar, at most."""


def lines(page: Page, width: int) -> list[Line]:
    """The page in lines of at most `width` cells (32 at least)."""
    room = max(LEAST, width - COLUMN)
    drawn, above = _flow([page.state], COLUMN + room), ""
    for section in page.sections:
        if section.table:
            drawn += _named(section.name, above, _table(section, room))
            above = section.name
            continue
        drawn.append([])
        for row in section.rows:
            drawn += _named(row.name, above, _row(row, room))
            above = row.name
    return drawn


def _named(name: str, above: str, values: list[Line]) -> list[Line]:
    """The name stands before the first line, once for rows of the same name."""
    names = ["" if name == above else name]
    return [[(n.ljust(COLUMN), "$quiet"), *line] for n, line in zip_longest(names, values, fillvalue="") if line]


def _row(row: Row, room: int) -> list[Line]:
    bar = [interval_bar(row.interval, max(LEAST, min(BAR, room - 2)))] if row.interval else []
    return _flow(row.values, room) + bar


def _flow(values: Sequence[Value], room: int) -> list[Line]:
    """Values one after another; one that does not fit begins a new line."""
    drawn: list[Line] = [[]]
    used, dot = 0, f" {signs().dot} "
    for value in values:
        text = f"{_sign(value.mark)} {value.text}".strip()
        if used and used + len(dot) + cell_len(text) > room:
            drawn.append([])
            used = 0
        if used:
            drawn[-1].append((dot, "$quiet"))
            used += len(dot)
        first, *more = _wrap(text, room)
        drawn[-1].append((first, _style(value)))
        drawn += [[(part, _style(value))] for part in more]
        used = cell_len(more[-1]) if more else used + cell_len(first)
    return drawn


def _wrap(text: str, room: int) -> list[str]:
    """`text` in lines of at most `room` cells, broken at spaces where that is possible."""
    wrapped = [""]
    for word in text.split(" "):
        longer = f"{wrapped[-1]} {word}" if wrapped[-1] else word
        if cell_len(longer) <= room:
            wrapped[-1] = longer
        else:
            begun = [wrapped[-1]] if wrapped[-1] else []
            wrapped[-1:] = [*begun, *_chop(word, room)]
    return wrapped


def _chop(word: str, room: int) -> list[str]:
    """`word` in pieces of at most `room` cells, a path broken behind a slash."""
    pieces = []
    while cell_len(word) > room:
        piece = chop_cells(word, room)[0]
        slash = piece.rfind("/") + 1
        piece = piece[:slash] if slash > room // 2 else piece
        pieces.append(piece)
        word = word[len(piece) :]
    return [*pieces, word]


# -- tables ------------------------------------------------------------------------------------------


def _table(section: Section, room: int) -> list[Line]:
    """Entries side by side, their columns below each other; one that is longer than the most stands alone."""
    columns = list(zip_longest(*([value.text for value in row.values] for row in section.rows), fillvalue=""))
    sizes = [max(max(1, cell_len(text)) if text else 0 for text in texts) for texts in columns]
    right = [all(text[:1].isdigit() for text in texts if text) for texts in columns]
    names = max(len(row.name) for row in section.rows)
    entries = [_entry(row, names, sizes, right) for row in section.rows]
    size = _usual(list(map(_length, entries)), room)
    beside = max(1, (room + GAP) // (size + GAP))
    drawn: list[Line] = []
    waiting: list[Line] = []
    for row, entry in zip(section.rows, entries, strict=True):
        alone = _length(entry) > size
        if waiting and (alone or len(waiting) == beside):
            drawn.append(_beside(waiting, size))
            waiting = []
        if alone:
            drawn += [entry] if _length(entry) <= room else _broken(row, entry, room)
        else:
            waiting.append(entry)
    return [*drawn, _beside(waiting, size)] if waiting else drawn


def _usual(lengths: list[int], room: int) -> int:
    """The cells that an entry gets: half the room at most, unless more than a few need more."""
    short = [length for length in lengths if length <= (room - GAP) // 2]
    return max(short) if len(lengths) - len(short) <= len(lengths) // FEW else room


def _entry(row: Row, names: int, sizes: list[int], right: list[bool]) -> Line:
    """`3✗   6.2 s  time  episode 1   grasps air`: its name, its sign, its columns."""
    first = row.values[0]
    entry: Line = [(row.name.rjust(names) + _sign(first.mark), f"bold {_style(first)}".strip())]
    for value, size, to_right in zip(row.values, sizes, right, strict=False):
        if size:
            space = " " * (size - cell_len(value.text))
            entry.append((f"  {space}{value.text}" if to_right else f"  {value.text}{space}", _style(value)))
    return _trimmed(entry)


def _broken(row: Row, entry: Line, room: int) -> list[Line]:
    """An entry in several lines: its last column wraps, or where that leaves no room, its values flow."""
    *columns, (last, style) = entry
    indent = _length(columns)
    if room - indent >= LEAST:
        first, *more = _wrap(last.strip(), room - indent - 2)
        return [[*columns, (f"  {first}", style)], *([(" " * (indent + 2) + part, style)] for part in more)]
    name = msgspec.structs.replace(row.values[0], text=row.name)
    return _flow([name, *(value for value in row.values if value.text)], room)


def _beside(entries: list[Line], size: int) -> Line:
    line: Line = []
    for entry in entries:
        if line:
            line.append((" " * GAP, ""))
        line += [*entry, (" " * (size - _length(entry)), "")]
    return _trimmed(line)


def _trimmed(line: Line) -> Line:
    """Without spaces at its end."""
    kept = list(line)
    while kept and not kept[-1][0].strip():
        kept.pop()
    return [*kept[:-1], (kept[-1][0].rstrip(), kept[-1][1])] if kept else []


def _length(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


# -- one value ---------------------------------------------------------------------------------------


def _style(value: Value) -> str:
    tone = "" if value.tone is Tone.PLAIN else STYLES[value.tone]
    return f"bold {tone}".strip() if value.strong else tone


def _sign(mark: Mark | None) -> str:
    s = signs()
    match mark:
        case None:
            return ""
        case Mark.YES:
            return s.yes
        case Mark.NO:
            return s.no
        case Mark.VOID:
            return s.void
        case Mark.WARNING:
            return s.warning
        case Mark.LIVE:
            return s.live
        case Mark.OPEN:
            return s.dot
