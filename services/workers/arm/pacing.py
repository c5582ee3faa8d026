"""Paces the control loop by absolute deadlines: periods do not drift, and a stop wakes the loop at once."""

from __future__ import annotations

import threading
import time
from collections import deque

SPIN_S = 0.0012
"""Seconds before a deadline in which to spin, since a sleep may overshoot by about as much."""


class Pacer:
    """`wait` returns at start + n / fps. Missed deadlines are skipped and counted in `late`."""

    def __init__(self, fps: int, trace: list[int] | None = None) -> None:
        """`trace`, if given, receives each period's start in nanoseconds of the monotonic clock."""
        self.period = 1.0 / fps
        self._trace = trace
        self.late = 0
        self.behind = 0.0
        """Seconds by which the present period began late."""
        self.periods: deque[float] = deque(maxlen=10 * fps)
        self._next = time.perf_counter()
        self._last = 0.0

    def wait(self, wake: threading.Event) -> bool:
        """Wait for the next deadline. True once it is reached, False if `wake` was set before."""
        deadline = self._next + self.period
        while (left := deadline - time.perf_counter()) > SPIN_S:
            if wake.wait(left - SPIN_S):
                return False
        while time.perf_counter() < deadline:
            pass
        self._mark(deadline)
        return True

    def _mark(self, deadline: float) -> None:
        now = time.perf_counter()
        self.behind = now - deadline
        missed = int(self.behind / self.period)
        self.late += missed
        self._next = deadline + missed * self.period
        if self._trace is not None:
            self._trace.append(time.monotonic_ns())
        if self._last:
            self.periods.append(now - self._last)
        self._last = now

    def restart(self) -> None:
        """Count deadlines from now, e.g. after an intended pause."""
        self._next = time.perf_counter()
        self._last = 0.0

    def rate(self) -> float:
        """Loop rate in Hz over the last ten seconds; 0 before the second period."""
        return len(self.periods) / sum(self.periods) if self.periods else 0.0

    def p99_ms(self) -> float:
        """99th percentile of the period in ms over the last ten seconds."""
        if not self.periods:
            return 0.0
        ordered = sorted(self.periods)
        return 1000.0 * ordered[int(0.99 * (len(ordered) - 1))]
