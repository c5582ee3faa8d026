"""What the terminal shows, cell by cell: an update becomes the bytes of those cells that differ.

Textual repaints whole rows of a widget, each run of equal style with its own start and reset. On a slow link bytes are
what costs: here a cell that stays is not sent again, and a style is sent only as far as it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size
from rich.color import Color, ColorSystem, ColorType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import SGR_STYLES, Strip

from services.text import without_controls

UPPER, LOWER = "▀", "▄"
_CHEAP_GAP = 4
"""Up to so many bytes of unchanged cells are cheaper than a jump over them."""
_PENS = 20_000
"""Styles kept; a picture in true colour has many."""


class Pen(NamedTuple):
    """How a cell is painted, as parameters of SGR: attributes, and colours (empty: the terminal's own)."""

    attributes: str = ""
    fore: str = ""
    back: str = ""


PLAIN = Pen()
Cell = tuple[str, Pen]
"""A character, with what combines with it, and its pen. The second half of a wide character is empty."""


class ScreenCells:
    """The cells that the terminal shows, as far as they are known; `None` where they are not."""

    def __init__(self, system: ColorSystem | None) -> None:
        self._system = system or ColorSystem.TRUECOLOR
        self._rows: dict[int, list[Cell | None]] = {}
        self._pens: dict[Style | None, tuple[Pen, Pen]] = {}

    def forget(self) -> None:
        """The terminal may show anything: the next updates are sent whole."""
        self._rows.clear()

    def update(self, update: CompositorUpdate) -> str:
        """What turns the screen into `update`; empty if it shows that already."""
        writer = _Writer()
        for x, y, strip in strips_of(update):
            self._put(writer, x, y, self._cells(strip))
        return writer.text()

    def _put(self, writer: _Writer, x: int, y: int, new: list[Cell]) -> None:
        row = self._rows.setdefault(y, [])
        end = x + len(new)
        if len(row) < end:
            row.extend([None] * (end - len(row)))
        old = row[x:end]
        if old == new:
            return
        for start, stop in _changes(old, new):
            writer.cells(x + start, y, new[start:stop])
        if x and _is_half(row[x]):  # a wide character is cut in two: its other half shows nothing certain
            row[x - 1] = None
        if end < len(row) and _is_half(row[end]):
            row[end] = None
        row[x:end] = new

    def _cells(self, strip: Strip) -> list[Cell]:
        cells: list[Cell] = []
        for raw, style, control in strip:
            if control:
                continue
            text = raw if raw.isprintable() else without_controls(raw)  # the last place before the terminal
            pen, blank = self._pens.get(style) or self._mix(style)
            if not text.isascii() and cell_len(text) != len(text):
                _add_wide(cells, text, pen)
            elif " " in text:
                cells += [(c, blank if c == " " else pen) for c in text]
            else:
                cells += [(c, pen) for c in text]
        return cells

    def _mix(self, style: Style | None) -> tuple[Pen, Pen]:
        """The pen of a style, and the one of its spaces, of which only the background shows."""
        if len(self._pens) > _PENS:
            self._pens.clear()
        pen = pen_of(style, self._system)
        mixed = (pen, pen if pen.attributes else Pen(back=pen.back))
        self._pens[style] = mixed
        return mixed


def pen_of(style: Style | None, system: ColorSystem) -> Pen:
    """A style in the colours that the terminal has."""
    if style is None:
        return PLAIN
    bits = style._attributes & style._set_attributes
    attributes = ";".join(code for bit, code in enumerate(SGR_STYLES) if bits & (1 << bit))
    fore = ";".join(reduce(style.color, system).get_ansi_codes()) if style.color else ""
    back = ";".join(reduce(style.bgcolor, system).get_ansi_codes(foreground=False)) if style.bgcolor else ""
    return Pen(attributes, fore, back)


def reduce(colour: Color, system: ColorSystem) -> Color:
    """The colour as the terminal can show it. (Rich makes purple of bluish greys in 256 colours.)"""
    if system is ColorSystem.EIGHT_BIT and colour.type is ColorType.TRUECOLOR and colour.triplet is not None:
        from screens.views.palette import nearest_256  # not before the first paint where nothing needs it

        return Color(colour.name, ColorType.EIGHT_BIT, nearest_256(*colour.triplet))
    return colour.downgrade(system)


def strips_of(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]]:
    """(column, row, strip) of everything that an update paints."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                yield x, y, strip
                x += strip.cell_length
    elif isinstance(update, ChopsUpdate):
        for y, left, right in update.spans:
            for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if chop is None or x >= right or end <= left:
                    continue
                start, stop = max(x, left), min(end, right)
                yield start, y, chop.crop(start - x, stop - x)


def _is_half(cell: Cell | None) -> bool:
    """Whether it is the second half of a wide character."""
    return cell is not None and not cell[0]


def _add_wide(cells: list[Cell], text: str, pen: Pen) -> None:
    """Characters two cells wide, or none: those join the one before."""
    for c in text:
        width = get_character_cell_size(c)
        if width:
            cells += [(c, pen), ("", pen)][:width]
            continue
        at = next((i for i in range(len(cells) - 1, max(-1, len(cells) - 3), -1) if cells[i][0]), None)
        if at is not None:
            cells[at] = (cells[at][0] + c, cells[at][1])


def _changes(old: list[Cell | None], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """(start, stop) of the cells to send: those that differ, and short gaps between them."""
    differ = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    start = stop = differ[0]
    for i in differ:
        gap = new[stop:i]
        if len(gap) > _CHEAP_GAP or (gap and not _is_cheap(gap, new[stop - 1][1])):
            yield _whole(start, new), stop
            start = i
        stop = i + 1
    while stop < len(new) and not new[stop][0]:
        stop += 1
    yield _whole(start, new), stop


def _is_cheap(gap: list[Cell], pen: Pen) -> bool:
    return all(p == pen for _, p in gap) and sum(len(c.encode()) for c, _ in gap) <= _CHEAP_GAP


def _whole(start: int, cells: list[Cell]) -> int:
    """The beginning of the character that has a half at `start`."""
    while start and not cells[start][0]:
        start -= 1
    return start


class _Writer:
    """Sends cells with as few bytes as it can; begins and ends with the plain pen."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._pen = PLAIN
        self._at = (-1, -1)

    def cells(self, x: int, y: int, cells: list[Cell]) -> None:
        """Send a run of one row."""
        self._move(x, y)
        add = self._parts.append
        for c, pen in cells:
            add(c if pen == self._pen else self._change(c, pen))
        simple = all(len(c) == 1 for c, _ in cells)
        self._at = (x + len(cells), y) if simple else (-1, -1)  # terminals disagree on wide characters

    def text(self) -> str:
        """Everything sent."""
        if self._pen != PLAIN:
            self._parts.append("\x1b[m")
            self._pen = PLAIN
        return "".join(self._parts)

    def _move(self, x: int, y: int) -> None:
        column, row = self._at
        if y != row or x < column:
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        elif x > column:
            self._parts.append(f"\x1b[{x - column}C" if x - column > 1 else "\x1b[C")

    def _change(self, c: str, pen: Pen) -> str:
        """Take the pen that paints `c`; returns the character to send, which for a half block may be the other half."""
        attributes, fore, back = self._pen
        if c == " " and not pen.attributes:
            pen = pen._replace(fore=fore if not attributes else "")
        elif c == UPPER and not pen.attributes and _cost(self._pen, pen) > _cost(self._pen, turned := _turn(pen)):
            c, pen = LOWER, turned
        codes = []
        if pen.attributes != attributes:
            codes += ["0", pen.attributes]
            fore = back = ""
        if pen.fore != fore:
            codes.append(pen.fore or "39")
        if pen.back != back:
            codes.append(pen.back or "49")
        if codes:
            self._parts.append(f"\x1b[{';'.join(filter(None, codes))}m")
        self._pen = pen
        return c


def _turn(pen: Pen) -> Pen:
    """The pen that paints the same with the other half of the cell."""
    swap = {"3": "4", "4": "3"}
    if not (pen.fore[:1] == "3" and pen.back[:1] == "4"):
        return pen
    return pen._replace(fore=swap[pen.back[0]] + pen.back[1:], back=swap[pen.fore[0]] + pen.fore[1:])


def _cost(old: Pen, new: Pen) -> int:
    return (len(new.fore) if new.fore != old.fore else 0) + (len(new.back) if new.back != old.back else 0)
