"""Up to four trainings side by side: their figures, what differs between them, and what of it the facts explain. Pure.

The first run is what the others are compared with. A difference is explained only by facts that act on it: never by
the size of a dataset where time is concerned, since each step takes a batch of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from services.log.headline import NOT_RECORDED
from services.refusal import Refusal
from services.text import clean
from services.training.compare_causes import Change, changes
from services.training.compare_facts import RunFacts, State
from services.units import duration, epochs, plural, size, value

MOST = 4
"""Runs side by side."""
SETTINGS_SHOWN = 12


class Kind(StrEnum):
    """What a row is about."""

    FIGURE = "figure"
    """What came of it."""
    SETTING = "setting"
    """What it was made with: of these, the ones that differ are what differs."""


@dataclass(frozen=True)
class Row:
    """A fact of each run. `differs`: at least two of them are known and differ; of a figure it is not said."""

    name: str
    kind: Kind
    cells: tuple[str, ...]
    differs: bool = False


@dataclass(frozen=True)
class Comparison:
    """The runs, their rows, and sentences: on each difference in time, what to mind of a run, what else to know."""

    runs: tuple[RunFacts, ...]
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def differing(self) -> tuple[Row, ...]:
        """The settings that differ."""
        return tuple(row for row in self.rows if row.kind is Kind.SETTING and row.differs)

    @property
    def alike(self) -> tuple[Row, ...]:
        """The settings that are known of every run, and the same."""
        rows = (row for row in self.rows if row.kind is Kind.SETTING and len(set(row.cells)) == 1)
        return tuple(row for row in rows if row.cells[0] != NOT_RECORDED)

    @property
    def unsure(self) -> tuple[Row, ...]:
        """The settings that are known of some runs and, of those, the same."""
        rows = (row for row in self.rows if row.kind is Kind.SETTING and not row.differs)
        return tuple(row for row in rows if len(set(row.cells)) > 1 and NOT_RECORDED in row.cells)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything that is said below the table."""
        return self.told + self.warnings + self.notes

    @property
    def told(self) -> tuple[str, ...]:
        """A sentence for each change, and one for all figures of two runs that are the same."""
        found = []
        for pair, changes_ in groupby(self.changes, key=lambda change: (change.first, change.other)):
            every = tuple(changes_)
            same = [change for change in every if change.same]
            found += [change.sentence for change in every if not change.same or len(same) == 1]
            found += [self._same(*pair, [change.about.value for change in same])] if len(same) > 1 else []
        return tuple(found)

    def _same(self, first: str, other: str, figures: list[str]) -> str:
        names = {run.id: clean(run.short) for run in self.runs}
        return f"{names[other]} against {names[first]}: {_listed(figures)} are the same"


def compare(runs: Sequence[RunFacts]) -> Comparison:
    """Compare the runs; one that is there twice counts once. Raises Refusal for none, or more than MOST."""
    once = tuple({run.id: run for run in runs}.values())
    if not once:
        raise Refusal("name the runs to compare: `lab-console sessions --kind train` lists them")
    if len(once) > MOST:
        raise Refusal(f"at most {MOST} runs are compared at once, and {len(once)} are named: leave some out")
    rows = tuple(_rows(once))
    found = tuple(change for other in once[1:] for change in changes(once[0], other))
    twice = [f"{clean(run.short)} was named twice: it is compared once" for run in once if _count(runs, run) > 1]
    return Comparison(once, rows, found, tuple(_about_runs(once)), (*_about_losses(once), *twice, *_alone(once)))


def _count(runs: Sequence[RunFacts], run: RunFacts) -> int:
    return sum(each.id == run.id for each in runs)


def _alone(runs: Sequence[RunFacts]) -> list[str]:
    return ["one run alone: there is nothing to compare it with"] if len(runs) == 1 else []


# -- rows ---------------------------------------------------------------------------------------------


def number(run: RunFacts, figure: float) -> str:
    """A figure with three digits, or as somebody wrote it down."""
    return f"{figure:g}" if run.rounded and 1e-4 <= abs(figure) < 1e5 else value(figure)


def _rows(runs: Sequence[RunFacts]) -> list[Row]:
    figures = [Row(name, Kind.FIGURE, tuple(map(cell, runs))) for name, cell in FIGURES]
    settings = []
    for name, cell in SETTINGS:
        cells = tuple(map(cell, runs))
        settings.append(Row(name, Kind.SETTING, cells, _differ(cells)))
    return [*figures, *settings, *_configured(runs)]


def _differ(cells: Sequence[str]) -> bool:
    known = {cell for cell in cells if cell != NOT_RECORDED}
    return len(known) > 1


