"""Fingerprints of a training's configuration and of calibrations: what counts, and what does not."""

from __future__ import annotations

from typing import Any

from services.checkpoints.settings import calibration, configuration

CONFIG: dict[str, Any] = {
    "output_dir": "/a", "batch_size": 8, "optimizer": {"lr": 1e-5, "betas": (0.9, 0.999)},
    "dataset": {"root": "/data/a", "use_imagenet_stats": True},
    "policy": {"type": "act", "device": "cuda", "stride": False},
}  # fmt: skip


def test_how_it_learns_counts_and_where_does_not() -> None:
    told = configuration(CONFIG)
    dataset, policy = {"root": "/b", "use_imagenet_stats": True}, {"device": "cpu", "type": "act", "stride": 0}
    elsewhere = {**CONFIG, "output_dir": "/b", "num_workers": 2, "dataset": dataset, "policy": policy}
    assert told == configuration({**elsewhere, "batch_size": 8.0, "optimizer": {"lr": 1e-5, "betas": [0.9, 0.999]}})
    assert len({told, *(configuration(CONFIG | change) for change in ({"batch_size": 9}, {"optimizer": {}}))}) == 3
    assert configuration({}) == configuration({"seed": object()}) == configuration({"seed": 10**999}) == ""


def test_different_calibrations_count_whoever_recorded_with_them() -> None:
    one, other = {"follower": "1f", "leader": "2e"}, {"follower": "1f", "leader": "3d"}
    assert calibration({"a": one}) == calibration({"b": dict(reversed(one.items())), "c": one, "d": {}})
    assert len({calibration({"a": one}), calibration({"a": other}), calibration({"a": one, "b": other})}) == 3
    assert calibration({}) == calibration({"a": {}}) == ""
