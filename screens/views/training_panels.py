"""The panels of Train: speed, checkpoints, data. Pure: from a shown run to Content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from screens.views import measured
from screens.views.columns import NARROW_FIRST, Align, Column, Parts, Table
from screens.views.measured import Part
from screens.views.shown_run import ShownRun
from screens.views.signs import clean, signs
from screens.views.training import moment
from services.live.events import CheckpointSaved
from services.log.rows.recorded_rows import step_seconds
from services.training import bottleneck as bottlenecks
from services.units import duration, plural, size, value
from sessions.document import Training
from sessions.left_out import ABOUT_BEST, Why, explained, measured_only

BOTTLENECK_ROWS = 4
"""Rows of the panel for what a step waits for; the update needs one."""


def speed(run: ShownRun, width: int) -> list[Content]:
    """Duration of a step and its parts, throughput, and the hardware."""
    training = run.snapshot.training
    if training is None:
        return [Content.styled("known after the first steps", "$quiet")]
    started, metrics, dot = training.started, training.metrics, f" {signs().dot} "
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    rows = [Content.styled("known after the first log point", "$quiet")] if run.live else []
    if update is not None and data is not None and update + data > 0:
        share = data / (update + data)
        parts = [("step", f"{_seconds(update + data)} s"), ("update", f"{_seconds(update)} s")]
        rows = _facts([*parts, ("loading data", f"{share:.0%}".replace("%", f" %{dot}{_seconds(data)} s"))], width)
        rows += _bottleneck(training, width)
    elif known := step_seconds(training):
        rows = _facts([("step", known)], width)
    more = [("throughput", f"{metrics['samples_per_s']:.3g} samples/s")] if "samples_per_s" in metrics else []
    more += [("GPU memory", f"{metrics['gpu_mem_gb']:.3g} GB")] if "gpu_mem_gb" in metrics else []
    together = f" {signs().dot} {started.batch_size:,} in each of {started.processes}" if started.processes > 1 else ""
    more += [("batch", f"{started.samples_per_step:,} samples{together}")] if started.batch_size else []
    more += [("device", clean(started.device, 20))] if started.device else []
    load = machine_facts(training) if run.live else []
    return [*rows, *_facts([*more, *load], width)]


def _bottleneck(training: Training, width: int) -> list[Content]:
    """What a step is mostly spent on and what would make it shorter; a warning unless that is the update."""
    cameras = len(training.started.cameras)
    cost = bottlenecks.step_cost(training.metrics, training.started.config, cores=_cores(training), cameras=cameras)
    if cost is None:
        return []
    found = bottlenecks.bottleneck(cost)
    update = found.cause is bottlenecks.Cause.UPDATE
    parts = [Part(bottlenecks.short(found) if update else f"{signs().warning} {bottlenecks.short(found)}")]
    tries = bottlenecks.tries(found)
    parts += [Part(f"try {text}", 1) for text in tries[:1]]
    parts += [Part(found.because, 2), *(Part(f"or {text}", 3) for text in tries[1:2])]
    lines = measured.rows(parts, width, 1 if update else BOTTLENECK_ROWS)
    style = "$quiet" if update else "$warning"
    return [line.pad_right(max(0, width - line.cell_length)).stylize(style) for line in lines]


def _cores(training: Training) -> int:
    return training.started.hardware.cores if training.started.hardware else 0


def machine_facts(training: Training) -> list[tuple[str, str]]:
    """What the machine that trains is busy with: name and value, the GPU first; empty if it did not say."""
    load = training.progress.machine if training.progress else None
    if load is None:
        return []
    dot, cores = f" {signs().dot} ", _cores(training)
    gpu = [f"{100 * load.gpu:.0f} %"] if load.gpu is not None else []
    gpu += [f"{load.gpu_celsius:.0f} {signs().degree}C"] if load.gpu_celsius is not None else []
    gpu += [f"{load.gpu_watts:.0f} W"] if load.gpu_watts is not None else []
    facts = [("GPU", dot.join(gpu))] if gpu else []
    if load.gpu_memory_used is not None and load.gpu_memory:
        facts += [("GPU memory in use", f"{size(load.gpu_memory_used)} of {size(load.gpu_memory)}")]
    facts += [("CPU", f"{100 * load.cpu:.0f} %" + (f" of {plural(cores, 'core')}" if cores else ""))]
    facts += [("memory", f"{size(load.memory_used)} of {size(load.memory)}")]
    return facts + ([("disk", f"{size(load.disk_free)} free")] if load.disk_free is not None else [])


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.3f}"


def _count(parameters: int) -> str:
    for unit, factor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= factor:
            return f"{parameters / factor:.3g} {unit}"
    return str(parameters)


def checkpoint_table(
    saved: Sequence[CheckpointSaved], width: int, now: float, best: CheckpointSaved | None = None
) -> Table[CheckpointSaved]:
    """Step, loss, size, when it was saved, and how long saving took, in `width` cells.

    Where episodes were held out also their loss; `best` is the checkpoint with the lowest.
    """

    def held_out(one: CheckpointSaved) -> Parts:
        if one.eval_loss is None:
            return []
        if best is None or one.step != best.step:
            return [(value(one.eval_loss), "")]
        return [(f"{signs().yes} best ", "bold $success"), (value(one.eval_loss), "bold")]

    measured = Column[CheckpointSaved]("held out", held_out, align=Align.RIGHT)
    at = Column[CheckpointSaved]("saved", lambda one: [(moment(one.at, now), "$quiet")], rank=3, align=Align.RIGHT)
    return Table([_CHECKPOINT[0], measured, *_CHECKPOINT[1:], at, _TOOK], saved, width, extra=NARROW_FIRST)


def _loss(one: CheckpointSaved) -> Parts:
    return [(value(one.loss), "")] if one.loss is not None else []


def _took(one: CheckpointSaved) -> Parts:
    return [(f"{one.seconds:.1f} s", "$quiet")] if one.seconds else []


_CHECKPOINT = (
    Column[CheckpointSaved]("step", lambda one: [(f"{one.step:,}", "bold")], align=Align.RIGHT),
    Column[CheckpointSaved]("loss", _loss, rank=1, align=Align.RIGHT),
    Column[CheckpointSaved](
        "size", lambda one: [(size(one.bytes) if one.bytes else "", "")], rank=2, align=Align.RIGHT
    ),
)
_TOOK = Column[CheckpointSaved]("took", _took, rank=4, align=Align.RIGHT)


def data(run: ShownRun, width: int, now: float) -> list[Content]:
    """The dataset of the training, what was left out, and its times."""
    snapshot, asked, training, dot = run.snapshot, run.asked, run.snapshot.training, f" {signs().dot} "
    dataset = snapshot.started.dataset if snapshot.started else asked.dataset if asked else ""
    if not dataset and training is not None:
        found = training.started.config.get("dataset")
        dataset = str(found.get("repo_id", "")) if isinstance(found, dict) else ""
    rows = _facts([("dataset", clean(dataset, 60))], width, "bold") if dataset else []
    if training is None:
        left_out = asked.exclude_cameras if asked else ()
        return [*rows, *_excluded(left_out, width), *_times(run, width, now)]
    started = training.started
    used, total = len(started.episodes), started.episodes_total
    if total:
        rows += _facts([("episodes", f"{used} of {total}{dot}{started.frames:,} frames")], width)
    rows += _left_out(run, width)
    rows += [Content.styled(clean(note), "$warning") for note in started.notes]
    cameras = ", ".join(clean(camera, 30) for camera in started.cameras)
    if not run.foreign:
        rows += _facts([("looks at", cameras or "no camera")], width)
    rows += _excluded(started.excluded_cameras, width, decoded=started.left_out_decoded)
    size_of = f"{_count(started.parameters)} parameters" if started.parameters else ""
    policy = dot.join(filter(None, [clean(started.policy, 60), size_of]))
    rows += _facts([("policy", policy)], width) if policy else []
    return [*rows, *_times(run, width, now)]


SHOWN_RANGES = 6
"""Ranges of episodes that are named in the panel; the Log's page names all."""