def _configured(runs: Sequence[RunFacts]) -> list[Row]:
    """Keys of LeRobot's configuration that differ, of runs whose configuration is known; first those that were set."""
    known = [run for run in runs if run.settings]
    edited = {key for run in known for key in run.edited}
    keys = sorted({key for run in known for key in run.settings}, key=lambda key: (not _is_in(key, edited), key))
    same_policy = len({run.policy for run in known}) == 1
    found = []
    for key in keys:
        if key.startswith("policy.") and not same_policy:
            continue  # policies of two types have other keys
        cells = [clean(run.settings.get(key, "not set")) if run.settings else NOT_RECORDED for run in runs]
        if _differ(cells):
            name = clean(f"{key} (set)" if _is_in(key, edited) else key)
            found.append(Row(name, Kind.SETTING, tuple(cells), differs=True))
    if len(found) > SETTINGS_SHOWN:
        more = Row("more", Kind.SETTING, tuple(f"{len(found) - SETTINGS_SHOWN} more keys" for _ in runs))
        found = [*found[:SETTINGS_SHOWN], more]
    return found


def _is_in(key: str, groups: Collection[str]) -> bool:
    """Whether a dotted key is one of these, or a key of one of these groups."""
    return any(f"{key}.".startswith(f"{group}.") for group in groups)


def _known[T](found: T | None, shown: Callable[[T], str]) -> str:
    return NOT_RECORDED if found is None else clean(shown(found)) or NOT_RECORDED


def _steps(run: RunFacts) -> str:
    done = f"{run.steps:,}" if run.steps >= run.wanted else f"{run.steps:,} of {run.wanted:,}"
    word = run.state.value if run.state is not State.FINISHED else ""
    resumed = f"resumed at {', '.join(f'{step:,}' for step in run.resumed)}" if run.resumed else ""
    return ", ".join(filter(None, (done, word, resumed)))


def _loss(run: RunFacts) -> str:
    if run.diverged:
        return f"not a number at step {run.loss_step:,}" if run.loss_step else "not a number"
    if run.loss is None:
        return NOT_RECORDED
    at = f" at step {run.loss_step:,}" if run.loss_step is not None and run.loss_step != run.steps else ""
    return number(run, run.loss) + at


def _step(run: RunFacts) -> str:
    return " to ".join(number(run, each) for each in run.step_s) + " s" if run.step_s else NOT_RECORDED


def _update(run: RunFacts) -> str:
    rest = run.update_or_rest
    if rest is None:
        return NOT_RECORDED
    return f"{number(run, round(rest, 6))} s{'' if run.update_s is not None else ' (step less data)'}"


def _lr(run: RunFacts) -> str:
    start, end = (value(each) if each is not None else "" for each in (run.lr_start, run.lr_end))
    if start and end and start != end:
        return f"{start} to {end}"
    return start or (f"{end} at the end" if end else NOT_RECORDED)


def _checkpoints(run: RunFacts) -> str:
    if not run.checkpoints:
        return "none" if not run.rounded else NOT_RECORDED
    return str(run.checkpoints) + (f", {size(run.checkpoint_bytes)} each" if run.checkpoint_bytes else "")


def _cameras(run: RunFacts) -> str:
    if run.cameras is None:
        return NOT_RECORDED
    return ", ".join(run.cameras) or "none"


def _left_out(run: RunFacts) -> str:
    if not run.left_out:
        return "none"
    how = {True: "still decoded", False: "not decoded", None: "not recorded whether decoded"}
    return f"{', '.join(run.left_out)} ({how[left_out_decoded(run)]})"


def left_out_decoded(run: RunFacts) -> bool | None:
    """Whether the cameras that were left out are decoded all the same; None if it is not known."""
    if run.decoded is None or run.cameras is None:
        return None
    return run.decoded > len(run.cameras)


def _episodes(run: RunFacts) -> str:
    if run.episodes is None:
        return NOT_RECORDED if run.episodes_total is None else f"of {run.episodes_total}, {NOT_RECORDED} which"
    total = run.episodes_total or run.episodes
    return str(run.episodes) if run.episodes == total else f"{run.episodes} of {total}"


