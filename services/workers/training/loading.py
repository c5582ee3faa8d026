"""How long loading an item takes, measured where it happens: in LeRobot's reader, inside each loader process.

The sums lie in shared memory, which each loader process inherits with the dataset (torch's DataLoader hands it to
`Process`, so that a shared array may be pickled).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
from contextlib import suppress
from io import FileIO
from typing import Any, cast

from lerobot.datasets.dataset_reader import DatasetReader

from services.training.bottleneck import Figure

_SCHEDSTAT = "/proc/thread-self/schedstat"

SPACING_S = 0.02
"""Mean time of loading from one measured item of a process to the next. Items that take as long, as those of large
videos do, are all measured; measuring all quick ones would take three percent of a small policy's step."""
MOST_SKIPPED = 50


class LoadingClock:
    """Sums over the items measured since the last `take`, in every process."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._sums: Any = context.RawArray("d", 6)  # with a lock of its own, which is taken once for all six
        self._lock = context.Lock()
        self._skips = 0
        self._random = random.Random(0)  # not the training's, and no fixed places in a batch

    def due(self) -> bool:
        """Whether to measure the next item of this process: there is always one from each `take` to the next."""
        if self._skips and self._sums[0]:
            self._skips -= 1
            return False
        return True

    def add(self, seconds: float, cpu: float, queue: float, decoding: float, frames: int) -> None:
        """Count an item."""
        between = SPACING_S / max(seconds, 1e-6) - 1
        self._skips = self._random.randint(0, max(0, min(MOST_SKIPPED, int(2 * between))))
        sums = self._sums
        with self._lock:
            sums[0] += 1.0
            sums[1] += seconds
            sums[2] += cpu
            sums[3] += queue
            sums[4] += decoding
            sums[5] += frames

    def take(self) -> dict[str, float]:
        """Means per item since the last call, by `Figure`; empty if no item was loaded."""
        with self._lock:
            items, *sums = self._sums[:]
            self._sums[:] = [0.0] * 6
        names = (Figure.ITEM_S, Figure.ITEM_CPU_S, Figure.ITEM_QUEUE_S, Figure.DECODE_S, Figure.DECODES)
        return {name.value: value / items for name, value in zip(names, sums, strict=True)} if items else {}


class TimedReader(DatasetReader):
    """LeRobot's reader with a clock, once `measure` has given it one."""

    clock: LoadingClock | None = None
    _decoding = 0.0
    _frames = 0

    def get_item(self, idx: Any) -> dict[str, Any]:
        """As LeRobot's. A loader process loads one item at a time, so that its processor's time is the item's."""
        clock = self.clock
        if clock is None or not clock.due():
            return cast(dict[str, Any], super().get_item(idx))
        self._decoding, self._frames = 0.0, 0
        began, cpu_began, queue_began = time.perf_counter(), time.process_time(), queued()
        item: dict[str, Any] = super().get_item(idx)
        clock.add(
            time.perf_counter() - began,
            time.process_time() - cpu_began,
            queued() - queue_began,
            self._decoding,
            self._frames,
        )
        return item

    def _query_videos(self, query_timestamps: dict[str, list[float]], ep_idx: int) -> dict[str, Any]:
        began = time.perf_counter()
        frames = super()._query_videos(query_timestamps, ep_idx)
        self._decoding += time.perf_counter() - began
        self._frames += sum(map(len, query_timestamps.values()))
        return frames


class WaitForCore(threading.local):
    """How long each thread has waited for a core (Documentation/scheduler/sched-stats).

    The file stays open: to open it for every item costs more than all else that is measured. It is the thread's that
    opened it, so each has its own, and a loader process that was forked opens its own again.
    """

    def __init__(self) -> None:
        self._thread = 0
        self._file: FileIO | None = None

    def seconds(self) -> float:
        """Of this thread, since it began; 0 if it is not counted."""
        if self._thread != (thread := threading.get_native_id()):
            self._thread, self._file = thread, None  # where there is no such file, it is not looked for again
            with suppress(OSError):
                self._file = FileIO(_SCHEDSTAT)
        try:
            return int(os.pread(self._file.fileno(), 100, 0).split()[1]) / 1e9 if self._file is not None else 0.0
        except (OSError, IndexError, ValueError):
            return 0.0


queued = WaitForCore().seconds
"""Seconds that this thread has waited for a core; 0 if that is not counted."""


def measure(dataset: Any, clock: LoadingClock) -> None:
    """Have this dataset's reader measure, if it is one of LeRobot's (a stream has none)."""
    reader: Any = getattr(dataset, "reader", None)
    if type(reader) is DatasetReader:
        reader.__class__ = TimedReader
        reader.clock = clock
