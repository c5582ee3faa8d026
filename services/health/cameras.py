"""Camera checks, cheap enough for the control loop: subsampled, pure numpy."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.health.checks import LIT, REGISTERED, Check, FrameRange, Thresholds, register, thresholds_of

STRIDE = 16
"""Every 16th pixel in both directions: 1,200 of 640x480."""
RATE_WINDOW_S = 1.5
BETWEEN_S = 0.5
"""A slow camera may repeat a picture for this long without being frozen: below 2 pictures a second it is frozen."""


@dataclass(frozen=True)
class Picture:
    """A frame as the checks see it: every STRIDE-th pixel, uint8 (H, W, C), with its mean and spread (0 to 255).

    `fresh` means that it differs from the previous one. `rate` is fresh pictures per second, None until enough
    were seen; `fps` is the rate that the camera should give.
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
    """A dark, even picture: a covered lens or a dead sensor."""

    name = "black"
    defaults = BlackThresholds()

    def bad_since(self, sample: Picture, now: float) -> float | None:
        """Now, if the picture is dark and even."""
        limit = self.thresholds
        assert isinstance(limit, BlackThresholds)
        return now if sample.mean < limit.mean and sample.spread < limit.spread else None


@register
class Frozen(CameraCheck):
    """The same picture again and again."""

    name = "frozen"
    defaults = Thresholds(raise_after_s=0.8, clear_after_s=0.6)

    def bad_since(self, sample: Picture, now: float) -> float | None:
        """When the picture last changed, if that is longer ago than a slow camera's frame interval."""
        return sample.fresh_at if now - sample.fresh_at > BETWEEN_S else None


class SlowThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fewer fresh pictures than this share of what the camera should give."""

    clear_after_s: float = 0.1
    share: float = 0.6


@register
class Slow(CameraCheck):
    """Too few fresh pictures a second."""

    name = "slow"
    defaults = SlowThresholds()

    def bad_since(self, sample: Picture, now: float) -> float | None:
        """Now, if the rate is too low."""
        limit = self.thresholds
        assert isinstance(limit, SlowThresholds)
        return now if sample.rate is not None and sample.rate < limit.share * sample.fps else None


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

    def update(self, frame: NDArray[np.uint8], now: float) -> bool:
        """Check a frame, uint8 (H, W, C). True if `state` changed."""
        sample = self._sample(frame, now)
        for check in self.checks:
            check.update(sample, now)
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

    def _sample(self, frame: NDArray[np.uint8], now: float) -> Picture:
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
    """The bad ranges of a recorded camera's frames, uint8 (H, W, C), ordered by their start."""
    camera = CameraHealth(fps, health)
    for index, frame in enumerate(frames):
        camera.update(frame, index / fps)
    return tuple(sorted((r for check in camera.checks for r in check.ranges), key=lambda r: r.start))
