"""The cameras that a training leaves out, taken out of the dataset where LeRobot reads it: nothing decodes them.

LeRobot 0.6.1 decodes every video of a dataset's metadata and every picture among its columns, whatever the policy looks
at (`datasets/dataset_reader.py`, `_get_query_timestamps` and `get_item`). The dataset's files stay as they are.

Hooked, and guarded by `tests/lerobot_seams`:
- `LeRobotDatasetMetadata._load_metadata`: all three datasets of `make_train_eval_datasets` read their features and
  statistics there, and everything else follows from them; processes that load data are given the finished objects.
- `dataset_reader.load_nested_dataset`: pictures that are no videos are columns of the data files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets import dataset_reader
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.datasets.feature_utils import get_hf_features_from_features

from services.datasets.cameras import camera_keys

Features = Mapping[str, Mapping[str, Any]]


def left_out(config: TrainPipelineConfig, wanted: Sequence[str], features: Features) -> dict[str, str]:
    """The feature keys of the cameras that are not read, each with the camera's name, in the dataset's order.

    These are the `wanted` ones, and those that a pretrained policy does not look at. Where it lacks cameras that it was
    trained with as well, LeRobot refuses the dataset (`policies/utils.py`, validate_visual_features_consistency), and
    its sentence should name all of them. A stream reads all columns: of it only the wanted ones are left out.
    """
    keys = camera_keys(features)
    own = {name: config.rename_map.get(key, key) for name, key in keys.items()}
    inputs = (config.policy.input_features if config.policy else None) or {}
    seen = {key for key, feature in inputs.items() if feature.type.value == "VISUAL"}
    fits = bool(inputs) and not config.dataset.streaming and seen <= set(own.values())
    return {key: name for name, key in keys.items() if name in wanted or (fits and own[name] not in seen)}


@contextmanager
def taken_out(keys: Mapping[str, str]) -> Iterator[None]:
    """Within this, LeRobot reads datasets as if they had no features of these keys."""
    load_metadata, load_rows = LeRobotDatasetMetadata._load_metadata, dataset_reader.load_nested_dataset
    gone: dict[str, dict[str, Any]] = {}

    def without_features(meta: LeRobotDatasetMetadata) -> None:
        load_metadata(meta)
        gone.update({key: meta.info.features.pop(key) for key in keys if key in meta.info.features})
        if meta.stats is not None:
            meta.stats = {key: stats for key, stats in meta.stats.items() if key not in keys}

    def without_columns(
        pq_dir: Path, features: datasets.Features | None = None, episodes: list[int] | None = None
    ) -> datasets.Dataset:
        pictures = get_hf_features_from_features({k: f for k, f in gone.items() if f["dtype"] == "image"})
        every = datasets.Features({**features, **pictures}) if features is not None else None
        return load_rows(pq_dir, features=every, episodes=episodes).remove_columns(list(pictures))

    LeRobotDatasetMetadata._load_metadata = without_features
    dataset_reader.load_nested_dataset = without_columns
    try:
        yield
    finally:
        LeRobotDatasetMetadata._load_metadata = load_metadata
        dataset_reader.load_nested_dataset = load_rows
