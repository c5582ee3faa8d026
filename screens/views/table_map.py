"""The table from above: the arm's base, the places of start conditions, and where the object goes next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content

from screens.views.signs import clean, signs
from services.bench.conditions import FARTHEST_MM
from sessions.conditions import Condition, Place

ROW_PER_COLUMN = 2.0
"""A cell of a terminal is about twice as high as it is wide."""
ARM = "arm"
MARGIN_MM = 20.0
"""Beyond the outermost places, so that none lies at the edge."""


@dataclass(frozen=True)
class _Scale:
    """Millimetres to cells: x grows upwards, y to the left."""

    top: float
    left: float
    per_column: float

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Row and column."""
        return round((self.top - x) / (self.per_column * ROW_PER_COLUMN)), round((self.left - y) / self.per_column)


def table_map(conditions: Iterable[Condition], to_come: str, width: int, height: int) -> list[Content]:
    """At most `height` rows of `width` cells; `to_come` names the next condition. Empty without a place or room."""
    places = {each.name: each.place for each in conditions if each.place is not None and on_table(each.place)}
    if not places or width < 2 * len(ARM) or height < 3:
        return []
    scale = _scale(list(places.values()), width, height)
    rows = [[(" ", "")] * width for _ in range(height)]
    _write(rows, *scale.cell(0, 0), ARM, "bold $quiet", centred=True)
    for name, place in sorted(places.items(), key=lambda item: item[0] == to_come):  # the next one over all others
        row, column = scale.cell(place.x, place.y)
        if name != to_come:
            _write(rows, row, column, signs().void, "$quiet")
            continue
        _write(rows, row, column, signs().live, "bold $accent")
        label = f" {clean(name, width // 2)} "
        starts = (column + 1, column - len(label))  # beside it, where that hides no other place
        free = next((at for at in starts if _is_free(rows, row, at, len(label))), None)
        if free is not None:
            _write(rows, row, free, label, "bold $accent")
    return [Content.assemble(*row) for row in rows]


def on_table(place: Place) -> bool:
    """Whether it can be drawn: what another program wrote may lie anywhere."""
    return max(abs(place.x), abs(place.y)) <= FARTHEST_MM


@dataclass(frozen=True)
class Written:
    """What stands at a place."""

    text: str
    style: str


def table_of(
    written: Sequence[tuple[Condition, Written]], width: int, height: int
) -> tuple[list[Content], tuple[str, ...]]:
    """The places alone, `height` rows with a text at each and the arm's side below, and the conditions shown.

    Either direction fills its room, so it is not true to scale: it has room for texts. One that finds none is left out.
    """
    placed = [(each, each.place, what) for each, what in written if each.place is not None]
    widest = max((len(what.text) for _, _, what in placed), default=0)
    xs, ys = [place.x for _, place, _ in placed], [place.y for _, place, _ in placed]
    rows = [[(" ", "")] * width for _ in range(height)]
    shown = []
    for condition, place, what in placed:
        row = round(_share(max(xs) - place.x, max(xs) - min(xs)) * (height - 2))
        middle = 1 + widest / 2 + _share(max(ys) - place.y, max(ys) - min(ys)) * (width - widest - 2)
        start = round(middle - len(what.text) / 2)
        if _is_free(rows, row, start - 1, len(what.text) + 2):
            _write(rows, row, start, what.text, what.style)
            shown.append(condition.name)
    _write(rows, height - 1, width // 2, ARM, "$quiet", centred=True)
    return [Content.assemble(*row) for row in rows], tuple(shown)


def _share(of: float, whole: float) -> float:
    return of / whole if whole else 0.5


def _is_free(rows: list[list[tuple[str, str]]], row: int, start: int, length: int) -> bool:
    cells = rows[row][start : start + length] if 0 <= row < len(rows) and start >= 0 else []
    return len(cells) == length and all(letter == " " for letter, _ in cells)


def _scale(places: Sequence[Place], width: int, height: int) -> _Scale:
    """As large as it fits; the arm stands in the middle of the width, at the bottom unless a place lies behind it."""
    ahead = max(0.0, *(place.x for place in places)) + MARGIN_MM
    behind = -min(0.0, *(place.x for place in places))
    aside = max(abs(place.y) for place in places) + MARGIN_MM
    per_column = max(2 * aside / (width - 1), (ahead + behind) / (ROW_PER_COLUMN * (height - 1)))
    return _Scale(ahead, per_column * (width - 1) / 2, per_column)


def _write(
    rows: list[list[tuple[str, str]]], row: int, column: int, text: str, style: str, *, centred: bool = False
) -> None:
    if centred:
        column -= len(text) // 2
    for at, letter in enumerate(text, column):
        if 0 <= row < len(rows) and 0 <= at < len(rows[row]):
            rows[row][at] = (letter, style)
