"""What loading costs, measured by LeRobot's own loaders, and four planted causes that are named for what they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.folders import DataFolder
from services.training.bottleneck import Cause, Figure, bottleneck, step_cost
from tests.support import planted_causes
from tests.support.planted_causes import Planted, opened
from tests.support.rig import wait_until
from tests.support.trainings import make_dataset
from tests.support.zygote import Zygote


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two small cameras."""
    return make_dataset(DataFolder(tmp_path_factory.mktemp("lab")), cameras=True, episodes=2, frames=30)


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
    videos: Path, tmp_path: Path, zygote: Zygote, cause: Cause, computes: bool, loaders: int, update_s: float,
    cpu_load: float,
) -> None:  # fmt: skip
    """How busy the cores are is given: this machine may be busy with other tests."""
    decode_s = 0.005 if cause is Cause.UPDATE else 0.03
    planted = Planted(root=str(videos), decode_s=decode_s, computes=computes, loaders=loaders, update_s=update_s)
    (tmp_path / "planted.json").write_bytes(msgspec.json.encode(planted))
    zygote.call(planted_causes.__name__, tmp_path)
    answer, log = tmp_path / "figures.json", tmp_path / "worker.log"
    wait_until(answer.exists, planted_causes.PATIENCE_S, f"no figures: {log.read_text() if log.exists() else ''}")
    figures = msgspec.json.decode(answer.read_bytes(), type=dict[str, float]) | {Figure.CPU_LOAD: cpu_load}
    assert figures[Figure.DECODES] == 2, "two cameras, a frame of each"
    assert figures[Figure.ITEM_S] >= figures[Figure.DECODE_S] > 0
    cost = step_cost(figures, {"batch_size": planted_causes.BATCH, "num_workers": loaders}, cores=4)
    assert cost is not None
    found = bottleneck(cost)
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
