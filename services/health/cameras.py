"""Camera checks, cheap enough for the control loop: subsampled, pure numpy."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.health.checks import REGISTERED, Check, FrameRange, Thresholds, register, thresholds_of

STRIDE = 16
"""Every 16th pixel in both directions: 1,200 of 640x480."""
RATE_WINDOW_S = 1.5
BETWEEN_S = 0.2
"""A slow camera repeats a picture for this long without being frozen."""
LIT, ABSENT = "lit", "absent"
"""What a camera shows where no check finds fault with it, and where it is not there; else a check's name."""


@dataclass(frozen=True)
class Picture:
    """What the checks see of a frame: every STRIDE-th pixel, uint8 (H, W, C), its mean and spread of 255.

    `fresh` says that it differs from the one before; `rate` counts fresh pictures per second, None while too few
    were seen; `fps` is what the camera should give.
    """

    pixels: NDArray[np.uint8]
    mean: float
    spread: float
    fresh: bool
    fresh_at: float
    rate: float | None
    fps: float


class CameraCheck(Check[Picture]):
    """A check of one camera."""


class BlackThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Below both `mean` and `spread` (of 255), a picture holds nothing to learn from."""

    clear_after_s: float = 0.1
    mean: float = 10.0
    spread: float = 6.0


@register
class Black(CameraCheck):
    """Nothing is to be seen: a covered lens, a dead sensor."""

    name = "black"
    defaults = BlackThresholds()

    def bad_since(self, seen: Picture, now: float) -> float | None:
        """Now, where the picture is dark and even."""
        limit = self.thresholds
        assert isinstance(limit, BlackThresholds)
        return now if seen.mean < limit.mean and seen.spread < limit.spread else None


@register
class Frozen(CameraCheck):
    """The same picture again and again."""

    name = "frozen"
    defaults = Thresholds(raise_after_s=0.8, clear_after_s=0.4)

    def bad_since(self, seen: Picture, now: float) -> float | None:
        """When the picture changed last, where that is longer ago than between two pictures of any camera."""
        return seen.fresh_at if now - seen.fresh_at > BETWEEN_S else None


class SlowThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fewer fresh pictures than this share of what the camera should give."""

    clear_after_s: float = 0.1
    share: float = 0.6


@register
class Slow(CameraCheck):
    """Too few fresh pictures a second."""

    name = "slow"
    defaults = SlowThresholds()

    def bad_since(self, seen: Picture, now: float) -> float | None:
        """Now, where the rate is too low."""
        limit = self.thresholds
        assert isinstance(limit, SlowThresholds)
        return now if seen.rate is not None and seen.rate < limit.share * seen.fps else None


class CameraHealth:
    """Judges one camera, frame by frame, with every registered camera check. Times in seconds of one clock."""

    def __init__(self, fps: float = 30.0, health: dict[str, Any] | None = None) -> None:
        """`health` holds thresholds by check, as in lab.toml."""
        self.fps = fps
        self.brightness = 0.0
        self.state, self.since = LIT, 0.0
        kinds = [check for check in REGISTERED if issubclass(check, CameraCheck)]
        self.checks: list[CameraCheck] = [check(thresholds_of(check, health or {})) for check in kinds]
        self._digest: int | None = None
        self._fresh_at = 0.0
        self._changes: deque[float] = deque(maxlen=64)

    def look(self, frame: NDArray[np.uint8], now: float) -> bool:
        """Take in a frame, uint8 (H, W, C). True when `state` changed."""
        seen = self._see(frame, now)
        for check in self.checks:
            check.look(seen, now)
        worst = next((check for check in self.checks if check.active), None)
        state, since = (worst.name, worst.since) if worst else (LIT, now)
        if state == self.state:
            return False
        self.state, self.since = state, since
        return True

    def rate(self, now: float) -> float:
        """Fresh pictures per second over the last one and a half seconds."""
        recent = [t for t in self._changes if now - t <= RATE_WINDOW_S]
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0

    def _see(self, frame: NDArray[np.uint8], now: float) -> Picture:
        pixels = np.ascontiguousarray(frame[::STRIDE, ::STRIDE])
        self.brightness = float(pixels.mean())
        digest = zlib.crc32(pixels)
        fresh = digest != self._digest
        if fresh:
            self._digest, self._fresh_at = digest, now
            self._changes.append(now)
        known = self._changes[0] < now - RATE_WINDOW_S
        return Picture(
            pixels=pixels, mean=self.brightness, spread=float(pixels.std()), fresh=fresh, fresh_at=self._fresh_at,
            rate=self.rate(now) if known else None, fps=self.fps,
        )  # fmt: skip


def judge_frames(
    frames: Iterable[NDArray[np.uint8]], fps: float, health: dict[str, Any] | None = None
) -> tuple[FrameRange, ...]:
    """Which ranges of a recorded camera's frames, uint8 (H, W, C), are bad, in order of their start."""
    camera = CameraHealth(fps, health)
    for index, frame in enumerate(frames):
        camera.look(frame, index / fps)
    return tuple(sorted((r for check in camera.checks for r in check.ranges), key=lambda r: r.start))
