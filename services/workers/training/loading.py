"""How long loading an item takes, measured where it happens: in LeRobot's reader, inside each loader process.

The sums lie in shared memory, which each loader process inherits with the dataset (torch's DataLoader hands it to
`Process`, so that a shared array may be pickled).
"""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

from lerobot.datasets.dataset_reader import DatasetReader

from services.training.bottleneck import Figure

_SCHEDSTAT = Path("/proc/thread-self/schedstat")


class LoadingClock:
    """Sums over all items loaded since the last `take`, in every process."""

    def __init__(self) -> None:
        self._sums: Any = multiprocessing.get_context("spawn").Array("d", 6)

    def add(self, *, seconds: float, cpu: float, queue: float, decoding: float, frames: int) -> None:
        """Count an item."""
        with self._sums.get_lock():
            for at, value in enumerate((1.0, seconds, cpu, queue, decoding, float(frames))):
                self._sums[at] += value

    def take(self) -> dict[str, float]:
        """Means per item since the last call, by `Figure`; empty if no item was loaded."""
        with self._sums.get_lock():
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
        self._decoding, self._frames = 0.0, 0
        began, cpu_began, queue_began = time.perf_counter(), time.process_time(), queued()
        item: dict[str, Any] = super().get_item(idx)
        if self.clock is not None:
            self.clock.add(
                seconds=time.perf_counter() - began,
                cpu=time.process_time() - cpu_began,
                queue=queued() - queue_began,
                decoding=self._decoding,
                frames=self._frames,
            )
        return item

    def _query_videos(self, query_timestamps: dict[str, list[float]], ep_idx: int) -> dict[str, Any]:
        began = time.perf_counter()
        frames = super()._query_videos(query_timestamps, ep_idx)
        self._decoding += time.perf_counter() - began
        self._frames += sum(map(len, query_timestamps.values()))
        return frames


def queued() -> float:
    """Seconds that this thread has waited for a core (Documentation/scheduler/sched-stats); 0 if not counted."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def measure(dataset: Any, clock: LoadingClock) -> None:
    """Have this dataset's reader measure, if it is one of LeRobot's (a stream has none)."""
    reader: Any = getattr(dataset, "reader", None)
    if type(reader) is DatasetReader:
        reader.__class__ = TimedReader
        reader.clock = clock
