"""What steps took besides the update and the data: saving checkpoints, and all else.

Means over all steps so far: a checkpoint, or a held-out loss, falls into few of many log windows.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.training.bottleneck import Figure


class Window:
    """From one log point to the next, by the clock of whoever calls."""

    def __init__(self) -> None:
        self._at, self._step, self._steps = 0.0, 0, 0
        self._saving = self._other = self._window_saving = 0.0

    def begin(self, now: float, step: int) -> None:
        """The step after `step` is next, the training's first one."""
        self._at, self._step = now, step

    def saved(self, seconds: float) -> None:
        """A checkpoint took so long."""
        self._window_saving += seconds

    def end(self, now: float, step: int, metrics: Mapping[str, float]) -> dict[str, float]:
        """Seconds per step by `Figure`, given the window's means of LeRobot; the next begins. Empty without a step."""
        steps = step - self._step
        if steps <= 0:
            return {}
        inside = (metrics.get("update_s", 0.0) + metrics.get("dataloading_s", 0.0)) * steps
        saving, self._window_saving = self._window_saving, 0.0
        self._saving += saving
        self._other += max(0.0, now - self._at - inside - saving)
        self._steps += steps
        self._at, self._step = now, step
        return {Figure.SAVE_S.value: self._saving / self._steps, Figure.OTHER_S.value: self._other / self._steps}
