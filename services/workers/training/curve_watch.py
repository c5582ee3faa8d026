"""Alarms about a training's curves: a loss that jumps, a gradient that explodes, compared with the points before.

NaN and infinity are `Progress`'s: they are no matter of degree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from services.live import events as ev
from services.live.reasons import AlarmSource

WINDOW, LEAST = 20, 10
"""Log points that a new one is compared with, and how many there must be."""
SPREADS = 8.0
"""Median absolute deviations, scaled to a standard deviation, that a point must lie above the median as well."""
SCALE = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation, inverted."""


@dataclass
class Watched:
    """A metric, how many times its median raises the alarm, what the alarm says and what to do."""

    metric: str
    factor: float
    source: AlarmSource
    text: str
    answer: str
    points: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    since: int = 0
    high: int = 0

    def look(self, step: int, value: float) -> ev.AlarmRaised | ev.AlarmCleared | None:
        """An alarm if `value` is far above the points before, its end once a value is near them again.

        A level that lasts for WINDOW points is the new one.
        """
        usual = median(self.points) if len(self.points) >= LEAST else None
        if usual is None or not self._is_high(value, usual):
            self.points.append(value)
            return self._over()
        self.high += 1
        if self.high >= WINDOW:
            self.points.clear()
            return self._over()
        if self.since:
            return None
        self.since = step
        text = self.text.format(value=f"{value:.3g}", usual=f"{usual:.3g}", step=f"{step:,}")
        return ev.AlarmRaised(source=self.source, text=text, answer=self.answer)

    def _is_high(self, value: float, usual: float) -> bool:
        spread = SCALE * median(abs(point - usual) for point in self.points)
        return value - usual > max((self.factor - 1) * abs(usual), SPREADS * spread)

    def _over(self) -> ev.AlarmCleared | None:
        stood, self.since, self.high = self.since, 0, 0
        return ev.AlarmCleared(source=self.source) if stood else None


class CurveWatch:
    """Looks at every log point of a training."""

    def __init__(self) -> None:
        self._watched = (
            Watched(
                "loss", 2.0, AlarmSource.SPIKE, "the loss jumped to {value} at step {step}; it was {usual}",
                "if it stays, stop and train with a lower learning rate; a checkpoint from before is whole",
            ),
            Watched(
                "grad_norm", 10.0, AlarmSource.GRADIENT,
                "the gradient norm jumped to {value} at step {step}; it was {usual}",
                "if the loss follows, stop and train with a lower learning rate or stronger gradient clipping",
            ),
        )  # fmt: skip

    def look(self, step: int, metrics: Mapping[str, float]) -> Iterator[ev.AlarmRaised | ev.AlarmCleared]:
        """What changes with this point; `metrics` are its finite values."""
        for watched in self._watched:
            value = metrics.get(watched.metric)
            if value is not None and (change := watched.look(step, value)) is not None:
                yield change
