"""A simulated camera's pictures, with its configured faults applied."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.sim.settings import SimSettings
from services.sim.wire import DeviceFault, Frame


class CameraFeed:
    """One camera with its configured faults."""

    def __init__(self, view: str, settings: SimSettings, fps: int) -> None:
        self._view, self._settings, self._fps = view, settings, fps
        self._last: Frame | None = None

    def next(self, paint: Callable[[int], Frame], index: int, take: int, frame: int) -> Frame | None:
        """The picture of camera period `index`, or None if a slow camera has no new one.

        `take` and `frame` select the configured faults. Raises DeviceFault if the camera fails.
        """
        fault = self._settings.fault(self._view, ("raise", "black", "frozen", "slow"), take, frame)
        if fault is not None and fault.kind == "raise":
            raise DeviceFault(f"the {self._view} camera failed: {fault.message}")
        if fault is not None and self._last is not None:
            if fault.kind == "frozen":
                return self._last
            if fault.kind == "slow" and not self._due(index, fault.fps):
                return None
        picture = paint(index)
        if fault is not None and fault.kind == "black":
            picture = np.zeros_like(picture)
        self._last = picture
        return picture

    def _due(self, index: int, fps: float) -> bool:
        return int(index * fps / self._fps) != int((index - 1) * fps / self._fps)
