"""The three plots of a training: which series each shows, and what stands over it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from screens.views.signs import signs
from screens.widgets.plot import Figure
from screens.widgets.plotting import Ink, Series
from services.units import value

if TYPE_CHECKING:
    from services.training.curves import Curves, Mark

PLOTS = ("loss", "lr", "grad_norm")
"""In the order in which they are zoomed."""
TITLES = {"loss": "loss", "lr": "learning rate", "grad_norm": "gradient norm"}


def figure(curves: Curves | None, name: str, *, log: bool, says: str) -> Figure:
    """What the plot of metric `name` shows; `says` stands there while it shows nothing."""
    if curves is None:
        return Figure(says=says, log=log)
    from services.training.curves import Metric

    metric = Metric(name)
    version, steps = curves.version, curves.steps
    lines = [(Metric.LOSS, Ink.RAW), (Metric.SMOOTHED, Ink.MEAN)] if metric is Metric.LOSS else [(metric, Ink.LINE)]
    columns = [(curves.column(line), ink) for line, ink in lines]
    count = min(len(steps), *(len(column) for column, _ in columns))  # a reader may be at work
    series = tuple(Series(steps[:count], column[:count], ink) for column, ink in columns)
    marks = tuple(float(mark.first) for mark in curves.marks(metric))
    return Figure(str(curves.path), version, series, marks, log, says)


def title(curves: Curves | None, name: str, *, at: int | None, log: bool) -> Content:
    """`loss  0.0412 (smoothed 0.0447) at step 320`, and what could not be drawn. `at` is a point's index."""
    shown = TITLES[name] + (" (log)" if log else "")
    reading = curves.reading(-1 if at is None else at) if curves is not None else None
    if curves is None or reading is None:
        return Content(shown)
    from services.training.curves import Metric

    metric = Metric(name)
    now = value(reading.values[metric]) if metric in reading.values else "not finite"
    parts: list[tuple[str, str]] = [(f"{shown}  ", ""), (now, "bold $foreground")]
    if metric is Metric.LOSS and Metric.SMOOTHED in reading.values:
        parts.append((f" (smoothed {value(reading.values[Metric.SMOOTHED])})", ""))
    if at is not None:
        parts.append((f" at step {reading.step:,}", "bold $accent"))
    if marks := curves.marks(metric):
        parts.append((f"  {signs().warning} {mark_words(marks, int(curves.steps[-1]))}", "bold $error"))
    hidden = int((curves.column(metric) <= 0).sum()) if log else 0
    if hidden:
        parts.append((f"  {signs().warning} {hidden} at 0 or less", "$warning"))
    return Content.assemble(*parts)


def mark_words(marks: tuple[Mark, ...], newest: int) -> str:
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
    """The point that the cursor reads after a step of one column; None past the newest one."""
    count = len(curves)
    stride = max(1, count // max(1, columns))
    if at is None:
        return count - 1 if by < 0 and count else None
    to = at + by * stride
    return None if to >= count else max(0, to)
