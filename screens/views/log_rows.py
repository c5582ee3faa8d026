"""The Log's table of sessions: its columns, of all kinds or of one, and the orders it can be in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
from textual.content import Content

from screens.views.columns import Table, Widths
from screens.views.log_columns import COLUMNS, DAY, NAMES, YEAR
from screens.views.signs import signs
from services.log.table.light import Light, light
from sessions.document import Session
from sessions.models import SessionKind


def entry(session: Session, part: str = "") -> Light:
    """The row of a session; `part` says what it is a part of."""
    return msgspec.structs.replace(light(session), part=part)


@dataclass(frozen=True)
class Survey:
    """Of sessions: the widest cell of each column, and whether all began this year, as far as that is known."""

    widest: tuple[int, ...]
    this_year: bool = True

    def with_(self, other: Survey) -> Survey:
        """That of both together."""
        both = zip(self.widest, other.widest, strict=True)
        return Survey(tuple(map(max, both)), self.this_year and other.this_year)


class LogTable:
    """Makes the table of any choice of sessions; what was measured of a session is kept."""

    def __init__(self) -> None:
        self._widths = {kind: Widths(columns, lambda each: each.id) for kind, columns in COLUMNS.items()}

    def measure(self, sessions: Sequence[Light]) -> None:
        """Measure the cells of these sessions: takes half a second for 10,000, so in a thread."""
        for kind, widths in self._widths.items():
            widths.measure(sessions if kind is None else [each for each in sessions if each.kind is kind])

    def survey(self, sessions: Sequence[Light], kind: SessionKind | None = None, today: date | None = None) -> Survey:
        """What the columns of `kind`, or of every kind, need to know of these sessions."""
        year = f"{(today or date.today()).year}-"
        plain = all(each.head.when.startswith(year) or not each.started_utc for each in sessions)
        return Survey(tuple(self._widths.get(kind, self._widths[None]).widest(sessions)), plain)

    def of(
        self,
        sessions: Sequence[Light],
        room: int,
        order: Order | None = None,
        kind: SessionKind | None = None,
        today: date | None = None,
        *,
        survey: Survey | None = None,
    ) -> Table[Light]:
        """The table in `room` cells, with the mark of its order, and the columns of `kind` where all are of that one.

        With years only where one is not this year's. `survey` is of these sessions, if it was made already.
        """
        columns, known = COLUMNS.get(kind, COLUMNS[None]), survey or self.survey(sessions, kind, today)
        widest = known.widest
        shown = [n for n, column in enumerate(columns) if column is not (YEAR if known.this_year else DAY)]
        return Table(
            [columns[n] for n in shown], sessions, room, _marks(order, kind), widest=[widest[n] for n in shown]
        )


def _marks(order: Order | None, kind: SessionKind | None) -> dict[str, str]:
    """The sign behind the column that the rows are ordered by: `started v` without UTF-8."""
    if order is None:
        return {}
    sign = signs().up if order.up else signs().down
    name = NAMES.get(kind, {}).get(order.column, order.column) if kind is not None else order.column
    return {name: sign if signs().unicode else f" {sign}"}


def session_table(
    entries: Sequence[Light], room: int, order: Order | None = None, today: date | None = None
) -> Table[Light]:
    """The table of a few sessions of any kind."""
    made = LogTable()
    made.measure(entries)
    return made.of(entries, room, order, today=today)


def log_rows(sessions: Iterable[Session], room: int, today: date | None = None) -> list[Content]:
    """One row per session, in `room` cells, e.g. `✓  11-26 14:32  record  pick_place  12 of 50  2✗ 1⚠  #night`."""
    return session_table([entry(session) for session in sessions], room, today=today).rows


# -- orders ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """An order of the rows: by which column, ascending or not; equal ones stay newest first."""

    column: str
    key: Callable[[Light], str | float | tuple[str, float]] | None
    up: bool = True

    def sorted(self, entries: Iterable[Light]) -> list[Light]:
        """The entries, which come newest first, in this order."""
        return list(entries) if self.key is None else sorted(entries, key=self.key)


def _success(entry: Light) -> tuple[str, float]:
    """Sessions of a kind together, the best first: by success rate, loss, or accepted episodes."""
    judged = entry.success + entry.failure
    match entry.kind:
        case SessionKind.EVAL:
            best = -entry.success / judged if judged else 1.0
        case SessionKind.TRAIN:
            best = float("inf") if entry.loss is None else entry.loss
        case _:
            best = -float(entry.accepted)
    return entry.kind.value, best


ORDERS = (
    Order("started", None, up=False),
    Order("kind", lambda entry: entry.head.kind),
    Order("name", lambda entry: entry.head.what.casefold()),
    Order("result", _success),
    Order("took", lambda entry: -entry.seconds, up=False),
)
"""By the keys that step through them; the first is the list as it comes."""
