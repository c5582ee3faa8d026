"""The chapter on a training: every figure that a person would write down of it, and its curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.log.headline import NOT_RECORDED, began, figure, outcome, policy_of
from services.log.kinship.lineage_rows import lineage_rows
from services.report import charts
from services.report.parts import CURVES, Chart, Fact, Section, Source, Table, fact, word
from services.training.compare import FIGURES, SETTINGS, number
from services.training.compare_facts import RunFacts
from services.training.curves import Curves, Metric
from services.units import count_of, dimensions, size, value
from sessions.document import Session, Training
from sessions.left_out import Why, explained, measured_only
from sessions.requests import TrainRequest

MEAN = "the mean over all points of its curves"
TOOK = "from its start to its end without pauses, or as it was written down"
STEPS_NAMED = 24
"""Checkpoints that are named by their steps; of more the first and the last."""
PREPARED = {
    "smolvla": "resized with padding so that the shape is kept (resize_with_pad)",
    "pi0": "resized with padding so that the shape is kept (resize_with_pad)",
    "pi05": "resized with padding so that the shape is kept (resize_with_pad)",
}
"""What LeRobot 0.6.1's policies do with a picture (policies/*/modeling_*.py); tests/lerobot_seams looks there."""
CELLS: dict[str, Callable[[RunFacts], str]] = dict((*FIGURES, *SETTINGS))


def section(session: Session, run: RunFacts, curves: Curves | None) -> Section:
    """The chapter on this training."""
    training = session.training
    title = fact(session, f"Training {run.title}", "started.request.name", "training.started.output_dir",
                 "started.import_key", "started.id")  # fmt: skip
    if training is None:
        return Section(key="training", title=title, facts=(_told(session), _ended(session)))
    return Section(
        key="training", title=title, facts=tuple(_facts(session, training, run)), charts=_charts(session, run, curves),
        tables=tuple(_saved(session, training)),
        sentences=tuple(fact(session, note, "training.started.notes") for note in training.started.notes),
    )  # fmt: skip


def _told(session: Session) -> Fact:
    return fact(session, policy_of(session), "started.request.policy", name="policy")


def _ended(session: Session) -> Fact:
    return fact(session, outcome(session), "ended", "training.progress", name="ended")


def _facts(session: Session, training: Training, run: RunFacts) -> list[Fact]:
    started, recorded = training.started, training.started.recorded
    measured = (CURVES,) if recorded is None and training.points else ()
    mean, on_average = (MEAN, ", on average") if measured else ("", "")
    metrics = "training.progress.metrics"

    def of_run(name: str, title: str, *paths: str, how: str = "") -> Fact:
        return fact(session, CELLS[name](run), *paths, name=title, how=how)

    samples = f"{training.samples:,}" if training.samples else NOT_RECORDED
    return [
        fact(session, f"{run.policy}{_size(training)}", "training.started.policy", "training.started.parameters",
             "started.request.policy", name="policy"),
        fact(session, began(session), "started.at", "started.id", name="date"),
        of_run("steps", "steps", "training.progress.step", "training.started.steps", "training.resumed",
               "training.started.recorded.resumed_at"),
        fact(session, _batch(training), "training.started.batch_size", "training.started.processes", name="batch size"),
        fact(session, samples, "training.progress.samples", name="samples"),
        of_run("epochs", "epochs", "training.progress.epochs"),
        of_run("took", "duration", "ended", "started.at", "training.resumed", how=TOOK),
        of_run("step", f"time of a step{on_average}", "training.started.recorded.step_s", *measured, how=mean),
        of_run("update", f"update time{on_average}", f"{metrics}.update_s", "training.started.recorded.step_s",
               f"{metrics}.dataloading_s", *measured, how=mean),
        of_run("data loading", f"data time{on_average}", f"{metrics}.dataloading_s", *measured, how=mean),
        of_run("final loss", "final loss", f"{metrics}.loss", CURVES),
        fact(session, run.loss_kind, "training.started.recorded.loss", "training.started.policy", name="the loss is"),
        *_held_out(session, training),
        fact(session, "" if run.lr_end is None else number(run, run.lr_end), f"{metrics}.lr", *measured,
             name="learning rate at the end"),
        fact(session, _schedule(run), "training.started.recorded.schedule", "training.started.recorded.lr_start",
             "training.started.config.scheduler", "training.started.config.optimizer", name="schedule"),
        of_run("gradient norm", "gradient norm", f"{metrics}.grad_norm", *measured),
        fact(session, _checkpoints(training), "training.checkpoints", name="checkpoints"),
        fact(session, started.output_dir, "training.started.output_dir", name="output"),
        fact(session, _images(session, run), "training.started.recorded.images", "training.started.recorded.resized",
             "started.request.resize", "training.started.config.policy", "training.started.policy", name="images"),
        fact(session, _cameras(run), "training.started.cameras", "training.started.excluded_cameras",
             "training.started.left_out_decoded", "training.started.config.policy", name="cameras"),
        fact(session, _episodes(run), "training.started.episodes", "training.started.episodes_total",
             "training.started.frames", name="learnt from"),
        *_left_out(session, training),
        of_run("hardware", "hardware", "training.started.recorded.hardware", "training.started.hardware",
               "training.started.device", "started.host"),
        *(fact(session, each.text, "training.started.lineage", name=each.name)
          for each in lineage_rows(session) if each.text),
        *_set(session),
        *([fact(session, recorded.flags, "training.started.recorded.flags", name="flags")]
          if recorded and recorded.flags else []),
        *_versions(session),
        _ended(session),
    ]  # fmt: skip


