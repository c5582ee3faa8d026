"""Seconds that a step waits for data with one of two cameras left out, against both: what leaving one out saves.

`python -m tests.bench.bench_decode [--rounds N] [--steps N] [--batch-size N] [--workers N]`: both read the same dataset
of two 640x480 cameras through LeRobot's factory and data loader, as a training does; the steps themselves do nothing,
so that all of the time is decoding. The two alternate. Target: 0.6 of both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from services.folders import DataFolder
from services.training import plan as training
from tests.support.trainings import TINY

TARGET = 0.6
SIZE = (480, 640, 3)
FPS, EPISODES, FRAMES = 30, 2, 120
CAMERAS = ("overhead", "wrist")


def main() -> None:
    """Print a line per round, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="processes that load data (default: one for each core)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-decode-") as place:
        folder = DataFolder(Path(place)).create()
        _make(folder.datasets / "seen")
        seconds: dict[str, list[float]] = {"both": [], "one": []}
        for number in range(args.rounds):
            for who in ("both", "one") if number % 2 == 0 else ("one", "both"):
                seconds[who].append(_per_step(folder, args, CAMERAS[:1] if who == "one" else ()))
                print(f"{who:5} {seconds[who][-1]:.3f} s of data a step", flush=True)
    one, both = (statistics.median(seconds[who]) for who in ("one", "both"))
    print(f"one camera of two: {one:.3f} s against {both:.3f} s: {one / both:.2f} (target {TARGET})")


def _per_step(folder: DataFolder, args: argparse.Namespace, without: tuple[str, ...]) -> float:
    """Seconds that a step waits for its batch, as LeRobot's script meters it, after those that were fetched ahead."""
    import torch
    from lerobot.datasets.factory import make_train_eval_datasets
    from lerobot.datasets.io_utils import load_info

    from services.workers.training import config as train_config
    from services.workers.training.left_out_cameras import left_out, taken_out

    request = training.plan(folder, dataset="seen", policy="act", steps=1, exclude_cameras=without, settings=TINY)
    root = folder.datasets / "seen"
    config = train_config.build(request, root=root, output=folder.outputs / "x", episodes=list(range(EPISODES)))
    with taken_out(left_out(config, without, load_info(root).features)):
        dataset, _ = make_train_eval_datasets(config)
    ahead = 2 + 2 * args.workers
    order = torch.utils.data.RandomSampler(dataset, num_samples=args.batch_size * (args.steps + 2 * ahead))
    context = "spawn" if args.workers else None
    loader = iter(
        torch.utils.data.DataLoader(
            dataset, args.batch_size, sampler=order, num_workers=args.workers, multiprocessing_context=context
        )
    )
    waits = []
    for _ in range(args.steps + ahead):
        began = time.perf_counter()
        next(loader)
        waits.append(time.perf_counter() - began)
    for _ in loader:  # what was fetched ahead, so that its processes end by themselves
        pass
    return statistics.mean(waits[ahead:])


def _make(root: Path) -> None:
    """Two cameras of moving noise over a gradient, about as hard to decode as a bench's pictures."""
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    picture = {"dtype": "video", "shape": SIZE, "names": ["height", "width", "channels"]}
    joints = {"dtype": "float32", "shape": (6,), "names": [f"joint_{i}.pos" for i in range(6)]}
    features = {"observation.state": joints, "action": joints}
    features |= {f"observation.images.{name}": picture for name in CAMERAS}
    encoder = RGBEncoderConfig(vcodec="h264", preset="ultrafast")
    dataset = LeRobotDataset.create("lab/seen", FPS, features, root=root, rgb_encoder=encoder, streaming_encoding=True)
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 180, SIZE[1], dtype=np.uint8)[None, :, None]
    for _ in range(EPISODES):
        for number in range(FRAMES):
            shot = np.roll(np.broadcast_to(ramp, SIZE), 3 * number, axis=1) + random.integers(0, 40, SIZE, np.uint8)
            pose = np.full(6, number, np.float32)
            seen = {f"observation.images.{name}": shot for name in CAMERAS}
            dataset.add_frame({"observation.state": pose, "action": pose, "task": "look", **seen})
        dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main()
