"""Fingerprints of what a policy was trained with: LeRobot's configuration, and the arms' calibrations. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

PLACES = frozenset({
    "output_dir", "job_name", "job", "resume", "checkpoint_path", "wandb", "log_freq", "save_freq", "save_checkpoint",
    "num_workers", "prefetch_factor", "persistent_workers", "save_checkpoint_to_hub",
    "dataset.root", "dataset.repo_id", "dataset.episodes", "dataset.revision", "dataset.video_backend",
    "policy.device", "policy.push_to_hub", "policy.repo_id", "policy.private", "policy.tags", "policy.license",
    "policy.pretrained_path",
})  # fmt: skip
"""Keys of LeRobot's TrainPipelineConfig that say where, how quickly, or on which data, and not how it is learnt."""


def configuration(config: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of a training's configuration, without `PLACES`; empty for an empty one.

    The same for LeRobot's `TrainPipelineConfig.to_dict()` and for the train_config.json beside a checkpoint.
    """
    if not config:
        return ""
    try:
        told = orjson.dumps(_without_places(config, ""), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, OverflowError, ValueError):  # what no JSON of ours holds: it is not told
        return ""
    return hashlib.sha256(told).hexdigest()


def _without_places(config: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Numbers and flags as floats: of a resumed training LeRobot has 0 where it had False, or 0.0, before."""
    return {
        key: _without_places(value, f"{prefix}{key}.") if isinstance(value, Mapping) else _plain(value)
        for key, value in config.items()
        if f"{prefix}{key}" not in PLACES
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, int) else value


def calibration(calibrations: Mapping[str, Mapping[str, str]]) -> str:
    """SHA-256 (hexadecimal) of the different calibrations among these, each by arm; empty without one.

    `calibrations` are by session the SHA-256 of each arm's calibration file.
    """
    different = {tuple(sorted(arms.items())) for arms in calibrations.values() if arms}
    return hashlib.sha256(orjson.dumps(sorted(different))).hexdigest() if different else ""
