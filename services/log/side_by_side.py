"""Two sessions side by side: the rows of their pages by section and name, and where they differ. Pure.

Rows of one name in one section belong together: `trial 3` of the one stands beside `trial 3` of the other. What only
one of them has stands where that one has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.log.sections import Page, Row, Section


class Pair(msgspec.Struct, frozen=True):
    """What both say under one name: rows of the one and of the other, either of which may be none."""

    name: str
    one: tuple[Row, ...] = ()
    other: tuple[Row, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether they say different things."""
        return [row.text for row in self.one] != [row.text for row in self.other] or self._marks(
            self.one
        ) != self._marks(self.other)

    @staticmethod
    def _marks(rows: Sequence[Row]) -> list[object]:
        return [value.mark for row in rows for value in row.values]


class Both(msgspec.Struct, frozen=True):
    """A section of both pages. In a `table` the names are numbers of trials or episodes, or names of policies."""

    name: str
    pairs: tuple[Pair, ...]
    table: bool = False

    @property
    def differing(self) -> int:
        """How many of its names differ."""
        return sum(pair.differs for pair in self.pairs)


def side_by_side(one: Page, other: Page) -> tuple[Both, ...]:
    """The sections of both pages; the states of the sessions come first."""
    state = Pair("state", (Row("state", (one.state,)),), (Row("state", (other.state,)),))
    sections = [
        _both(name, first, second)
        for name, first, second in _aligned({s.name: s for s in one.sections}, {s.name: s for s in other.sections})
    ]
    return (Both("", (state,)), *sections)


def _both(name: str, one: Section | None, other: Section | None) -> Both:
    rows = _aligned(_by_name(one), _by_name(other))
    pairs = tuple(Pair(each, tuple(first or ()), tuple(second or ())) for each, first, second in rows)
    return Both(name, pairs, any(section.table for section in (one, other) if section is not None))


def _by_name(section: Section | None) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in section.rows if section else ():
        found.setdefault(row.name, []).append(row)
    return found


def _aligned[T](one: dict[str, T], other: dict[str, T]) -> list[tuple[str, T | None, T | None]]:
    """Every name once, in the order of the one; what only the other has follows what it follows there."""
    names, place = list(one), 0
    for name in other:
        if name in one:
            place = names.index(name) + 1
        else:
            names.insert(place, name)
            place += 1
    return [(name, one.get(name), other.get(name)) for name in names]