def _left_out(run: ShownRun, width: int) -> list[Content]:
    """The episodes that are not learnt from, a line for each reason; older files only say how many."""
    training = run.snapshot.training
    if training is None:
        return []
    started = training.started
    gone = started.episodes_total - len(started.episodes)
    if not started.left_out:
        return _facts([("left out", f"{gone}: rejected or held out")], width, "$warning") if gone > 0 else []
    lines = []
    for group in started.left_out:
        if group.why is Why.HELD_OUT:
            lines += _facts([("held out", measured_only(group, SHOWN_RANGES))], width)
            lines += Content.styled(ABOUT_BEST, "$quiet").wrap(max(8, width))
        else:
            lines += _facts([("left out", clean(explained(group, SHOWN_RANGES), 200))], width, "$warning")
    return lines


def _excluded(cameras: tuple[str, ...], width: int, *, decoded: bool | None = None) -> list[Content]:
    """The cameras that are left out, and whether that saves the time to decode them."""
    how = {True: ", still decoded", False: ", not decoded", None: ""}[decoded]
    return (
        _facts([("without", f"{', '.join(clean(c, 30) for c in cameras)}{how}")], width, "$warning") if cameras else []
    )


def _times(run: ShownRun, width: int, now: float) -> list[Content]:
    """When it began, and of one that is over when it ended."""
    snapshot = run.snapshot
    if run.watched is not None and snapshot.training is not None:
        points = (snapshot.training.started.at, snapshot.training.progressed_at)
        names = ("first point", "last point")
        return _facts([(name, moment(at, now)) for name, at in zip(names, points, strict=True) if at], width)
    if run.foreign and snapshot.training is not None:
        last = snapshot.training.progressed_at
        return _facts([("last saved", moment(last, now))], width)
    if snapshot.started is None:
        return []
    began, over = moment(snapshot.started.at, now), moment(snapshot.ended_at, now)
    if snapshot.started.imported:
        from services.log.headline import NOT_RECORDED

        return _facts(
            [("imported from", clean(Path(snapshot.started.imported).name, 60)), ("began", began or NOT_RECORDED)],
            width,
        )
    paused = snapshot.training.paused_s if snapshot.training else 0.0
    facts = [("ran", f"{began} to {over}") if over else ("began", began)]
    return _facts([*facts, *([("paused in between", duration(paused))] if paused else [])], width)


def _facts(pairs: Sequence[tuple[str, str]], width: int, style: str = "") -> list[Content]:
    """Lines of a name at the left and its value at the right edge of `width` cells; a long value wraps below."""
    lines = []
    for name, text in pairs:
        room = width - cell_len(name) - 1
        if cell_len(text) <= room:
            blank = " " * (width - cell_len(name) - cell_len(text))
            lines.append(Content.assemble((name, "$quiet"), (blank, ""), (text, style)))
        else:
            lines.append(Content.styled(name, "$quiet"))
            lines += [
                Content.assemble((" " * max(0, width - part.cell_length), ""), part.stylize(style) if style else part)
                for part in Content(text).wrap(max(8, width))
            ]
    return lines
