"""Seconds and memory of a training's steps on the device that they run on, with a limit to what they may take."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from services.workers.training import host_memory
from services.workers.training.machine import usable_cores

MOST_OF_IT = 0.6
"""The part of what is available that a dry step may take."""
LIMIT = 0.8
"""The part of what is available at which it fails."""
LOADER = int(psutil.Process().memory_full_info().uss)
"""About what a process that loads data has of its own: it loads LeRobot, as this one has when it imports this."""


@dataclass(frozen=True)
class Step:
    """A step with a batch of so many samples: its seconds, and the most bytes that the device held.

    On the machine's own cores they are not more than this process computed: it does not count when others do.
    """

    batch: int
    seconds: float
    peak: int


class Meter:
    """Measures on `device`, as torch calls it. `available` are the bytes that a training can have there."""

    def __init__(self, device: str) -> None:
        self.of_machine = not device.startswith("cuda")
        self.device = "" if self.of_machine else device
        self._index = 0
        self.loader = LOADER
        if self.of_machine:
            self.available = host_memory.available() + host_memory.resident()
        else:
            given = torch.device(device).index
            self._index = torch.cuda.current_device() if given is None else given  # not every function takes a name
            free, self._total = torch.cuda.mem_get_info(self._index)
            self.available = free + torch.cuda.memory_reserved(self._index)
        self.busy = self.of_machine and os.getloadavg()[0] > usable_cores()
        """Whether other work keeps the cores busy already."""
        self._began = self._cpu_began = 0.0

    def batches(self, most: int) -> Iterator[int]:
        """1, then twice as many each time, up to `most`; each twice where the first step with a size takes longer.

        That is the first step of all, which makes the optimizer's state, and on CUDA every first one (cuDNN tries which
        of its ways is the fastest).
        """
        size = 1
        while size <= most:
            yield size
            if size == 1 or not self.of_machine:
                yield size
            size *= 2

    def begin(self) -> None:
        """A step begins; its batch is there."""
        if self.of_machine:
            host_memory.reset_peak()
        else:
            torch.cuda.reset_peak_memory_stats(self._index)
        self._began, self._cpu_began = time.perf_counter(), time.process_time()

    def end(self, batch: int) -> Step:
        """It is done."""
        if not self.of_machine:
            torch.cuda.synchronize(self._index)
        seconds = time.perf_counter() - self._began
        if self.of_machine:
            seconds = min(seconds, time.process_time() - self._cpu_began)
        return Step(batch, seconds, host_memory.peak() if self.of_machine else self._peak())

    def _peak(self) -> int:
        return int(torch.cuda.max_memory_allocated(self._index))

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Within this, taking more than LIMIT of what is available fails with an error of torch."""
        if self.of_machine:
            with host_memory.limited(int(LIMIT * host_memory.available())):
                yield
            return
        torch.cuda.set_per_process_memory_fraction(min(1.0, LIMIT * self.available / self._total), self._index)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, self._index)


Points = Sequence[tuple[int, float]]


def line(points: Points) -> tuple[float, float]:
    """(a, b) of a + b * x through the last two points; flat where the last is not the higher one, or is alone."""
    return _through(points[-1:], points[-2:-1])


def steepest(points: Points) -> tuple[float, float]:
    """The same through the last point and that of the others from which it rises most."""
    return _through(points[-1:], points[:-1])


def _through(last: Points, others: Points) -> tuple[float, float]:
    if not last:
        return 0.0, 0.0
    ((last_x, last_y),) = last
    slope = max((0.0, *((last_y - y) / (last_x - x) for x, y in others)))
    return max(0.0, last_y - slope * last_x), slope
