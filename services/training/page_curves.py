"""What a training's run folder adds to its page: small curves, and the energy that its GPU took, if it was measured."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.folders import RunFolder
from services.live.event_log import read_events
from services.log.sections import Curve, Row, Section, quiet, section, text
from services.training.curves import Curves, Metric
from services.units import value
from sessions.facts import TrainingProgressed

NAME = "curves"
COLUMNS = 60
"""Points of a curve on a page."""
HEIGHT = 4
"""Lines of the loss; the other curves have one."""
LONGEST_GAP_S = 120.0
"""Between two measurements of the power: over a longer one nothing is known."""
FEWEST = 3
"""Points of a curve, at least."""


def curve_section(run: RunFolder) -> Section:
    """The curves of the training in this run folder. Reads disk, in a thread; empty where there is nothing to read."""
    rows = [*_curves(run), *_energy(run)]
    return section(NAME, rows)


def _curves(run: RunFolder) -> Iterable[Row]:
    try:
        curves = Curves(run.metrics)
        curves.read()
    except (OSError, ValueError):
        return
    steps = np.asarray(curves.steps, dtype=np.float64)
    yield from _row("loss curve", steps, curves.column(Metric.LOSS), log=True, height=HEIGHT)
    held_steps, held = curves.held_out
    yield from _row("held out", np.asarray(held_steps, dtype=np.float64), held, log=True)
    yield from _row("learn. rate", steps, curves.column(Metric.LR))
    yield from _row("grad. norm", steps, curves.column(Metric.GRAD_NORM), log=True)


def _row(
    name: str, steps: NDArray[np.float64], values: NDArray[np.float64], *, log: bool = False, height: int = 1
) -> Iterable[Row]:
    """One curve, with its first, least and last value; none of fewer than three points that can be drawn."""
    drawable = np.isfinite(values) & ((values > 0) | (not log))
    steps, values = steps[drawable], values[drawable]
    if len(values) < FEWEST:
        return
    least = int(np.argmin(values))
    words = text(f"{value(float(values[0]))} to {value(float(values[-1]))}", strong=height > 1)
    varies = values.min() < values.max()
    lowest = quiet(f"least {value(float(values[least]))} at step {int(steps[least]):,}" if varies else "")
    scale = quiet("log scale" if log else "")
    kept = tuple(each for each in (words, lowest, scale) if each.text)
    yield Row(name, kept, curve=Curve(_points(steps, np.log(values) if log else values), height))


def _points(steps: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, ...]:
    """The mean of each of at most COLUMNS equal parts of the steps, scaled to 0..1; a part without a point has -1."""
    first, last = steps[0], steps[-1]
    parts = min(COLUMNS, len(values))
    places = np.minimum(((steps - first) / max(last - first, 1e-9) * parts).astype(int), parts - 1)
    counts = np.bincount(places, minlength=parts)
    means = np.bincount(places, values, minlength=parts) / np.maximum(counts, 1)
    low, high = means[counts > 0].min(), means[counts > 0].max()
    scaled = (means - low) / (high - low) if high > low else np.full(parts, 0.5)
    return tuple(round(float(each), 3) if count else -1.0 for each, count in zip(scaled, counts, strict=True))


def _energy(run: RunFolder) -> Iterable[Row]:
    """What the GPU took, from its power at each durable progress; nothing where that was not measured."""
    try:
        events = [event for event in read_events(run.events) if isinstance(event, TrainingProgressed)]
    except (OSError, ValueError):
        return
    measured = [
        (e.at, e.machine.gpu_watts) for e in events if e.machine is not None and e.machine.gpu_watts is not None
    ]
    parts = [
        (now - before, (watts + power) / 2)
        for (before, watts), (now, power) in pairwise(measured)
        if 0 < now - before <= LONGEST_GAP_S
    ]
    if not parts:
        return
    hours = sum(seconds for seconds, _ in parts) / 3600
    energy = sum(seconds * watts for seconds, watts in parts) / 3.6e6
    over = quiet(f"the GPU alone, measured over {hours:.1f} h") if hours >= 0.05 else quiet("the GPU alone")
    yield Row("energy", (text(f"{value(energy)} kWh"), over))
