"""Steps per second under the console against bare `lerobot-train`, with the same configuration.

`python -m tests.bench.bench_train [--rounds N] [--steps N] [--images]`: the two alternate (A B B A ...), each in its
own processes, on the same dataset, with the same configuration. Measured are LeRobot's own time per step (update_s +
dataloading_s); the wall clock from the first to the last log point, which includes reporting and saving, under the
console with its fsync; and over the same time the processor's time of all processes (the trainer, under the console
its supervisor and the scribe too), which other work on the machine changes least. Bare draws its progress bar into a
pipe: LeRobot passes tqdm's `disable` itself. Target: 0.995 of bare.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import psutil

from services.folders import DataFolder
from services.live.event_log import is_live
from services.live.requests import TrainRequest
from services.training import plan as training
from tests.support.trainings import make_dataset

SMALL = (
    "policy.dim_model=128", "policy.n_heads=4", "policy.dim_feedforward=256", "policy.n_encoder_layers=2",
    "policy.n_decoder_layers=1", "policy.chunk_size=40", "policy.n_action_steps=20", "policy.use_vae=false",
    "policy.pretrained_backbone_weights=null", "num_workers=0",
)  # fmt: skip
TARGET = 0.995
SAMPLE_S = 0.1


@dataclass(frozen=True)
class Figures:
    """Steps per second of one run: by the wall clock, by LeRobot's own meters, and of processor's time."""

    wall: float
    metered: float
    cpu: float


class CpuClock(threading.Thread):
    """What the processes that this one has started, and theirs, have used of the processor, as time goes on."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._seen: list[tuple[float, float]] = []
        self._used: dict[int, float] = {}
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Sample; what has ended counts with what it had used."""
        own = psutil.Process()
        while not self._over.wait(SAMPLE_S):
            for process in own.children(recursive=True):
                try:
                    times = process.cpu_times()
                except psutil.Error:
                    continue
                self._used[process.pid] = times.user + times.system
            self._seen.append((time.time(), sum(self._used.values())))

    def between(self, begin: float, end: float) -> float:
        """Seconds used from one Unix time to another; it samples no more."""
        self._over.set()
        self.join()
        at, used = np.array(self._seen).T
        first, last = np.interp([begin, end], at, used)
        return float(last - first)


def main() -> None:
    """Print a line per run, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--images", action="store_true", help="two cameras of 64x48 and a resnet18")
    parser.add_argument(
        "--threads", type=int, default=1, help="OpenMP threads of both (more than one contend on a busy machine)"
    )
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    with tempfile.TemporaryDirectory(prefix="bench-train-") as place:
        folder = DataFolder(Path(place)).create()
        make_dataset(folder, cameras=args.images, episodes=10, frames=60)
        seen: dict[str, list[Figures]] = {"bare": [], "console": []}
        for number in range(args.rounds):
            order = ("bare", "console") if number % 2 == 0 else ("console", "bare")
            for who in order:
                request = _plan(folder, args, f"{who}-{number}")
                figures = _bare(folder, request) if who == "bare" else _console(folder, request)
                seen[who].append(figures)
                print(
                    f"{who:8} {figures.wall:8.2f} steps/s  ({figures.metered:8.2f} by LeRobot's meters, "
                    f"{figures.cpu:8.2f} per second of a core)",
                    flush=True,
                )
        for part in ("wall", "metered", "cpu"):
            medians = {who: statistics.median(getattr(f, part) for f in runs) for who, runs in seen.items()}
            ratio = medians["console"] / medians["bare"]
            print(
                f"{part:8} console {medians['console']:.2f}, bare {medians['bare']:.2f}: {ratio:.3f} (target {TARGET})"
            )


def _plan(folder: DataFolder, args: argparse.Namespace, name: str) -> TrainRequest:
    return training.plan(
        folder, dataset="cubes", policy="act", steps=args.steps, batch_size=args.batch_size, log_freq=50,
        save_freq=args.steps // 2, settings=SMALL, name=name,
    )  # fmt: skip


def _console(folder: DataFolder, request: TrainRequest) -> Figures:
    clock, run = CpuClock(), training.begin(folder, request)
    while not run.metrics.exists():
        time.sleep(0.2)
    while is_live(run):
        time.sleep(0.2)
    psutil.wait_procs(psutil.Process().children(recursive=True), timeout=30)  # the scribe follows for a while
    points = [msgspec.json.decode(line) for line in run.metrics.read_bytes().splitlines()]
    metered = [p["update_s"] + p["dataloading_s"] for p in points[1:]]
    return _figures(clock, points[-1]["step"] - points[0]["step"], points[0]["at"], points[-1]["at"], metered)


_STEP_S = re.compile(r"updt_s:([\d.]+) data_s:([\d.]+)")


def _bare(folder: DataFolder, request: TrainRequest) -> Figures:
    """`lerobot-train` with arguments for the same configuration; log lines are timed as they arrive."""
    root = folder.datasets / request.dataset
    arguments = {
        "dataset.repo_id": request.dataset, "dataset.root": root, "dataset.video_backend": "pyav",
        "dataset.episodes": list(range(10)), "output_dir": folder.outputs / "train" / request.name,
        "policy.type": request.policy, "policy.push_to_hub": "false", "steps": request.steps,
        "batch_size": request.batch_size, "log_freq": request.log_freq, "save_freq": request.save_freq,
        "env_eval_freq": 0, "policy.normalization_mapping":
            "{VISUAL: MEAN_STD, STATE: MEAN_STD, ACTION: MEAN_STD, ENV: MEAN_STD}",
    }  # fmt: skip
    command = [sys.executable, "-m", "lerobot.scripts.lerobot_train", *(f"--{k}={v}" for k, v in arguments.items())]
    command += [f"--{text}" for text in request.settings]
    stamps, metered, clock = [], [], CpuClock()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | {"TQDM_DISABLE": "1"}
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := _STEP_S.search(line):
                stamps.append(time.time())
                metered.append(float(found[1]) + float(found[2]))
    assert process.returncode == 0, f"lerobot-train left with {process.returncode}"
    return _figures(clock, request.log_freq * (len(stamps) - 1), stamps[0], stamps[-1], metered[1:])


def _figures(clock: CpuClock, steps: int, begin: float, end: float, seconds: list[float]) -> Figures:
    """Of so many steps between two Unix times; LeRobot's meters say these seconds per step."""
    return Figures(steps / (end - begin), 1 / statistics.median(seconds), steps / clock.between(begin, end))


if __name__ == "__main__":
    main()
