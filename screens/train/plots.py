"""The plots of a training, declared: the columns of each, how they are drawn, and their titles. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from screens.train.axis import Axis
from screens.train.sight import RunLine, Sight
from screens.views import metric_names
from screens.views.run_rows import Reads, Sample
from screens.views.signs import signs
from screens.widgets.plot import Figure
from screens.widgets.plotting import HELD_OUTS, RUNS, STROKES, Ink, Series, sample
from services.units import value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.training.curves import CurveMark, Curves, Reading


def steps(curves: Curves) -> NDArray[np.int64]:
    """The x axis of most plots: the steps of the training."""
    return curves.steps


@dataclass(frozen=True)
class Trace:
    """One line: a column, by its name in services.training.curves.Metric, and the meaning of its colour.

    `beside` labels its newest value in the title, after the plot's own.
    """

    column: str
    ink: Ink
    beside: str = ""


@dataclass(frozen=True)
class PlotSpec:
    """One plot. Its title shows the value, marks and hidden points of the first trace.

    `x` gives the x values, increasing; `log` is whether the key for logarithmic axes affects this plot;
    `format_value` formats a value for the title; `short` is the title where there is little room.
    """

    id: str
    title: str
    traces: tuple[Trace, ...]
    x: Callable[[Curves], NDArray[np.int64]] = steps
    log: bool = True
    format_value: Callable[[float], str] = value
    short: str = ""
    held_out: bool = False
    """Whether the loss of the held-out episodes is drawn there, too."""

    @property
    def compared(self) -> Trace:
        """The trace that is drawn of each of several runs: the smoothed one, if there is one."""
        return next((trace for trace in self.traces if trace.ink is Ink.MEAN), self.traces[0])

    @property
    def smoothed(self) -> bool:
        """Whether smoothing affects it."""
        return any(trace.ink is Ink.MEAN for trace in self.traces)


PLOTS = (
    PlotSpec("loss", "loss", (Trace("loss", Ink.RAW), Trace("smoothed", Ink.MEAN, beside="smoothed")), held_out=True),
    PlotSpec("lr", "learning rate", (Trace("lr", Ink.LINE),), short="lr"),
    PlotSpec("grad_norm", "gradient norm", (Trace("grad_norm", Ink.LINE),), short="grad norm"),
)
"""In zoom order; the first is the largest, and the only one that a small terminal shows."""
ABOUT = "~"
"""Stands before the name of a run whose hours follow from its mean time of a step."""
MORE = "more"
"""The id of the plot of a further metric."""
COLUMNS = ("update_s", "dataloading_s", "samples_per_s", "gpu_mem_gb")
"""LeRobot's metrics that are not drawn anyway."""
MANY = 1_000
"""Steps of a run from which on a few points are too few to be smoothed, as those of an imported one."""
MOST_BREAKS = 3
"""Interruptions that a plot names, the last ones."""


def further(metric: str) -> PlotSpec:
    """The plot of a further metric, as the policy or the console logged it."""
    name = metric_names.title(metric)
    return PlotSpec(
        MORE, name, (Trace(metric, Ink.LINE),), format_value=partial(metric_names.shown, metric), short=name
    )


def ids() -> tuple[str, ...]:
    """The ids of all plots that there may be, in zoom order."""
    return (*(spec.id for spec in PLOTS), MORE)


def drawn(sight: Sight) -> tuple[PlotSpec, ...]:
    """The plots, in zoom order."""
    return (*PLOTS, further(sight.more)) if sight.more else PLOTS


def figure(lines: Sequence[RunLine], spec: PlotSpec, sight: Sight, *, placeholder: str = "") -> Figure:
    """What a plot shows; `placeholder` is shown while there is nothing to draw.

    Of one run every trace is drawn, of several the smoothed one of each, and the marks of the first.
    """
    log = sight.log and spec.log
    if not lines:
        return Figure(placeholder=placeholder, log=log, x_name=sight.axis.value)
    version = tuple(line.curves.version for line in lines)
    logged = [line for line in lines if _logged(line.curves, spec.compared.column)]
    if not logged and any(len(line.curves) for line in lines):
        return Figure(placeholder=f"no {spec.title} was logged", log=log, x_name=sight.axis.value)
    traces = [(lines[0], trace.column, trace.ink) for trace in spec.traces]
    if len(lines) > 1:
        traces = [(line, spec.compared.column, ink) for line, ink in zip(lines, RUNS, strict=False)]
    series = tuple(_series(line, spec, column, ink) for line, column, ink in reversed(traces))
    series = series[::-1] if len(lines) == 1 else series  # the run that is shown lies above the others
    if spec.held_out:
        inks = HELD_OUTS if len(lines) > 1 else (Ink.HELD_OUT,)
        measured = (_measured(line, ink) for line, ink in zip(lines, inks, strict=False))
        series = (*series, *(each for each in measured if each is not None))
    first = lines[0]
    marks = tuple(first.place(float(mark.first)) for mark in first.curves.marks(spec.traces[0].column))
    source = tuple(str(line.curves.path) for line in lines)
    return Figure(source, version, series, marks, log, placeholder, sight.window, sight.axis.value)


