"""What the curves are drawn over: steps, samples, epochs or hours, each run by what is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from services.live.events import SessionEnded
from sessions.document import Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.training.curves import Curves

HOUR_S = 3600.0


class Axis(StrEnum):
    """The x axis; its value is the axis's name."""

    STEP = "step"
    SAMPLES = "samples"
    EPOCHS = "epochs"
    HOURS = "hours"

    @property
    def next(self) -> Axis:
        """The one that the key leads to."""
        every = list(Axis)
        return every[(every.index(self) + 1) % len(every)]


@dataclass(frozen=True)
class Scale:
    """What leads from a run's steps to samples, epochs and hours; 0: not known.

    `frames` are those of its data, an epoch. `began` is the Unix time of its first step. `pace_s` are seconds of a
    step, on the whole run's average: for one whose points have no times. `pauses` are the Unix times at which it went
    on, each after so many seconds.
    """

    batch: int = 0
    frames: int = 0
    began: float = 0.0
    pace_s: float = 0.0
    pauses: tuple[tuple[float, float], ...] = ()


def scale(training: Training | None, ended: SessionEnded | None) -> Scale:
    """The scale of a run, as far as it is known."""
    if training is None:
        return Scale()
    took = ended.took_s if ended is not None else 0.0
    pace = took / training.step if training.step else 0.0
    started, pauses = training.started, tuple((part.at, part.pause) for part in training.resumed)
    return Scale(started.samples_per_step, started.frames, started.at, pace, pauses)


def positions(curves: Curves, axis: Axis, by: Scale) -> NDArray[np.float64] | None:
    """Where each point lies on the axis, never decreasing; None if that is not known of this run."""
    import numpy as np

    from services.training.curves import Metric

    steps = curves.steps.astype(np.float64)
    match axis:
        case Axis.STEP:
            return steps
        case Axis.SAMPLES:
            seen = _counted(curves, Metric.SAMPLES)
            return steps * by.batch if seen is None and by.batch else seen
        case Axis.EPOCHS:
            seen = _counted(curves, Metric.EPOCHS)
            return steps * by.batch / by.frames if seen is None and by.batch and by.frames else seen
        case Axis.HOURS:
            if timed(curves, by):
                times = curves.times[: len(steps)]
                trained = times - by.began - sum(pause * (times >= at) for at, pause in by.pauses)
                return np.maximum.accumulate(np.maximum(0.0, trained)) / HOUR_S
            return steps * by.pace_s / HOUR_S if by.pace_s else None


def timed(curves: Curves, by: Scale) -> bool:
    """Whether every point has a time; else hours follow from the mean time of a step."""
    times = curves.times
    return bool(len(times) and (times > 0).all() and by.began)


def _counted(curves: Curves, metric: str) -> NDArray[np.float64] | None:
    """A count that every point has and that increases; else None."""
    import numpy as np

    seen = curves.column(metric)[: len(curves.steps)]
    whole = len(seen) and np.isfinite(seen).all() and (np.diff(seen) > 0).all() and seen[0] > 0
    return seen if whole else None


def place(curves: Curves, x: NDArray[np.float64], step: float) -> float:
    """Where a step lies on the axis, between or beyond the points at `x`."""
    import numpy as np

    steps = curves.steps[: len(x)]
    if not len(steps):
        return step
    if step > steps[-1] and steps[-1] > 0:
        return float(x[-1]) * step / float(steps[-1])
    return float(np.interp(step, np.concatenate(([0], steps)), np.concatenate(([0.0], x))))
