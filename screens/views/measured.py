"""A sentence in parts, laid out in a box of cells so that it never loses what to press. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells
from textual.content import Content

from screens.views.signs import STYLES, signs
from services.tone import Tone

_TOKEN = re.compile(r"(?:\S )?\S+")
"""A word, and a one-letter word with the one after it: no line breaks between a key and what it does."""
CUT_LEAST = 12
"""A text from outside is cut to no fewer characters."""
DOT = None
"""The tone of the dot between parts: that of its line."""
Token = tuple[str, Tone | None]
Row = list[Token]


@dataclass(frozen=True)
class Part:
    """One part of a sentence. Rank 0 is the state and what to press: it is never dropped, at most shortened.

    Parts of a higher rank go first. `short` is a shorter wording of the same; without one the part is not shortened,
    unless it may be `cut`: a text from outside, whose end may be lost so that the rest fits.
    """

    text: str
    rank: int = 0
    tone: Tone = Tone.PLAIN
    short: str = ""
    cut: bool = False


def sentence(parts: Iterable[Part], width: int, height: int = 1) -> Content:
    """The parts in at most `height` rows of at most `width` cells, with a newline between the rows."""
    return Content("\n").join(rows(parts, width, height))


def rows(parts: Iterable[Part], width: int, height: int = 1) -> list[Content]:
    """The parts, joined by dots and wrapped at spaces, in at most `height` rows of at most `width` cells.

    What does not fit is worded shorter, then cut where a part allows it, then dropped, least important first. Parts of
    rank 0 whose short wordings alone do not fit are cut at the end of the last row: give them the room.
    """
    width, height = max(1, width), max(1, height)
    wrapped = _wrapped(chosen(parts, width, height), width)
    if len(wrapped) > height:
        wrapped = [*wrapped[: height - 1], _cut(wrapped[height - 1], width)]
    return [_content(row) for row in wrapped]


def plain(parts: Iterable[Part]) -> str:
    """All parts in their full wording, joined by dots, in one line."""
    return f" {signs().dot} ".join(part.text for part in parts if part.text)


def chosen(parts: Iterable[Part], width: int, height: int) -> list[Part]:
    """The parts that fit, as they are worded there: in their order, those of rank 0 always among them."""
    box = _Box([part for part in parts if part.text], width, height)
    by_rank = sorted(range(len(box.kept)), key=lambda i: (box.whole[i].rank, i), reverse=True)
    for i in [i for i in by_rank if box.whole[i].short]:
        if box.fits:
            break
        box.kept[i] = replace(box.whole[i], text=box.whole[i].short)
    for i in [i for i in by_rank if box.whole[i].cut or box.whole[i].rank > 0]:
        if box.fits:
            break
        box.kept[i] = box.cut(i) if box.whole[i].cut else None
        if not box.fits and box.whole[i].rank > 0:
            box.kept[i] = None
    if box.fits:  # what was dropped may leave room for the full wording of what stayed
        for i in reversed(by_rank):
            box.widen(i)
    return [part for part in box.kept if part]


class _Box:
    """Parts of which some are worded shorter or dropped (None), and whether they fit."""

    def __init__(self, whole: list[Part], width: int, height: int) -> None:
        self.whole, self.width, self.height = whole, width, height
        self.kept: list[Part | None] = list(whole)

    @property
    def fits(self) -> bool:
        return len(_wrapped([part for part in self.kept if part], self.width)) <= self.height

    def cut(self, i: int) -> Part:
        """Part `i` with as much of its text as fits beside the others, at least CUT_LEAST characters."""
        before, part = self.kept[i], self.kept[i] or self.whole[i]
        low, high = min(CUT_LEAST, len(part.text)), len(part.text)
        while low < high:
            middle = (low + high + 1) // 2
            self.kept[i] = _shortened(part, middle)
            low, high = (middle, high) if self.fits else (low, middle - 1)
        self.kept[i] = before
        return _shortened(part, low)

    def widen(self, i: int) -> None:
        """Say part `i` in full again, or more of it, if that fits."""
        worded = self.kept[i]
        if worded is None or worded == self.whole[i]:
            return
        self.kept[i] = self.whole[i]
        if not self.fits:
            self.kept[i] = self.cut(i) if self.whole[i].cut else worded


def _shortened(part: Part, length: int) -> Part:
    if length >= len(part.text):
        return part
    return replace(part, text=part.text[: max(0, length - 1)].rstrip() + signs().more)


# -- rows of tokens ----------------------------------------------------------------------------------


def _tokens(parts: Sequence[Part]) -> Iterator[Token]:
    for i, part in enumerate(parts):
        if i:
            yield signs().dot, DOT
        for token in _TOKEN.findall(part.text):
            yield token, part.tone


def _wrapped(parts: Sequence[Part], width: int) -> list[Row]:
    """Rows of tokens; a dot never begins a row, and a word wider than a row is broken."""
    found: list[Row] = [[]]
    used = 0
    for token, tone in _tokens(parts):
        room = cell_len(token)
        if found[-1] and used + 1 + room <= width:
            found[-1].append((token, tone))
            used += 1 + room
        elif tone is DOT and found[-1]:
            continue
        else:
            for piece in _pieces(token, width):
                found.append([(piece, tone)])
                used = cell_len(piece)
    return [row for row in found if row]


def _pieces(token: str, width: int) -> list[str]:
    """A token, broken at its space or anywhere if it is wider than a row."""
    if cell_len(token) <= width:
        return [token]
    return [piece for word in token.split() for piece in (chop_cells(word, width) if width > 1 else [signs().more])]


def _cut(row: Row, width: int) -> Row:
    """A row that ends in the sign for more."""
    more = signs().more
    while row and sum(cell_len(token) + 1 for token, _ in row) + cell_len(more) > width:
        row = row[:-1]
    return [*row, (more, Tone.PLAIN)]


def _content(row: Row) -> Content:
    parts: list[tuple[str, str]] = []
    for token, tone in row:
        if parts:
            parts.append((" ", ""))
        parts.append((token, STYLES[tone] if tone and tone is not Tone.PLAIN else ""))
    return Content.assemble(*parts)
