"""The parts of a session's page: values in rows in sections. Plain data, harmless text."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from services.text import clean
from services.tone import Tone
from sessions.statistics import wilson


class Symbol(StrEnum):
    """A sign before a value, so that no meaning depends on colour; each terminal draws its own signs."""

    YES = "yes"
    NO = "no"
    VOID = "void"
    WARNING = "warning"
    LIVE = "live"
    OPEN = "open"


class Value(msgspec.Struct, frozen=True):
    """One value of a row; `strong` makes it stand out."""

    text: str
    tone: Tone = Tone.PLAIN
    mark: Symbol | None = None
    strong: bool = False


class Interval(msgspec.Struct, frozen=True):
    """A success rate `at` and its 95 % Wilson interval from `low` to `high`, each in 0..1."""

    low: float
    at: float
    high: float

    @classmethod
    def of(cls, successes: int, judged: int) -> Interval | None:
        """The interval of this many successes; None before the first trial that counts."""
        if not judged:
            return None
        low, high = wilson(successes, judged)
        return cls(low, successes / judged, high)


class Curve(msgspec.Struct, frozen=True):
    """A small curve: its points from left to right, each 0..1, or -1 where there is none; `height` in lines."""

    points: tuple[float, ...]
    height: int = 1


class Row(msgspec.Struct, frozen=True):
    """A fact: its name and one or more values. Successive rows of the same name belong together."""

    name: str
    values: tuple[Value, ...]
    interval: Interval | None = None
    curve: Curve | None = None

    @property
    def text(self) -> str:
        """The values without marks and tones."""
        return ", ".join(value.text for value in self.values if value.text)


class Section(msgspec.Struct, frozen=True):
    """Rows that belong together. In a `table` the rows are alike: their n-th values make a column."""

    name: str
    rows: tuple[Row, ...]
    table: bool = False


class Page(msgspec.Struct, frozen=True):
    """A session's page; `state` is its status and why it ended."""

    session: str
    state: Value
    sections: tuple[Section, ...]


def as_json(page: Page) -> bytes:
    """The page for `show --json`: an object with the keys session, state and sections.

    A section has name, table and rows; a row has name, values, interval (null, or low, at and high in 0..1) and curve
    (null, or points, each 0..1 or -1 for none, and height); a value (`state` is one) has text, tone (plain, quiet,
    accent, success, warning, danger), mark (null, yes, no, void, warning, live, open) and strong. Keys may be added,
    none goes.
    """
    return msgspec.json.format(msgspec.json.encode(page), indent=2)


# -- constructors -------------------------------------------------------------------------------------


def text(words: object, tone: Tone = Tone.PLAIN, mark: Symbol | None = None, *, strong: bool = False) -> Value:
    """A value of cleaned text. The only entry for text from outside."""
    return Value(clean(str(words)).strip(), tone, mark, strong)


def quiet(words: object) -> Value:
    """A value of secondary text."""
    return text(words, Tone.QUIET)


def row(name: str, *values: Value | str, interval: Interval | None = None) -> Row:
    """A row without the values that have nothing to show."""
    made = (text(v) if isinstance(v, str) else v for v in values)
    return Row(name, tuple(v for v in made if v.text or v.mark), interval)


def section(name: str, rows: Iterable[Row], *, table: bool = False) -> Section:
    """A section without the rows that have no value."""
    return Section(name, tuple(row for row in rows if row.values), table)