def _measured(line: RunLine, ink: Ink) -> Series | None:
    """The loss of the held-out episodes, where it was measured; None without any."""
    import numpy as np

    at, losses = line.curves.held_out
    if not len(at):
        return None
    return Series(np.array([line.place(float(step)) for step in at]), losses, ink)


def _logged(curves: Curves, column: str) -> bool:
    """Whether there is a value, or one that cannot be drawn; an imported run may tell none."""
    import numpy as np

    metric = _metric(column)
    return bool(curves.marks(metric)) or bool(np.isfinite(curves.column(metric)).any())


def logged_by(lines: Sequence[RunLine]) -> set[str]:
    """The metrics of which one of these runs has a value."""
    names = {name for line in lines for name in (*COLUMNS, *line.curves.more)}
    return {name for name in names if any(_logged(line.curves, name) for line in lines)}


def _metric(column: str) -> str:
    """The metric that was logged; the smoothed loss is computed from the loss."""
    return "loss" if column == "smoothed" else column


def _series(line: RunLine, spec: PlotSpec, column: str, ink: Ink) -> Series:
    x, y = line.x if spec.x is steps else spec.x(line.curves), line.curves.column(column)
    count = min(len(x), len(y))  # a reader may be appending
    return Series(x[:count], y[:count], ink)


def samples(lines: Sequence[RunLine]) -> dict[str, Sample]:
    """How the line of each run looks, by its id; empty unless there are several."""
    unicode = signs().unicode
    if len(lines) < 2:
        return {}
    drawn = zip(lines, RUNS, strict=False)
    return {line.id: Sample(sample(ink, unicode=unicode), STROKES[ink].style) for line, ink in drawn}


def reads(lines: Sequence[RunLine], specs: Sequence[PlotSpec], cursor: float | None) -> list[Reads]:
    """What each run reads at the cursor, or at its newest point; `-` beyond a run's ends."""
    looks, held_out = samples(lines), any(has_held_out(line) for line in lines)
    return [_reads(line, specs, cursor, looks[line.id], held_out) for line in lines if line.id in looks]


def read_titles(lines: Sequence[RunLine], specs: Sequence[PlotSpec]) -> list[str]:
    """What the values of `reads` are called."""
    return [*(spec.title for spec in specs), *(["held out"] if any(has_held_out(line) for line in lines) else [])]


def _reads(line: RunLine, specs: Sequence[PlotSpec], cursor: float | None, look: Sample, held_out: bool) -> Reads:
    curves = line.curves
    at = len(curves) - 1 if cursor is None else line.index_at(cursor)
    reading = curves.reading(at) if at is not None else None
    if reading is not None and cursor is not None and _beyond(line, cursor):
        reading = None
    name = f"{ABOUT * line.by_mean}{line.name}"
    if reading is None:
        return Reads(name, look, None, ("-",) * (len(specs) + held_out))
    values = {spec: reading.values.get(spec.compared.column) for spec in specs}
    formatted = (
        spec.format_value(each) if each is not None else _why_none(curves, spec.compared.column, reading.step)
        for spec, each in values.items()
    )
    measured = curves.held_out_at(reading.step)
    last = [value(measured) if measured is not None else "-"] if held_out else []
    return Reads(name, look, reading.step, (*formatted, *last))


def _why_none(curves: Curves, column: str, step: int) -> str:
    """Why a column has no value at this point: it is NaN or infinite, or the run does not tell it there."""
    odd = any(mark.first <= step <= mark.last for mark in curves.marks(_metric(column)))
    return "not finite" if odd else "not logged"


def _beyond(line: RunLine, cursor: float) -> bool:
    """Whether the cursor is after the run's last point, or before its first."""
    x = line.x
    return bool(cursor > x[-1] + line.interval / 2 or cursor < x[0] - line.interval / 2)


def title(line: RunLine | None, spec: PlotSpec, sight: Sight, *, width: int = 0, several: bool = False) -> Content:
    """`loss  0.0412 (smoothed 0.0447) at step 320`, and what could not be drawn; of several runs no values.

    In `width` cells (0: any number) it is worded shorter.
    """
    whole_title = _title(line, spec, sight, several=several, short=False)
    if not width or whole_title.cell_length <= width:
        return whole_title
    return _title(line, spec, sight, several=several, short=True)


