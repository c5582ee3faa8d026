"""What a training's step costs the trainer beyond LeRobot's: its hooks on and off in turn, in one process.

`python -m tests.bench.bench_hooks [--steps N]`: blocks of ten steps with the console's hooks, and ten without. Compared
is the processor's time of a step, which other work on the machine changes least. Steps at which something is logged or
saved are left out, and so are those at which it changes. Target: 0.995 of bare.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.folders import DataFolder, new_session_id
from services.live.requests import write_request
from services.training import plan as training
from tests.bench.bench_train import SMALL, TARGET
from tests.support.trainings import make_dataset

BLOCK, FIRST, LOGGED = 10, 60, 50


def main() -> None:
    """Print the medians, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-hooks-") as place:
        seen = _train(DataFolder(Path(place)).create(), parser.parse_args().steps)
    used: dict[bool, list[float]] = {True: [], False: []}
    for (before, _, began), (step, hooked, ended) in pairwise(seen):
        if before >= FIRST and before % BLOCK and step % LOGGED:
            used[hooked].append(1000 * (ended - began))
    ours, bare = statistics.median(used[True]), statistics.median(used[False])
    print(f"processor's time of a step: {ours:.2f} ms, without hooks {bare:.2f}: {bare / ours:.3f} (target {TARGET})")


def _train(folder: DataFolder, steps: int) -> list[tuple[int, bool, float]]:
    """(step, whether it ran with hooks, the process's seconds of the processor by its end) of every step."""
    make_dataset(folder, cameras=False, episodes=10, frames=60)
    request = training.plan(
        folder, dataset="cubes", policy="act", steps=steps, log_freq=LOGGED, save_freq=steps, settings=SMALL
    )
    run = folder.run(new_session_id())
    run.root.mkdir(parents=True)
    write_request(run, request)
    ours, theirs = socket.socketpair()
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()

    from lerobot.datasets.dataset_reader import DatasetReader

    from services.workers.training.channel import Channel
    from services.workers.training.demonstrations import read_demonstrations
    from services.workers.training.loading import TimedReader
    from services.workers.training.training_run import TrainingRun

    seen: list[tuple[int, bool, float]] = []

    class Alternating(TrainingRun):
        """Without hooks the reader is LeRobot's own, and a step is only noted."""

        hooked = True

        def wants_checkpoint(self, step: int, *, due: bool) -> bool:
            self.step = step
            wants = super().wants_checkpoint(step, due=due) if self.hooked else due
            seen.append((step, self.hooked, time.process_time()))
            if step % BLOCK == 0:
                self.hooked = not self.hooked
                reader: Any = self._dataset.reader
                reader.__class__ = TimedReader if self.hooked else DatasetReader
            return wants

    channel = Channel(theirs, leave=lambda status: None)
    Alternating(run, request, read_demonstrations(request, channel, None), channel).train()
    return seen


def _drain(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


if __name__ == "__main__":
    main()
