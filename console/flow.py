"""How much output is on its way to the screen, and how fast the link takes it.

What was written is not yet seen: the kernel, sshd and the network buffer up to megabytes. So after each update the
terminal is asked for its status; its answer says that everything before was taken (tmux, screen and mosh answer
themselves, and drop updates themselves). For a terminal that does not answer, the time that writes wait must do.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

QUESTION, ANSWER = "\x1b[5n", b"\x1b[0n"
"""Device status report: every terminal since the VT100 answers it."""

AHEAD_S = 0.3
"""How long the link may need for what is on its way: a key's effect waits behind it."""
LATE_S = 0.5
"""Nothing more is sent while an answer is this late, whatever the rate was."""
LOST_S = 5.0
"""An answer counts as lost after this, doubled each time: one more update asks again."""
LEAST_AHEAD = 2048
_KERNEL = 12_000
"""Bytes that a pseudo-terminal holds when writing to it waits."""
_WAITED_S, _PAUSE_S = 0.01, 0.02
_TELLING_S = 0.2
_INSTANT_S = 0.005
_TELLING = 1500
"""Fewer bytes tell nothing about the rate."""
_SAMPLES_S = 4.0
_RATE_OVER_S = 3.0
_HOPE = 1.1
"""Without answers, a rate that no wait confirms is taken to grow by this factor each second."""


class Flow:
    """Called from the event loop, the input thread and the writer's thread. Times in s, sizes in bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written = 0
        self._asked: deque[tuple[float, int, int, int]] = deque()
        """Of each unanswered question: when, bytes written by then, on their way then, and since the one before."""
        self._asked_to = 0
        self._answered_to = 0
        self._answers = False
        self._asking = True
        self._fastest = 0.0
        self._patience = LOST_S
        self._rates: deque[tuple[float, float, int]] = deque()
        """When it was measured, bytes per second, and by how many bytes."""
        self._recent: deque[tuple[float, int]] = deque()
        self._held = 0.0
        """Bytes in the kernel at `_took_at`, the last time it took some."""
        self._took_at = clock()
        self._full_at = 0.0
        """Since when every write waits, and what was written since; 0 if they do not."""
        self._full_bytes = 0

    # --- what happened --------------------------------------------------------------------------

    def sent(self, size: int, *, ask: bool = True) -> bool:
        """`size` bytes go out; returns whether a question goes after them."""
        now = self._clock()
        with self._lock:
            self._written += size
            self._recent.append((now, size))
            while self._recent and now - self._recent[0][0] > _RATE_OVER_S:
                self._recent.popleft()
            asks = ask and self._asking and (self._answers or not self._asked)
            if asks:
                ahead, own = self._written - self._answered_to, self._written - self._asked_to
                self._asked.append((now, self._written, ahead, own))
                self._asked_to = self._written
            return asks

    def answered(self) -> None:
        """The terminal answered: it has taken everything before its question."""
        now = self._clock()
        with self._lock:
            self._answers = self._asking = True
            self._patience = LOST_S
            if not self._asked:
                return
            at, self._answered_to, ahead, own = self._asked.popleft()
            took = now - at
            self._fastest = min(took, self._fastest or took)
            if ahead >= _TELLING:  # both are lower bounds: exact behind a queue, and without one
                self._rates.append((now, max(ahead / took, own / max(took - self._fastest, _INSTANT_S)), own))
                while now - self._rates[0][0] > _SAMPLES_S:
                    self._rates.popleft()

    def took(self, size: int, seconds: float) -> None:
        """The kernel took `size` bytes and let the writer wait for that long."""
        now = self._clock()
        with self._lock:
            waited = seconds > _WAITED_S
            if now - seconds - self._took_at > _PAUSE_S:
                self._full_at = 0.0
            if self._full_at:
                self._full_bytes += size
                if waited and now - self._full_at > _TELLING_S and not self._answers:
                    self._rates = deque([(now, self._full_bytes / (now - self._full_at), self._full_bytes)])
            elif waited:
                self._full_at, self._full_bytes = now, 0
            self._held = _KERNEL if waited else self._still_held(now) + size
            self._took_at = now

    def stop_asking(self) -> None:
        """The terminal is left: an answer that comes later would be typed into the shell."""
        with self._lock:
            self._asking = False

    # --- what is known --------------------------------------------------------------------------

    @property
    def awaits(self) -> bool:
        """Whether an answer may come."""
        return bool(self._asked)

    @property
    def owed(self) -> bool:
        """Whether an answer is on its way from a terminal that is known to answer."""
        with self._lock:
            return self._answers and bool(self._asked)

    @property
    def ready(self) -> bool:
        """Whether one more update would be seen soon."""
        now = self._clock()
        with self._lock:
            if not self._answers:
                rate = self._rate()
                self._give_up_asking(now)
                return not rate or self._still_held(now) <= max(LEAST_AHEAD, rate * AHEAD_S)
            if not self._asked:
                return True
            age = now - self._asked[0][0]
            if age > self._patience:  # lost: ask again
                self._patience *= 2
                self._asked.clear()
                self._answered_to = self._written
                return True
            if self._patience > LOST_S:  # a broken link gets one update at a time
                return False
            rate = self._rate()
            ahead = self._written - self._answered_to
            room = max(LEAST_AHEAD, rate * (AHEAD_S + self._fastest)) if rate else ahead + 1
            return ahead < room and age < self._fastest + LATE_S

    def _give_up_asking(self, now: float) -> None:
        if self._asked and now - self._asked[0][0] > LOST_S and self._still_held(now) < _KERNEL:
            self._asking = False

    @property
    def takes_per_s(self) -> float:
        """Bytes per second that the link was seen to take lately; 0 if it is not known."""
        with self._lock:
            return self._rate()

    @property
    def bytes_per_s(self) -> float:
        """Bytes written per second, over the last seconds."""
        now = self._clock()
        with self._lock:
            return sum(size for at, size in self._recent if now - at <= _RATE_OVER_S) / _RATE_OVER_S

    @property
    def behind_s(self) -> float:
        """How old the oldest update is that the screen does not show yet, beyond the link's own delay."""
        now = self._clock()
        with self._lock:
            if self._answers:
                return max(0.0, now - self._asked[0][0] - self._fastest) if self._asked else 0.0
            rate = self._rate()
            return self._still_held(now) / rate if rate else 0.0

    def _rate(self) -> float:
        """The middle of the last samples by bytes: a burst after a pause, or a break, makes no rate."""
        if not self._rates:
            return 0.0
        now, newest_at = self._clock(), self._rates[-1][0]
        rate = 0.0
        half = sum(size for _, _, size in self._rates) / 2
        for measured, size in sorted((rate, size) for _, rate, size in self._rates):
            rate = measured
            half -= size
            if half <= 0:
                break
        return rate if self._answers else rate * _HOPE ** max(0.0, now - newest_at - 1.0)

    def _still_held(self, now: float) -> float:
        """Bytes that the kernel still holds, at the rate at which it was emptied."""
        rate = self._rate()
        return max(0.0, self._held - rate * (now - self._took_at)) if rate else 0.0
