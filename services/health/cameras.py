"""Camera and motion checks, cheap enough for the control loop: subsampled, pure numpy."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

STRIDE = 16
"""Every 16th pixel in both directions: 1,200 of 640x480."""
BLACK_MEAN, BLACK_SPREAD = 10.0, 6.0
"""Below both (of 255), a picture holds nothing to learn from."""
BLACK_S, FROZEN_S, SLOW_S = 0.3, 0.8, 1.5
"""How long a picture is bad before it is said: an alarm must come within a second of the first black frame."""
SLOW_SHARE = 0.6


class Sight(StrEnum):
    """What a camera shows."""

    LIT = "lit"
    BLACK = "black"
    FROZEN = "frozen"
    SLOW = "slow"
    ABSENT = "absent"


@dataclass
class CameraHealth:
    """Judges one camera, frame by frame. Times in seconds of one monotonic clock."""

    fps: float = 30.0
    sight: Sight = Sight.LIT
    since: float = 0.0
    brightness: float = 0.0
    _digest: int = 0
    _changed: float = -1.0
    _black_since: float = -1.0
    _slow_since: float = -1.0
    _changes: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    def look(self, frame: NDArray[np.uint8], now: float) -> bool:
        """Take in a frame, uint8 (H, W, C). True when the judgement changed."""
        small = np.ascontiguousarray(frame[::STRIDE, ::STRIDE])
        self.brightness = float(small.mean())
        dark = self.brightness < BLACK_MEAN and float(small.std()) < BLACK_SPREAD
        self._black_since = (self._black_since if self._black_since >= 0 else now) if dark else -1.0
        digest = zlib.crc32(small)
        if digest != self._digest or self._changed < 0:
            self._digest, self._changed = digest, now
            self._changes.append(now)
        return self._judge(now)

    def rate(self, now: float) -> float:
        """Fresh pictures per second over the last one and a half seconds."""
        recent = [t for t in self._changes if now - t <= SLOW_S]
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0

    def _judge(self, now: float) -> bool:
        slow = self._changes[0] < now - SLOW_S and self.rate(now) < SLOW_SHARE * self.fps
        self._slow_since = (self._slow_since if self._slow_since >= 0 else now) if slow else -1.0
        sight, since = Sight.LIT, now
        if self._black_since >= 0 and now - self._black_since >= BLACK_S:
            sight, since = Sight.BLACK, self._black_since
        elif now - self._changed >= FROZEN_S:
            sight, since = Sight.FROZEN, self._changed
        elif self._slow_since >= 0 and now - self._slow_since >= BLACK_S:
            sight, since = Sight.SLOW, self._slow_since
        if sight is self.sight:
            return False
        self.sight, self.since = sight, since
        return True
