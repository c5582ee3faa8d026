"""The list of runs, and the legend of those that are overlaid. Pure: from runs and readings to Content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from screens.views.columns import NARROW_FIRST, Align, Column, Parts, Table
from screens.views.cut import cut
from screens.views.signs import STYLES, clean, signs
from screens.views.training import State, ended, moment
from services.tone import Tone
from services.units import value
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.training.history import Run


@dataclass(frozen=True)
class Sample:
    """How a line looks in a legend."""

    text: str
    style: str


def run_state(run: Run, *, live: bool) -> State:
    """The state of a run in the list."""
    if live or (run.status is SessionStatus.RUNNING and not run.foreign):
        return State("RUNNING", signs().live, Tone.ACCENT)
    if run.watched:
        return State("WATCHED", signs().live, Tone.ACCENT)
    if run.foreign:
        return State("NO SESSION", signs().void, Tone.QUIET)
    return ended(run.status, whole=run.reached >= run.steps)


class _Row(NamedTuple):
    run: Run
    state: State
    mark: Parts


def run_table(
    runs: Sequence[Run], room: int, *, live: str, shown: str, samples: Mapping[str, Sample], now: float
) -> Table[_Row]:
    """Name, policy, dataset, steps, loss, when, state, in `room` cells.

    `shown` is the run of the curves, `live` the one that is watched; `samples` are the lines of those overlaid.
    """
    rows = [_Row(run, run_state(run, live=run.id == live), _mark(run, shown, samples)) for run in runs]
    when = Column[_Row]("when", lambda row: [(_when(row.run, now), "$quiet")], rank=3, align=Align.RIGHT)
    return Table([*_RUN, when, _STATE], rows, room, extra=NARROW_FIRST)


def _when(run: Run, now: float) -> str:
    """When it began; of an imported one that is often not recorded."""
    imported = run.session is not None and run.session.started.imported
    return moment(run.at, now) or ("imported" if imported else "")


def _loss(row: _Row) -> Parts:
    return [(value(row.run.loss), "")] if row.run.loss is not None else []


def _place(run: Run) -> Parts:
    """Where it trains, if that is another machine."""
    target = run.session.trained_on if run.session is not None else None
    return [(f" on {clean(target.place, 24)}", "$quiet")] if target is not None else []


LEAST = 14
"""Cells to which a name is cut at most."""
_RUN = (
    Column[_Row]("", lambda row: [(row.state.sign, f"bold {STYLES[row.state.tone]}")]),
    Column[_Row]("", lambda row: row.mark),
    Column[_Row]("name", lambda row: [(clean(row.run.name, 60), "bold"), *_place(row.run)], least=LEAST),
    Column[_Row]("policy", lambda row: [(clean(row.run.policy, 20), "")], rank=5),
    Column[_Row]("dataset", lambda row: [(clean(row.run.dataset, 40), "")], rank=6, least=LEAST),
    Column[_Row]("steps", lambda row: [(steps(row.run), "")], rank=1, align=Align.RIGHT),
    Column[_Row]("loss", _loss, rank=2, align=Align.RIGHT),
)
_STATE = Column[_Row]("state", lambda row: [(row.state.word.lower(), STYLES[row.state.tone])], rank=4)


def _mark(run: Run, shown: str, samples: Mapping[str, Sample]) -> Parts:
    """The sample of an overlaid run's line, or a sign at the one that is shown."""
    if found := samples.get(run.id):
        return [(found.text, found.style)]
    return [(signs().span * 4, "$accent")] if run.id == shown else []


def steps(run: Run) -> str:
    """`20k`, `3.21k of 20k`: the steps done, and those asked for if they differ."""
    done = short(run.reached)
    return done if run.reached >= run.steps else f"{done} of {short(run.steps)}"


def short(count: int) -> str:
    """`500`, `3.21k`, `20k`, `1.5M`."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g}{unit}"
    return str(count)


@dataclass(frozen=True)
class Reads:
    """What a run reads at the cursor, or at its newest point: a value for each plot."""

    name: str
    sample: Sample
    step: int | None
    values: tuple[str, ...]


def legend(reads: Sequence[Reads], titles: Sequence[str], room: int) -> list[Content]:
    """A row for each overlaid run, below a header: its line, name, step and values."""
    columns = [
        Column[Reads]("", lambda each: [(each.sample.text, each.sample.style)]),
        Column[Reads]("run", lambda each: [(clean(each.name, 60), "bold")], least=LEAST),
        Column[Reads]("at step", _at_step, rank=1, align=Align.RIGHT),
        *(_value_column(at, title) for at, title in enumerate(titles)),
    ]
    table = Table(columns, reads, room, extra=NARROW_FIRST)
    return [table.header, *table.rows]


def _at_step(each: Reads) -> Parts:
    return [(f"{each.step:,}", "")] if each.step is not None else []


def _value_column(at: int, title: str) -> Column[Reads]:
    return Column(title, lambda each: [(each.values[at], "")], rank=2 + at if at else 0, align=Align.RIGHT)


PAIR = 2
"""Runs in a row of the short legend."""


def short_legend(reads: Sequence[Reads], room: int) -> list[Content]:
    """Two runs in a row, each with its line and its first value, where the curves need the rows."""
    width = max(20, room // PAIR)
    cells = [
        Content.assemble(
            (each.sample.text, each.sample.style), (f" {each.values[0]} ", ""), (clean(each.name, 60), "bold")
        )
        for each in reads
    ]
    fitted = [cut(cell, width - 1).pad_right(max(0, width - min(cell.cell_length, width - 1))) for cell in cells]
    return [Content.assemble(*fitted[at : at + PAIR]) for at in range(0, len(fitted), PAIR)]