Cell = Callable[[RunFacts], str]
FIGURES: tuple[tuple[str, Cell], ...] = (
    ("steps", _steps),
    ("final loss", _loss),
    ("epochs", lambda run: _known(run.epochs, epochs)),
    ("step", _step),
    ("update", _update),
    ("data loading", lambda run: _known(run.data_s, lambda each: f"{number(run, each)} s")),
    ("learning rate", _lr),
    ("gradient norm", lambda run: _known(run.grad_norm, lambda each: number(run, each))),
    ("took", lambda run: _known(run.took_s, duration)),
    ("checkpoints", _checkpoints),
)
SETTINGS: tuple[tuple[str, Cell], ...] = (
    ("policy", lambda run: clean(run.policy) or NOT_RECORDED),
    ("dataset", lambda run: clean(run.dataset) or NOT_RECORDED),
    ("episodes", _episodes),
    ("frames", lambda run: _known(run.frames, lambda each: f"{each:,}")),
    ("cameras", lambda run: clean(_cameras(run))),
    ("left out", lambda run: clean(_left_out(run))),
    ("images", lambda run: clean(run.images) or NOT_RECORDED),
    ("batch size", lambda run: _known(run.batch, str)),
    ("loss is", lambda run: clean(run.loss_kind) or NOT_RECORDED),
    ("rate from", lambda run: _known(run.lr_start, value)),
    ("schedule", lambda run: clean(run.schedule) or NOT_RECORDED),
    ("hardware", lambda run: clean(run.hardware) or NOT_RECORDED),
)


# -- sentences ----------------------------------------------------------------------------------------


def _about_losses(runs: Sequence[RunFacts]) -> list[str]:
    """Whether the losses may be set beside each other, and that they rank no policies."""
    if len(runs) < 2:
        return []
    policies = {run.policy for run in runs if run.policy}
    kinds = {run.loss_kind for run in runs if run.loss_kind}
    if len(policies) > 1 or len(kinds) > 1:
        known = [run for run in runs if run.policy]
        what = "; ".join(dict.fromkeys(f"{clean(r.policy)} logs {clean(r.loss_kind) or 'another'}" for r in known))
        why = "policies are of different types" if len(policies) > 1 else "losses are defined differently"
        return [f"losses are not ranked: the {why} and measure different things ({what}); only trials rank policies"]
    if not all(run.policy for run in runs):
        return ["losses are not ranked: the policy of a run is not known"]
    if any(run.diverged for run in runs):
        return ["a loss that is not a number is not compared: that run diverged, and has no usable last policy"]
    more = ""
    if len({run.dataset for run in runs}) > 1:
        more = " and the datasets differ, so that each loss is of other actions;"
    return [f"the losses are defined alike,{more} a lower one is no better policy: only trials tell"]


def _about_runs(runs: Sequence[RunFacts]) -> list[str]:
    """What one must know of single runs to read the table."""
    said = _decoded_for_nothing(runs)
    for run in runs:
        name = clean(run.short)
        if run.cut_short:
            how = "is still running" if run.state is State.RUNNING else "was stopped"
            said.append(f"{name} {how} at step {run.steps:,} of {run.wanted:,}")
        if run.resumed:
            said.append(f"{name} was stopped and resumed at step {', '.join(f'{each:,}' for each in run.resumed)}")
        if run.loss is None and not run.diverged:
            said.append(f"{name} has no point of its curves: its loss is not known")
        if run.step_mean and run.took_s and run.steps and run.state is not State.RUNNING:
            said += _time_beside_steps(run, name)
    return said


def _decoded_for_nothing(runs: Sequence[RunFacts]) -> list[str]:
    """Cameras that were left out and decoded all the same, each with the runs that did so."""
    found: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        if run.left_out and left_out_decoded(run):
            found.setdefault(run.left_out, []).append(clean(run.short))
    return [
        f"{_listed(names)} left out {clean(', '.join(cameras))}, and {_videos(cameras)} still decoded: "
        "that saved no data time"
        for cameras, names in found.items()
    ]


def _videos(cameras: Sequence[str]) -> str:
    return "its video was" if len(cameras) == 1 else "their videos were"


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


BESIDE = 0.2
"""Part of a run's time beside its steps from which on it is said."""


def _time_beside_steps(run: RunFacts, name: str) -> list[str]:
    """Time that the steps do not account for, and what is known to take such time; how long it took is not recorded."""
    steps_s = max(run.step_s) * run.steps
    beside = (run.took_s or 0.0) - steps_s
    if steps_s <= 0 or beside < BESIDE * steps_s:
        return []
    took = f"{name} took {duration(beside)} beside its steps"
    saved = f"it saved {plural(run.checkpoints, 'checkpoint')}" if run.checkpoints else ""
    if measured := run.held_out_measured:
        also = f"; {saved}" if saved else ""
        return [f"{took}: it measured the held-out loss {plural(measured, 'time')}{also}"]
    return [f"{took}, which is not explained{f'; {saved}' if saved else ''}"]
