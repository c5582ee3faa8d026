"""How much of the link pictures may use: thinner first, then smaller, then none; text always goes first.

The rate is held by a bucket: what a picture is likely to cost is taken out, and the next one waits until it is filled.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

MOST_PER_S = 45_000
"""Bytes per second of all pictures: with the rest of Record at 120x40 that stays below 60 kB/s."""
SHARE = 0.5
"""The share of a slow link that pictures may take."""
CELL_BYTES = 14
"""About what a cell of a whole picture costs."""
WHOLE_S, SMALL_S = 0.4, 0.3
"""A whole picture, or all of a small one, may not take the link longer: a key's effect would wait behind it."""
BACK_AFTER_S = 8.0
"""So long there must have been room before pictures become better again."""
_ROOM = 1.4
_SAVED_S = 1.0


class Quality(Enum):
    """How pictures are shown."""

    FULL = 1
    SMALL = 2
    OFF = 0


class PictureBudget:
    """Decides on quality, and when the next picture may be painted. Times in s, sizes in bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = 0.0
        self._filled_at = clock()
        self._room_since = 0.0
        self.quality = Quality.FULL

    def choose(self, cells: int, takes_per_s: float) -> Quality:
        """The quality for pictures of `cells` in all, on a link that takes so much (0: not known, so enough).

        It falls at once and rises only after there was room for some seconds.
        """
        now = self._clock()
        wanted = _affordable(cells, takes_per_s)
        if wanted.value == self.quality.value or _worse(wanted, self.quality):
            self.quality, self._room_since = wanted, 0.0
            return self.quality
        better = _affordable(cells, takes_per_s / _ROOM)
        if not _worse(self.quality, better):
            self._room_since = 0.0
        elif not self._room_since:
            self._room_since = now
        elif now - self._room_since > BACK_AFTER_S:
            self.quality, self._room_since = better, 0.0
        return self.quality

    def may_paint(self, takes_per_s: float) -> bool:
        """Whether the next picture may be painted now."""
        now = self._clock()
        rate = min(MOST_PER_S, takes_per_s * SHARE) if takes_per_s else MOST_PER_S
        self._tokens = min(self._tokens + rate * (now - self._filled_at), rate * _SAVED_S)
        self._filled_at = now
        return self._tokens >= 0

    def painted(self, cells: int, cell_bytes: int = CELL_BYTES) -> None:
        """A picture with so many changed cells was painted."""
        self._tokens -= cells * cell_bytes


def _affordable(cells: int, takes_per_s: float) -> Quality:
    """The best quality of which a whole picture is quick enough; a small one has a quarter of the cells."""
    if not takes_per_s or cells * CELL_BYTES <= takes_per_s * WHOLE_S:
        return Quality.FULL
    return Quality.SMALL if cells * CELL_BYTES / 4 <= takes_per_s * SMALL_S else Quality.OFF


_ORDER = (Quality.OFF, Quality.SMALL, Quality.FULL)


def _worse(one: Quality, other: Quality) -> bool:
    return _ORDER.index(one) < _ORDER.index(other)
