"""What loading costs, measured by LeRobot's own loaders, and four planted causes that are named for what they are."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.folders import DataFolder
from services.training.bottleneck import Cause, Figure, bottleneck, step_cost
from tests.support.trainings import make_dataset

BATCH, STEPS = 4, 6


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two small cameras."""
    return make_dataset(DataFolder(tmp_path_factory.mktemp("lab")), cameras=True, episodes=2, frames=30)


def opened(root: Path) -> tuple[Any, Any]:
    """LeRobot's dataset, and the clock that measures it."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from services.workers.training.loading import LoadingClock, measure

    dataset, clock = LeRobotDataset("lab/cubes", root=root, video_backend="pyav", return_uint8=True), LoadingClock()
    measure(dataset, clock)
    return dataset, clock


def trained(root: Path, *, loaders: int, update_s: float, cpu_load: float, cores: int = 4) -> Any:
    """The bottleneck of a loop as LeRobot's (scripts/lerobot_train.py) whose update takes so long.

    How busy the cores are is given: this machine may be busy with other tests.
    """
    from torch.utils.data import DataLoader

    dataset, clock = opened(root)
    context = multiprocessing.get_context("fork") if loaders else None
    batches = iter(DataLoader(dataset, batch_size=BATCH, num_workers=loaders, multiprocessing_context=context))
    next(batches)
    clock.take()
    waits = 0.0
    for _ in range(STEPS):
        began = time.perf_counter()
        next(batches)
        waits += time.perf_counter() - began
        time.sleep(update_s)
    figures = clock.take() | {"update_s": update_s, "dataloading_s": waits / STEPS, Figure.CPU_LOAD: cpu_load}
    assert figures[Figure.DECODES] == 2, "two cameras, a frame of each"
    assert figures[Figure.ITEM_S] >= figures[Figure.DECODE_S] > 0
    cost = step_cost(figures, {"batch_size": BATCH, "num_workers": loaders}, cores=cores)
    assert cost is not None
    return bottleneck(cost), figures


def slow(seconds: float, *, computes: bool) -> Any:
    """LeRobot's decoder, and before it so many seconds of computing or of waiting."""
    from lerobot.datasets import dataset_reader

    stock, numbers = dataset_reader.decode_video_frames, np.random.default_rng(0).random((64, 64))

    def decode(*args: Any, **kwargs: Any) -> Any:
        end = time.thread_time() + seconds
        while computes and time.thread_time() < end:
            _ = numbers @ numbers
        if not computes:
            time.sleep(seconds)
        return stock(*args, **kwargs)

    return decode


@pytest.mark.parametrize(
    ("cause", "computes", "loaders", "update_s", "cpu_load"),
    [
        (Cause.DECODING, True, 1, 0.002, 1.0),
        (Cause.LOADERS, True, 1, 0.002, 0.4),
        (Cause.DISK, False, 2, 0.002, 0.2),
        (Cause.UPDATE, True, 2, 0.3, 0.6),
    ],
    ids=["slow decoder", "one loader", "slow disk", "heavy model"],
)
def test_a_planted_cause_is_named(
    videos: Path, monkeypatch: pytest.MonkeyPatch, cause: Cause, computes: bool, loaders: int, update_s: float,
    cpu_load: float,
) -> None:  # fmt: skip
    from lerobot.datasets import dataset_reader

    decoding = 0.005 if cause is Cause.UPDATE else 0.03
    monkeypatch.setattr(dataset_reader, "decode_video_frames", slow(decoding, computes=computes))
    found, figures = trained(videos, loaders=loaders, update_s=update_s, cpu_load=cpu_load)
    assert found.cause is cause, figures
    assert found.remedies


def test_a_stream_has_no_clock_and_an_item_costs_nothing_before_one_is_loaded(videos: Path) -> None:
    from services.workers.training.loading import measure

    _, clock = opened(videos)
    measure(object(), clock)
    assert clock.take() == {}


def test_slow_items_are_all_measured_and_of_quick_ones_a_few_of_each_window() -> None:
    from services.workers.training.loading import SPACING_S, LoadingClock

    clock = LoadingClock()
    assert measured(clock, SPACING_S, 100) == 100
    assert clock.take()[Figure.DECODES] == 1
    few = [measured(clock, 0.001, 1000) for _ in range(10)]
    assert sum(few) == pytest.approx(10_000 * 0.001 / SPACING_S, rel=0.2)
    clock.take()
    for _ in range(20):
        assert measured(clock, 0.001, 1) == 1, "a window of one item has a figure"
        clock.take()


def measured(clock: Any, seconds: float, items: int) -> int:
    """How many of so many items, each of which takes so long, are measured."""
    count = 0
    for _ in range(items):
        if clock.due():
            clock.add(seconds, seconds, 0.0, 0.0, 1)
            count += 1
    return count


def test_a_wait_for_a_core_is_that_of_the_thread_and_the_process_that_asks() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from services.workers.training.loading import WaitForCore

    waits = WaitForCore()

    def agrees(_: int = 0) -> bool:
        """Both are counters of this thread: what was asked for later is not less, and not a second more."""
        before = waits.seconds()
        stands = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
        return before <= stands < before + 1

    assert agrees()
    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(agrees, range(8)))
    assert agrees()
    if (child := os.fork()) == 0:
        os._exit(0 if agrees() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_what_falls_into_few_windows_counts_for_all_steps() -> None:
    """Ten windows of ten steps of 0.1 s; in one of them a checkpoint of 5 s, in another a held-out loss of 20 s."""
    from services.workers.training.window import Window

    window, now, inside = Window(), 100.0, {"update_s": 0.08, "dataloading_s": 0.02}
    window.begin(now, 50)
    for number in range(1, 11):
        now += 1.0
        if number == 3:
            window.saved(5.0)
            now += 5.0
        if number == 6:
            now += 20.0
        found = window.end(now, 50 + 10 * number, inside)
    assert found == {Figure.SAVE_S: pytest.approx(0.05), Figure.OTHER_S: pytest.approx(0.2)}
    assert window.end(now, 150, inside) == {}, "no step, no figure"
    cost = step_cost(inside | found, {"eval_steps": 60})
    assert cost is not None and bottleneck(cost).cause is Cause.EVALUATION
