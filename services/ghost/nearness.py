"""What an operator is told of the number while the scene is set: its noise taken off, its best so far, and the trend.

Pure: readings with their times in, what is shown out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from statistics import median

MATCHED = 2.5
"""At or below it the scene counts as set. What a recorded video loses makes 1 to 2 of an unchanged scene; a cube of
25 mm that lies 5 mm off on the simulated bench makes 3 to 6 of such a video (2 to 6 of a picture without loss)."""
TREND_S = 1.0
"""The trend is what changed within this time."""
_SMOOTHED = 3
"""Readings whose median is shown: one in which a hand passes does not count."""
_PAIRS = 25
"""Pairs of frames in a row by which the noise is judged."""
_STEADY, _STEADY_LEAST = 2.0, 0.3
"""A smaller change is no trend: so many times the noise, or this. (Nothing of the number's size: where the arm stands
elsewhere a large part of it stays the same.)"""


class Trend(Enum):
    """Where the number went lately."""

    CLOSER = "closer"
    FARTHER = "farther"
    STEADY = "steady"


@dataclass(frozen=True)
class Reading:
    """What is shown: the number now and at its best, the noise that was taken off both, the trend."""

    now: float
    best: float
    noise: float
    trend: Trend

    @property
    def matched(self) -> bool:
        """Whether the scene is as it was, as far as the number tells."""
        return self.now <= MATCHED


class Nearness:
    """The readings of one camera since it has the reference that it is compared with."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_SMOOTHED)
        self._between: deque[float] = deque(maxlen=_PAIRS)
        self._earlier: deque[tuple[float, float]] = deque()
        self._best = float("inf")

    def add(self, number: float, between: float, at: float) -> Reading:
        """A frame's number, how far it differs from the frame before it, and when it came (s)."""
        self._last.append(number)
        self._between.append(between)
        # Where a hand moved things between two frames they differ by more than noise: the quieter ones count.
        noise = sorted(self._between)[len(self._between) // 4]
        shown = median(self._last)
        if len(self._last) == _SMOOTHED:
            self._best = min(self._best, shown)
        trend = self._trend(shown, noise, at)
        now, best = (max(0.0, value - noise) for value in (shown, min(self._best, shown)))
        return Reading(now, best, noise, trend)

    def _trend(self, shown: float, noise: float, at: float) -> Trend:
        self._earlier.append((at, shown))
        while len(self._earlier) > 1 and self._earlier[1][0] <= at - TREND_S:
            self._earlier.popleft()
        before = self._earlier[0][1]
        if abs(shown - before) <= max(_STEADY_LEAST, _STEADY * noise):
            return Trend.STEADY
        return Trend.CLOSER if shown < before else Trend.FARTHER
