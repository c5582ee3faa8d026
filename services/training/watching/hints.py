"""What says at which step a log line was written, besides its own rounded step: samples, epochs, a bar beside it."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from services.training.watching.log_line import BAR, steps_by_epochs
from services.training.watching.points import MOST, Facts
from services.training.watching.rounding import Range, narrowed

SLOW_S = 0.2
"""Seconds per step above which tqdm draws every step, so that its bar is not behind the log line."""
OURS = "Training"
"""What lerobot_train calls its bar."""
ROUND = 50
"""A bar at a multiple of it is taken for exact: a late one is there by chance only."""


class Hints:
    """The hints of one run; what is missing of its configuration is inferred from lines whose step is exact."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._batch = 0
        self._batch_ends = (0.0, float("inf"))
        self._doubted = False
        self.bar = (-1, 0)
        """Number and total of the bar that was drawn last; -1 if none was since the last point."""
        self.shift = 0
        """1 where samples count the step in progress, as LeRobot 0.2 did."""

    @property
    def batch(self) -> int:
        """Samples in a step, by all processes; 0 if unknown."""
        return self._batch or (0 if self._doubted else self._facts.batch_size)

    def fits(self, step: int, samples: Range | None) -> bool:
        """Whether this step has so many samples, so closely rounded that its neighbours have not."""
        if samples is None or not (batch := self._batch or (0 if self._doubted else self._facts.batch_size)):
            return False
        every = self._facts.log_freq * batch
        return samples[0] <= (step + self.shift) * batch <= samples[1] and samples[1] - samples[0] < 2 * every

    def agree(
        self, steps: NDArray[np.int64], seen: tuple[NDArray[np.int64], NDArray[np.int64]], epochs: list[str]
    ) -> bool:
        """Whether nothing that `narrow` looks at, besides bars, contradicts these steps of successive points."""
        facts, batch = self._facts, self.batch
        low, high = seen
        if 0 < facts.steps < steps[-1] or (np.diff(low) < 0).any():
            return False
        if not batch:
            return True
        if (steps < -(-low // batch) - 1).any() or (steps > high // batch).any():
            return False
        if not facts.frames:
            return True
        decimals = len(epochs[0].partition(".")[2])
        if any(text[-decimals - 1] != "." for text in epochs if len(text) > decimals):
            return False
        try:
            rounded = np.array(list(map(float, epochs)))
        except ValueError:
            return False
        half, by = 0.5 * 10.0**-decimals, facts.frames / batch
        fits = (np.ceil((rounded - half) * by) - 1 <= steps) & (steps <= np.floor((rounded + half) * by))
        return bool(fits.all())

    def narrow(self, allowed: Range, samples: Range | None, epochs: str, metrics: dict[str, float]) -> Range:
        """The steps that samples, epochs, the bar and the number asked for leave, besides the step's own text."""
        if allowed[0] == allowed[1]:
            self._infer_batch(allowed[0], samples)
            return allowed
        facts, batch = self._facts, self.batch
        if batch and samples is not None:
            allowed = narrowed(allowed, (-(-samples[0] // batch) - 1, samples[1] // batch))
            if facts.frames:
                allowed = narrowed(allowed, steps_by_epochs(epochs, facts.frames, batch))
        if self.bar[0] >= 0:
            allowed = narrowed(allowed, self._by_bar(facts.steps, metrics))
        return narrowed(allowed, (0, facts.steps)) if allowed[1] > facts.steps > 0 else allowed

    def _infer_batch(self, step: int, samples: Range | None) -> None:
        """An exact step and its samples tell the batch size, and whether the configured one counts one process only."""
        if samples is None or self._batch or step == 0:
            self.shift = 1 if samples is not None and step == 0 and samples[0] > 0 else self.shift
            return
        configured = self._facts.batch_size
        if configured and not self._doubted:
            self._doubted = not samples[0] <= configured * (step + 1) or not configured * step <= samples[1]
        low, high = max(self._batch_ends[0], samples[0] / (step + 1)), min(self._batch_ends[1], samples[1] / step)
        self._batch_ends = (low, high)
        if ceil(low) == floor(high) and (not configured or self._doubted):
            self._batch = ceil(low)

    def _by_bar(self, steps: int, metrics: dict[str, float]) -> Range:
        """What a progress bar beside the line allows; that of a resumed run counts from where it began."""
        (number, total), self.bar = self.bar, (-1, 0)
        if steps and total > steps:
            return (0, MOST)
        number += max(0, steps - total) if steps else 0
        took = metrics.get("update_s", 0.0) + metrics.get("data_s", 0.0)
        return (number, number + (self.late(took) if number % ROUND else 0))

    @staticmethod
    def late(took: float) -> int:
        """Steps that a bar may be behind, if a step takes so many seconds."""
        return 0 if took >= SLOW_S else ceil(min(0.5 / max(took, 1e-4), 1e4))

    def bar_agrees(self, bar: str, step: int, took: float) -> bool:
        """Whether a bar of the training, or else the one that was drawn last, does not contradict the step after it."""
        if bar:
            self.bar_in(bar)
        elif self.bar[0] < 0:
            return True
        low, high = self._by_bar(self._facts.steps, {"update_s": took})
        return low <= step <= high

    def bar_in(self, text: str) -> str:
        """Remember the training's bar; returns what stands behind the last bar, all of the text if there is none."""
        end = at = 0
        while (at := text.find("%|", at)) >= 0:
            found = BAR.match(text, at)
            if found is None:
                at += 2
                continue
            counts = text[end:at]
            number, total, at = int(found[1]), int(found[2]), found.end()
            unnamed = not counts.strip(" :0123456789")
            if OURS in counts or (unnamed and self._facts.steps in (0, total)):
                self.bar = (number, total)
            end = at
        return text[end:]
