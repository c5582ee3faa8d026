"""The chapter that compares a training with an earlier one: a table, and a sentence on each notable difference."""

from __future__ import annotations

from collections.abc import Sequence

from services.report.parts import CURVES, Fact, Section, Table, fact, of_all, word
from services.report.scope import order
from services.report.training_part import MEAN, TOOK
from services.text import clean
from services.training.compare import Comparison, Kind, Row, compare
from services.training.compare_facts import RunFacts
from sessions.document import Session

PATHS: dict[str, tuple[str, ...]] = {
    "steps": ("training.progress.step", "training.started.steps", "training.started.recorded.resumed_at"),
    "final loss": ("training.progress.metrics.loss", CURVES),
    "epochs": ("training.progress.epochs",),
    "step": ("training.started.recorded.step_s", CURVES),
    "update": ("training.progress.metrics.update_s", "training.started.recorded.step_s",
               "training.progress.metrics.dataloading_s", CURVES),
    "data loading": ("training.progress.metrics.dataloading_s", CURVES),
    "learning rate": ("training.started.recorded.lr_start", "training.progress.metrics.lr",
                      "training.started.config.optimizer", CURVES),
    "gradient norm": ("training.progress.metrics.grad_norm", CURVES),
    "took": ("ended", "started.at", "training.resumed"),
    "checkpoints": ("training.checkpoints",),
    "policy": ("training.started.policy", "started.request.policy"),
    "dataset": ("started.request.dataset",),
    "episodes": ("training.started.episodes", "training.started.episodes_total"),
    "frames": ("training.started.frames",),
    "images": ("training.started.recorded.images", "training.started.config.policy"),
    "batch size": ("training.started.batch_size", "training.started.processes"),
    "rate from": ("training.started.recorded.lr_start", "training.started.config.optimizer"),
    "schedule": ("training.started.recorded.schedule", "training.started.config.scheduler"),
    "hardware": ("training.started.recorded.hardware", "training.started.hardware", "training.started.device",
                 "started.host"),
}  # fmt: skip
"""Where the rows of a comparison stand in a training's document; the others are of all that it was made with."""
ALL = ("training.started",)
HOW = "computed by services/training/compare.py from the figures of both"


def earlier(session: Session, log: Sequence[Session]) -> Session | None:
    """The training of the same policy that began last before this one, and made a step; None without one."""
    training = session.training
    if training is None:
        return None
    before = [
        each for each in log
        if each.training is not None and each.training.step and each.training.started.policy == training.started.policy
        and order(each) < order(session)
    ]  # fmt: skip
    return max(before, key=order, default=None)


def section(first: tuple[Session, RunFacts], other: tuple[Session, RunFacts]) -> Section:
    """What became different from the `first` training to the `other`."""
    made = compare([first[1], other[1]])
    pair = (first[0], other[0])
    rows = [*(row for row in made.rows if row.kind is Kind.FIGURE), *made.differing]
    table = Table("figures, and what differs", _head(pair, made), tuple(_row(pair, row) for row in rows))
    both = [fact(each, each.id, "training", "started", CURVES) for each in pair]
    title = of_all(f"{_name(other[1])} against {_name(first[1])}", both)
    return Section(key="comparison", title=title, tables=(table,), sentences=tuple(_sentences(made, both, pair)))


def _name(run: RunFacts) -> str:
    return clean(run.title)


def _head(pair: Sequence[Session], made: Comparison) -> tuple[Fact, ...]:
    names = (
        fact(session, run.short, "started.request.name", "started.import_key", "started.id", "training.started")
        for session, run in zip(pair, made.runs, strict=True)
    )
    return (word(""), *names)


def _row(pair: Sequence[Session], row: Row) -> tuple[Fact, ...]:
    paths = PATHS.get(row.name, ALL)
    name = word(row.name) if row.name in PATHS else fact(pair[1], row.name, *ALL)
    cells = zip(pair, row.cells, strict=True)
    return (name, *(fact(session, cell, *paths, how=_how(session, row.name)) for session, cell in cells))


def _how(session: Session, name: str) -> str:
    """What was computed of a training's figures; those of an imported one are as they were written down."""
    training = session.training
    if training is None or training.started.recorded is not None:
        return ""
    return {"step": MEAN, "update": MEAN, "data loading": MEAN, "took": TOOK}.get(name, "")


def _sentences(made: Comparison, both: Sequence[Fact], pair: Sequence[Session]) -> list[Fact]:
    names = tuple(clean(run.short) for run in made.runs)  # stand as they are, also where they begin a sentence
    told = [f"{each if each.startswith(names) else each[0].upper() + each[1:]}." for each in made.sentences]
    same = "; ".join(f"{row.name} {row.cells[0]}" for row in made.alike)
    unsure = ", ".join(row.name for row in made.unsure)
    told += [f"Alike: {same}."] if same else []
    told += [f"Not recorded of both: {unsure}."] if unsure else []
    undated = [session for session in pair if not session.started_utc]
    if undated:
        told.append("When they ran is not recorded of both: the first stands before the other in the file.")
    return [of_all(each, both, how=HOW) for each in told]