def _title(line: RunLine | None, spec: PlotSpec, sight: Sight, *, several: bool, short: bool) -> Content:
    log = sight.log and spec.log
    shown = (spec.short or spec.title) if short else spec.title
    shown += (", smoothed" if several and spec.smoothed else "") + (" (log)" if log else "")
    curves = line.curves if line is not None else None
    at = None if sight.cursor is None or line is None else line.index_at(sight.cursor)
    reading = curves.reading(-1 if at is None else at) if curves is not None else None
    if curves is None or reading is None:
        return Content(shown)
    values = [] if several else _values(curves, spec, reading, short=short)
    parts = [(f"{shown}  " if values or not short else shown, ""), *values]
    if at is not None and not several:
        parts.append((f" at {reading.step:,}" if short else f" at step {reading.step:,}", "bold $accent"))
    return Content.assemble(*parts, *_not_drawn(curves, spec, log=log, short=short))


def subtitle(lines: Sequence[RunLine], spec: PlotSpec, sight: Sight) -> Content:
    """`smoothed over 500 steps · the last 2,000 steps`: what was done to what is drawn."""
    curves = lines[0].curves if lines else None
    few = curves is not None and len(curves) > 1 and curves.smoothed_over > float(curves.steps[-1]) > MANY
    smoothed = curves is not None and spec.smoothed and len(curves) > 1 and not few
    parts = [f"smoothed over {_round(curves.smoothed_over):,} steps"] if curves is not None and smoothed else []
    if spec.held_out and len(lines) > 1 and any(has_held_out(line) for line in lines):
        parts.append("dotted: held out" if signs().unicode else "digits: held out")
    if sight.axis is not Axis.STEP:
        parts.append(f"by {sight.axis.value}")
    if curves is not None and curves.resumed:
        at = [f"{cut.step:,}" for cut in curves.resumed]
        parts.append(f"{'╎' if signs().unicode else '!'} resumed at {', '.join(at[-MOST_BREAKS:])}")
    if any(line.by_mean for line in lines):
        parts.append(f"{ABOUT if len(lines) > 1 else 'times'} by the mean step time")
    name = "steps" if sight.axis is Axis.STEP else sight.axis.value
    digits = 2 if sight.axis in (Axis.HOURS, Axis.EPOCHS) else 0
    if sight.last is not None:
        parts.append(f"the last {sight.last:,.{digits}f} {name}")
    elif sight.window is not None:
        parts.append(f"{name} {sight.window[0]:,.{digits}f} to {sight.window[1]:,.{digits}f}")
    return Content.styled(f" {signs().dot} ".join(parts), "$quiet")


def has_held_out(line: RunLine) -> bool:
    """Whether its held-out loss was measured."""
    return len(line.curves.held_out[0]) > 0


def _round(number: float) -> int:
    """The number at two digits: a mean over 499 or 502 steps is one over 500."""
    return max(1, int(float(f"{number:.2g}")))


def _values(curves: Curves, spec: PlotSpec, reading: Reading, *, short: bool) -> list[tuple[str, str]]:
    """The value of the first trace, then the labelled values of the others."""
    values = reading.values
    own = spec.traces[0].column
    if own not in values and not _logged(curves, own):
        return [("" if short else "not logged", "$quiet")]
    shown = spec.format_value(values[own]) if own in values else _why_none(curves, own, reading.step)
    parts = [(shown, "bold $foreground")]
    if short and own not in values:  # a mark says it as well
        parts = []
    beside = [trace for trace in spec.traces if trace.beside and trace.column in values]
    parts += [(f" ({trace.beside} {spec.format_value(values[trace.column])})", "") for trace in beside]
    measured = curves.held_out_at(reading.step) if spec.held_out else None
    if measured is None:
        return parts
    look = sample(Ink.HELD_OUT, unicode=signs().unicode)[:2]
    return [*parts, (f" {look} held out {spec.format_value(measured)}", STROKES[Ink.HELD_OUT].style)]


def _not_drawn(curves: Curves, spec: PlotSpec, *, log: bool, short: bool) -> list[tuple[str, str]]:
    """The values that are not finite and, on a log axis, not positive."""
    metric, warning = spec.traces[0].column, signs().warning
    marks, parts = curves.marks(metric), list[tuple[str, str]]()
    gap = " " if short else "  "
    if marks:
        words = mark_text(marks, int(curves.steps[-1]), step="" if short else "step ")
        parts.append((f"{gap}{warning} {words}", "bold $error"))
    hidden = int((curves.column(metric) <= 0).sum()) if log else 0
    if hidden:
        parts.append((f"{gap}{warning} {hidden} {'<= 0' if short else 'at 0 or less'}", "$warning"))
    return parts


def mark_text(marks: tuple[CurveMark, ...], newest: int, step: str = "step ") -> str:
    """`NaN since step 320`, `infinite at step 40 (+2 more)`."""
    last = marks[-1]
    if last.last == newest:
        where = f"since {step}{last.first:,}"
    elif last.count > 1:
        where = f"at {step and 'steps '}{last.first:,} to {last.last:,}"
    else:
        where = f"at {step}{last.first:,}"
    return f"{last.what} {where}" + (f" (+{len(marks) - 1} more)" if len(marks) > 1 else "")
