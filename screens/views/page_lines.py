"""A session's page laid out for a width: names in a column on the left, values beside them, tables side by side.

Pure, without textual: the Log shows these lines and the shell prints them. Long text wraps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec
from rich.cells import cell_len, chop_cells

from screens.views.curve_lines import curve_lines
from screens.views.interval import interval_bar
from screens.views.signs import STYLES, signs
from services.log.sections import Page, Row, Section, Symbol, Value
from services.tone import Tone

type Span = tuple[str, str]
"""Text and its style by the theme's names (`bold $success`)."""
type Line = list[Span]

NAME_CELLS = 12
"""Cells of the column of names, including the space after it."""
MIN_VALUE_CELLS = 20
"""Cells of the values, at least."""
GAP = 3
"""Cells between two entries of a table in one line."""
LONG_ENTRY_SHARE = 8
"""One in this many entries of a table may be long enough to need a line of its own."""
MAX_BAR_CELLS = 50
"""Cells of the interval's bar, at most."""


def lines(page: Page, width: int) -> list[Line]:
    """The page in lines of at most `width` cells (minimum 32)."""
    room = max(MIN_VALUE_CELLS, width - NAME_CELLS)
    drawn, previous = _flow([page.state], NAME_CELLS + room), ""
    for section in page.sections:
        if section.table:
            drawn += _named(section.name, previous, _table(section, room), room)
            previous = section.name
            continue
        drawn.append([])
        for row in section.rows:
            drawn += _named(row.name, previous, _row(row, room), room)
            previous = row.name
    return drawn


def _named(name: str, previous: str, values: list[Line], room: int) -> list[Line]:
    """Put the name before the first line, or above it if it is long; rows that repeat the previous name omit it."""
    names = ["" if name == previous else name]
    if cell_len(names[0]) >= NAME_CELLS:
        return [*([(part, "$quiet")] for part in wrap(name, NAME_CELLS + room)), *_named("", "", values, room)]
    return [[(n.ljust(NAME_CELLS), "$quiet"), *line] for n, line in zip_longest(names, values, fillvalue="") if line]


def flow(values: Sequence[Value], room: int) -> list[Line]:
    """Values one after another in lines of at most `room` cells."""
    return _flow(values, room)


def _row(row: Row, room: int) -> list[Line]:
    bar = [interval_bar(row.interval, max(MIN_VALUE_CELLS, min(MAX_BAR_CELLS, room - 2)))] if row.interval else []
    curve: list[Line] = [[(line, "$accent")] for line in curve_lines(row.curve, room)] if row.curve else []
    return _flow(row.values, room) + bar + curve


def _flow(values: Sequence[Value], room: int) -> list[Line]:
    """Values one after another; a value that does not fit starts a new line."""
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
        first, *more = wrap(text, room)
        drawn[-1].append((first, _style(value)))
        drawn += [[(part, _style(value))] for part in more]
        used = cell_len(more[-1]) if more else used + cell_len(first)
    return drawn


def wrap(text: str, room: int) -> list[str]:
    """`text` in lines of at most `room` cells, broken at spaces if possible."""
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
    """`word` in pieces of at most `room` cells, breaking paths after a slash."""
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
    """Entries side by side with aligned columns; unusually long entries get a line of their own."""
    columns = list(zip_longest(*([value.text for value in row.values] for row in section.rows), fillvalue=""))
    sizes = [max(max(1, cell_len(text)) if text else 0 for text in texts) for texts in columns]
    right = [all(text[:1].isdigit() for text in texts if text) for texts in columns]
    names = max(len(row.name) for row in section.rows)
    entries = [_entry(row, names, sizes, right) for row in section.rows]
    size = _entry_cells(list(map(_length, entries)), room)
    per_line = max(1, (room + GAP) // (size + GAP))
    drawn: list[Line] = []
    waiting: list[Line] = []
    for row, entry in zip(section.rows, entries, strict=True):
        is_long = _length(entry) > size
        if waiting and (is_long or len(waiting) == per_line):
            drawn.append(_side_by_side(waiting, size))
            waiting = []
        if is_long:
            drawn += [entry] if _length(entry) <= room else _wrapped_entry(row, entry, room)
        else:
            waiting.append(entry)
    return [*drawn, _side_by_side(waiting, size)] if waiting else drawn


def _entry_cells(lengths: list[int], room: int) -> int:
    """The cells of an entry: at most half the room, unless more than a few entries are longer."""
    short = [length for length in lengths if length <= (room - GAP) // 2]
    return max(short) if len(lengths) - len(short) <= len(lengths) // LONG_ENTRY_SHARE else room


def _entry(row: Row, names: int, sizes: list[int], right: list[bool]) -> Line:
    """`3✗   6.2 s  time  episode 1   grasps air`: name, sign, columns."""
    first = row.values[0]
    entry: Line = [(row.name.rjust(names) + _sign(first.mark), f"bold {_style(first)}".strip())]
    for value, size, to_right in zip(row.values, sizes, right, strict=False):
        if size:
            space = " " * (size - cell_len(value.text))
            entry.append((f"  {space}{value.text}" if to_right else f"  {value.text}{space}", _style(value)))
    return _trimmed(entry)


def _wrapped_entry(row: Row, entry: Line, room: int) -> list[Line]:
    """An entry in several lines: its last column wraps or, if there is no room for that, its values flow."""
    *columns, (last, style) = entry
    indent = _length(columns)
    if room - indent >= MIN_VALUE_CELLS:
        first, *more = wrap(last.strip(), room - indent - 2)
        return [[*columns, (f"  {first}", style)], *([(" " * (indent + 2) + part, style)] for part in more)]
    name = msgspec.structs.replace(row.values[0], text=row.name)
    return _flow([name, *(value for value in row.values if value.text)], room)


def _side_by_side(entries: list[Line], size: int) -> Line:
    line: Line = []
    for entry in entries:
        if line:
            line.append((" " * GAP, ""))
        line += [*entry, (" " * (size - _length(entry)), "")]
    return _trimmed(line)


def _trimmed(line: Line) -> Line:
    """The line without trailing spaces."""
    kept = list(line)
    while kept and not kept[-1][0].strip():
        kept.pop()
    return [*kept[:-1], (kept[-1][0].rstrip(), kept[-1][1])] if kept else []


def _length(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


# -- one value ---------------------------------------------------------------------------------------


def drawn_value(value: Value) -> Span:
    """A value with its sign, and its style."""
    return f"{_sign(value.mark)} {value.text}".strip(), _style(value)


def _style(value: Value) -> str:
    tone = "" if value.tone is Tone.PLAIN else STYLES[value.tone]
    return f"bold {tone}".strip() if value.strong else tone


def _sign(mark: Symbol | None) -> str:
    s = signs()
    match mark:
        case None:
            return ""
        case Symbol.YES:
            return s.yes
        case Symbol.NO:
            return s.no
        case Symbol.VOID:
            return s.void
        case Symbol.WARNING:
            return s.warning
        case Symbol.LIVE:
            return s.live
        case Symbol.OPEN:
            return s.dot
