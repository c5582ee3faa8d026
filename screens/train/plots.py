"""The plots of a training, declared: the columns of each, how they are drawn, and their titles. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from screens.views.signs import signs
from screens.widgets.plot import Figure
from screens.widgets.plotting import Ink, Series
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
    `format_value` formats a value for the title.
    """

    id: str
    title: str
    traces: tuple[Trace, ...]
    x: Callable[[Curves], NDArray[np.int64]] = steps
    log: bool = True
    format_value: Callable[[float], str] = value


PLOTS = (
    PlotSpec("loss", "loss", (Trace("loss", Ink.RAW), Trace("smoothed", Ink.MEAN, beside="smoothed"))),
    PlotSpec("lr", "learning rate", (Trace("lr", Ink.LINE),)),
    PlotSpec("grad_norm", "gradient norm", (Trace("grad_norm", Ink.LINE),)),
)
"""In zoom order; the first is the largest, and the only one that a small terminal shows."""


def figure(curves: Curves | None, spec: PlotSpec, *, log: bool, placeholder: str) -> Figure:
    """What a plot shows; `placeholder` is shown while there is nothing to draw."""
    log = log and spec.log
    if curves is None:
        return Figure(placeholder=placeholder, log=log)
    from services.training.curves import Metric

    version, x = curves.version, spec.x(curves)
    columns = [(curves.column(Metric(trace.column)), trace.ink) for trace in spec.traces]
    count = min(len(x), *(len(column) for column, _ in columns))  # a reader may be appending
    series = tuple(Series(x[:count], column[:count], ink) for column, ink in columns)
    marks = tuple(float(mark.first) for mark in curves.marks(Metric(spec.traces[0].column)))
    return Figure(str(curves.path), version, series, marks, log, placeholder)


def title(curves: Curves | None, spec: PlotSpec, *, at: int | None, log: bool) -> Content:
    """`loss  0.0412 (smoothed 0.0447) at step 320`, and what could not be drawn. `at` is a point's index."""
    log = log and spec.log
    shown = spec.title + (" (log)" if log else "")
    reading = curves.reading(-1 if at is None else at) if curves is not None else None
    if curves is None or reading is None:
        return Content(shown)
    parts = [(f"{shown}  ", ""), *_values(spec, reading)]
    if at is not None:
        parts.append((f" at step {reading.step:,}", "bold $accent"))
    return Content.assemble(*parts, *_not_drawn(curves, spec, log=log))


def _values(spec: PlotSpec, reading: Reading) -> list[tuple[str, str]]:
    """The value of the first trace, then the labelled values of the others."""
    values = {metric.value: number for metric, number in reading.values.items()}
    own = spec.traces[0].column
    parts = [(spec.format_value(values[own]) if own in values else "not finite", "bold $foreground")]
    beside = [trace for trace in spec.traces if trace.beside and trace.column in values]
    return parts + [(f" ({trace.beside} {spec.format_value(values[trace.column])})", "") for trace in beside]


def _not_drawn(curves: Curves, spec: PlotSpec, *, log: bool) -> list[tuple[str, str]]:
    """The values that are not finite and, on a log axis, not positive."""
    from services.training.curves import Metric

    metric, warning = Metric(spec.traces[0].column), signs().warning
    marks, parts = curves.marks(metric), list[tuple[str, str]]()
    if marks:
        parts.append((f"  {warning} {mark_text(marks, int(curves.steps[-1]))}", "bold $error"))
    hidden = int((curves.column(metric) <= 0).sum()) if log else 0
    if hidden:
        parts.append((f"  {warning} {hidden} at 0 or less", "$warning"))
    return parts


def mark_text(marks: tuple[CurveMark, ...], newest: int) -> str:
    """`NaN since step 320`, `infinite at step 40 (+2 more)`."""
    last = marks[-1]
    if last.last == newest:
        where = f"since step {last.first:,}"
    elif last.count > 1:
        where = f"at steps {last.first:,} to {last.last:,}"
    else:
        where = f"at step {last.first:,}"
    return f"{last.what} {where}" + (f" (+{len(marks) - 1} more)" if len(marks) > 1 else "")


def moved(curves: Curves, at: int | None, by: int, columns: int) -> int | None:
    """The index of the point after moving the cursor `by` columns; None beyond the newest point."""
    count = len(curves)
    stride = max(1, count // max(1, columns))
    if at is None:
        return count - 1 if by < 0 and count else None
    to = at + by * stride
    return None if to >= count else max(0, to)