def _size(training: Training) -> str:
    return f", {count_of(training.started.parameters)} parameters" if training.started.parameters else ""


def _batch(training: Training) -> str:
    started = training.started
    if not started.batch_size:
        return NOT_RECORDED
    more = f" in each of {started.processes} processes" if started.processes > 1 else ""
    return f"{started.batch_size}{more}"


def _held_out(session: Session, training: Training) -> list[Fact]:
    from services.live.metrics import EVAL_LOSS

    held_out = training.metrics.get(EVAL_LOSS)
    if held_out is None:
        return []
    best = training.best
    shown = value(held_out) + (f", lowest {value(best.eval_loss or 0.0)} at step {best.step:,}" if best else "")
    paths = (f"training.progress.metrics.{EVAL_LOSS}", "training.checkpoints")
    return [fact(session, shown, *paths, name="held-out loss")]


def _schedule(run: RunFacts) -> str:
    start = f"from {value(run.lr_start)}" if run.lr_start is not None else ""
    return ", ".join(filter(None, (run.schedule, start)))


def _checkpoints(training: Training) -> str:
    saved = training.checkpoints
    if not saved:
        return NOT_RECORDED if training.started.recorded else "none"
    steps = [f"{each.step:,}" for each in saved]
    named = ", ".join(steps) if len(steps) <= STEPS_NAMED else f"{len(steps)}, from {steps[0]} to {steps[-1]}"
    sizes = sorted({each.bytes for each in saved if each.bytes})
    if not sizes:
        return f"{named} (size not recorded)"
    each = "" if len(saved) == 1 else " each"
    bytes_ = list(dict.fromkeys((size(sizes[0]), size(sizes[-1]))))
    return f"{named} ({' to '.join(bytes_)}{each})"


def _images(session: Session, run: RunFacts) -> str:
    request = session.request
    resize = request.resize if isinstance(request, TrainRequest) else None
    if resize:
        return f"resized to {dimensions(*resize)}, here and wherever it is loaded"
    recorded = session.training.started.recorded if session.training else None
    how = (recorded.resized if recorded else "") or PREPARED.get(run.policy, "")
    return ", ".join(filter(None, (run.images, how))) if run.images else NOT_RECORDED


def _cameras(run: RunFacts) -> str:
    used = NOT_RECORDED if run.cameras is None else ", ".join(run.cameras) or "none"
    only = f"{used} only" if run.left_out and len(run.cameras or ()) == 1 else used
    return f"{only}; left out: {CELLS['left out'](run)}" if run.left_out else only


def _episodes(run: RunFacts) -> str:
    shown = CELLS["episodes"](run)
    if shown == NOT_RECORDED:
        return shown
    return f"{shown} episodes" + (f", {run.frames:,} frames" if run.frames else "")


def _left_out(session: Session, training: Training) -> list[Fact]:
    return [
        fact(session, measured_only(group), "training.started.left_out", name="held out")
        if group.why is Why.HELD_OUT
        else fact(session, explained(group), "training.started.left_out", name="episodes left out")
        for group in training.started.left_out
    ]


def _set(session: Session) -> list[Fact]:
    request = session.request
    settings = request.settings if isinstance(request, TrainRequest) else ()
    return [fact(session, ", ".join(settings), "started.request.settings", name="set by hand")] if settings else []


def _versions(session: Session) -> list[Fact]:
    versions = [f"{name} {version}" for name, version in session.started.versions.items()]
    if commit := session.started.git_commit:
        versions.append(f"commit {commit}")
    shown = ", ".join(versions)
    return [fact(session, shown, "started.versions", "started.git_commit", name="versions")] if shown else []


def _saved(session: Session, training: Training) -> Iterator[Table]:
    """The checkpoints whose loss is known, where two are: one alone is the final loss, which stands above."""
    known = [n for n, each in enumerate(training.checkpoints) if each.loss is not None or each.eval_loss is not None]
    if len(known) < 2:
        return
    held_out = any(each.eval_loss is not None for each in training.checkpoints)
    head = [word("checkpoint"), word("loss"), *([word("held-out loss")] if held_out else [])]
    rows = []
    for at in known:
        each = training.checkpoints[at]
        path = f"training.checkpoints.{at}"
        losses = [each.loss, each.eval_loss] if held_out else [each.loss]
        shown = ["" if loss is None else figure(training, loss) for loss in losses]
        rows.append((fact(session, f"{each.step:,}", path), *(fact(session, text, path) for text in shown)))
    yield Table("loss at the checkpoints", tuple(head), tuple(rows))


# -- curves -------------------------------------------------------------------------------------------

DRAWN = ((Metric.LOSS, "loss", True), (Metric.LR, "learning rate", False), (Metric.GRAD_NORM, "gradient norm", True))
"""The metric, its name, and whether its axis is logarithmic."""


def _charts(session: Session, run: RunFacts, curves: Curves | None) -> tuple[Chart, ...]:
    """One for each metric of which two points at least are known."""
    if curves is None or len(curves) < 2:
        return ()
    made = []
    for metric, name, log in DRAWN:
        svg = charts.curve(curves.steps, curves.column(metric), name, log=log)
        if svg:
            named = f"{name} of {run.title} by step"
            made.append(Chart(named, svg, (Source(session.id, CURVES),)))
    return tuple(made)
