"""A loop as LeRobot's with a planted cause of its slowness, in a process that has no other threads to fork beside.

A loader that is forked out of a test process with a dozen threads may wait for ever for one that it does not have.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

BATCH, STEPS = 4, 6
PATIENCE_S = 60


class Planted(msgspec.Struct, kw_only=True):
    """A decoder that takes so long, computing or waiting; so many loaders; an update that takes so long."""

    root: str
    decode_s: float
    computes: bool
    loaders: int
    update_s: float


def opened(root: Path) -> tuple[Any, Any]:
    """LeRobot's dataset, and the clock that measures it."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from services.workers.training.loading import LoadingClock, measure

    dataset, clock = LeRobotDataset("lab/cubes", root=root, video_backend="pyav", return_uint8=True), LoadingClock()
    measure(dataset, clock)
    return dataset, clock


def main(place: str) -> int:
    """Read what is planted from `planted.json`, and write the loop's figures to `figures.json` beside it."""
    signal.alarm(PATIENCE_S)
    folder = Path(place)
    figures = _trained(msgspec.json.decode((folder / "planted.json").read_bytes(), type=Planted))
    (folder / "new.json").write_bytes(msgspec.json.encode(figures))
    (folder / "new.json").rename(folder / "figures.json")
    return 0


def _trained(planted: Planted) -> dict[str, float]:
    """The figures of a loop as in scripts/lerobot_train.py."""
    from lerobot.datasets import dataset_reader
    from torch.utils.data import DataLoader

    dataset_reader.decode_video_frames = _slow(dataset_reader.decode_video_frames, planted)
    dataset, clock = opened(Path(planted.root))
    context = multiprocessing.get_context("fork")
    loader = DataLoader(dataset, batch_size=BATCH, num_workers=planted.loaders, multiprocessing_context=context)
    batches = iter(loader)
    next(batches)
    clock.take()
    waits = 0.0
    for _ in range(STEPS):
        began = time.perf_counter()
        next(batches)
        waits += time.perf_counter() - began
        time.sleep(planted.update_s)
    figures = {str(name): float(value) for name, value in clock.take().items()}
    return figures | {"update_s": planted.update_s, "dataloading_s": waits / STEPS}


def _slow(stock: Any, planted: Planted) -> Any:
    """The decoder, and before it so many seconds of computing or of waiting."""
    numbers = np.random.default_rng(0).random((64, 64))

    def decode(*args: Any, **kwargs: Any) -> Any:
        end = time.thread_time() + planted.decode_s
        while planted.computes and time.thread_time() < end:
            _ = numbers @ numbers
        if not planted.computes:
            time.sleep(planted.decode_s)
        return stock(*args, **kwargs)

    return decode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
