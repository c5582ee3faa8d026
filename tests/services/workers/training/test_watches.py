"""Alarms about curves that jump, steps that do not come, and the disk that has no room; what the machine says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.live import events as ev
from services.live.reasons import AlarmSource
from services.workers.training.curve_watch import WINDOW, CurveWatch
from services.workers.training.machine import Gpu, Machine, usable_cores
from services.workers.training.stall_watch import StallWatch
from tests.support.rig import wait_until

Change = ev.AlarmRaised | ev.AlarmCleared


def watched(losses: list[float], name: str = "loss") -> list[Change]:
    watch = CurveWatch()
    return [change for step, loss in enumerate(losses, 1) for change in watch.look(step, {name: loss})]


def falling(count: int, seed: int = 0) -> list[float]:
    """A loss as training gives it: falling, with noise of a fifth."""
    noise = np.random.default_rng(seed).lognormal(0, 0.2, count)
    return [float(0.02 + 1 / (1 + 0.1 * step)) * float(noise[step]) for step in range(count)]


def test_a_loss_that_jumps_is_an_alarm_until_it_is_back() -> None:
    usual = falling(40)
    raised, cleared = watched([*usual, usual[-1] * 10, usual[-1] * 11, usual[-1]])
    assert isinstance(raised, ev.AlarmRaised) and raised.source is AlarmSource.SPIKE
    assert raised.text.startswith("the loss jumped to ") and "at step 41; it was " in raised.text
    assert "lower learning rate" in raised.answer and isinstance(cleared, ev.AlarmCleared)


def test_a_gradient_explodes_only_if_it_is_many_times_as_large() -> None:
    assert not watched([1.0, 1.1, 0.9] * 5 + [6.0], "grad_norm")
    (raised,) = watched([1.0, 1.1, 0.9] * 5 + [60.0], "grad_norm")
    assert isinstance(raised, ev.AlarmRaised) and raised.source is AlarmSource.GRADIENT


def test_a_level_that_lasts_is_the_new_one() -> None:
    raised, cleared = watched([0.1] * 12 + [5.0] * (2 * WINDOW))
    assert isinstance(raised, ev.AlarmRaised) and isinstance(cleared, ev.AlarmCleared)


def test_noise_and_the_begin_of_a_training_raise_no_alarm() -> None:
    assert sum(bool(watched(falling(200, seed))) for seed in range(40)) <= 1
    assert not watched([5.0, 1.0, 0.2, 4.0, 0.1])


@given(st.lists(st.floats(-1e6, 1e6), max_size=80))
def test_any_curve_gives_alarms_that_end_before_the_next(losses: list[float]) -> None:
    changes = watched(losses)
    assert all(isinstance(change, ev.AlarmRaised) for change in changes[::2])
    assert all(isinstance(change, ev.AlarmCleared) for change in changes[1::2])


@pytest.mark.parametrize("stuck", ["data", "update"])
def test_a_step_that_does_not_come_says_what_it_waits_for(stuck: str) -> None:
    said: list[Change] = []
    watch = StallWatch(said.append, patience_s=0.3)
    watch.start(3)

    def loader() -> Iterator[int]:
        yield 1
        wait_until(lambda: stuck == "update" or len(said) == 1)
        yield 2

    for step, _ in enumerate(watch.batches(loader()), 1):
        if stuck == "update" and step == 2:
            wait_until(lambda: len(said) == 1)
        watch.stepped(step)
    wait_until(lambda: len(said) == 2)
    watch.stop()
    raised, cleared = said
    assert isinstance(raised, ev.AlarmRaised) and isinstance(cleared, ev.AlarmCleared)
    words = {"data": "no data from 3 processes for", "update": "step 2 has computed for"}
    assert words[stuck] in raised.text and raised.source is AlarmSource.STALLED


def test_between_steps_a_checkpoint_may_take_its_time() -> None:
    said: list[Change] = []
    watch = StallWatch(said.append, patience_s=0.05)
    watch.start(0)
    watch.stepped(1)
    time.sleep(0.4)
    watch.stop()
    assert not said


def test_the_machine_says_what_it_has_and_what_it_is_busy_with(tmp_path: Path) -> None:
    machine = Machine("cpu", tmp_path / "not" / "yet")
    has, load = machine.hardware(), machine.load()
    assert has.cores == usable_cores() and has.memory == psutil.virtual_memory().total and not has.gpu
    assert 0 <= load.cpu <= 1 and 0 < load.memory_used <= load.memory and load.disk_free
    assert load.gpu is None and load.gpu_watts is None


def test_a_gpu_that_is_not_there_says_nothing() -> None:
    gpu = Gpu("cuda:63")
    assert not gpu.name and set(gpu.load().values()) == {None}


class Board:
    """What NVIDIA's library answers for a board that measures no power."""

    def __getattr__(self, name: str) -> Any:
        answers = {"nvmlDeviceGetName": b"Board", "nvmlDeviceGetTemperature": 61}
        if name not in answers:
            raise RuntimeError("NVMLError_NotSupported")
        return lambda *_: answers[name]


def test_what_a_board_does_not_measure_is_left_out() -> None:
    gpu = Gpu("cpu")
    gpu._nvml = Board()
    assert gpu.name == "Board"
    assert {name: value for name, value in gpu.load().items() if value is not None} == {"gpu_celsius": 61.0}
