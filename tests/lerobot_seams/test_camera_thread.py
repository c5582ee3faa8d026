"""The lean encoder thread says what LeRobot's says, and leaves a video that LeRobot reads."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from lerobot.datasets import video_utils
from lerobot.datasets.compute_stats import RunningQuantileStats, auto_downsample_height_width

from services.workers.dataset.encoder_thread import PixelCounts


def pictures(count: int) -> list[Any]:
    chance = np.random.default_rng(3)
    ramp = np.linspace(20, 220, 640)[None, :, None] * np.array([1.0, 0.7, 0.4])
    return [(ramp + chance.normal(0, 9, (480, 640, 3)) + n).clip(0, 255).astype(np.uint8) for n in range(count)]


def test_counted_pixels_give_lerobots_statistics() -> None:
    ours, theirs = PixelCounts(), RunningQuantileStats()
    for picture in pictures(12):
        ours.add(picture)
        sampled = auto_downsample_height_width(picture.transpose(2, 0, 1))
        theirs.update(sampled.transpose(1, 2, 0).reshape(-1, 3))
    got, expected = ours.statistics(), theirs.get_statistics()
    assert got is not None
    assert set(got) == set(expected)
    for name in ("min", "max", "count"):
        assert got[name] == pytest.approx(expected[name]), name
    for name in ("mean", "std"):
        assert got[name] == pytest.approx(expected[name], abs=0.05), name
    for name in (n for n in got if n.startswith("q")):
        assert got[name] == pytest.approx(expected[name], abs=1.0), name


def test_one_picture_gives_no_statistics() -> None:
    counts = PixelCounts()
    counts.add(pictures(1)[0])
    assert counts.statistics() is None


def test_the_thread_that_is_replaced_takes_what_it_took() -> None:
    parameters = list(inspect.signature(video_utils._CameraEncoderThread.__init__).parameters)
    assert parameters == [
        "self",
        "video_path",
        "fps",
        "video_encoder",
        "frame_queue",
        "result_queue",
        "stop_event",
        "encoder_threads",
    ]
