"""The statistics with which a policy normalizes: those of the episodes that it learns from.

LeRobot hands `dataset.meta.stats` to the policy's processors (`scripts/lerobot_train.py`). They come from stats.json
and cover the whole dataset, even what `dataset.episodes` and `dataset.eval_split` leave out: one rejected take with a
wild motion would squeeze the range of all others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from lerobot.datasets.io_utils import load_stats
from lerobot.datasets.streaming_dataset import StreamingLeRobotDataset

from services.workers.dataset import episode_stats

logger = logging.getLogger(__name__)

Stats = dict[str, Any]
"""One feature's mean, std, min, max, count and quantiles."""
CLOSE = 1e-3
"""How much sums may differ that were added in another order."""


def trained_episodes(dataset: Any) -> tuple[int, ...]:
    """The episodes that LeRobot trains on, given the dataset that its factory made; without held-out ones.

    A stream accepts `episodes` but leaves none out (LeRobot 0.6.1, `datasets/streaming_dataset.py`); `config`
    refuses streaming if an episode is rejected.
    """
    if dataset.episodes is None or isinstance(dataset, StreamingLeRobotDataset):
        return tuple(range(dataset.meta.total_episodes))
    return tuple(sorted(int(index) for index in dataset.episodes))


def narrow(dataset: Any, episodes: Sequence[int]) -> None:
    """Make `dataset.meta.stats` those of `episodes`; changes nothing if these are all.

    What LeRobot's factory put in place of a camera's statistics (ImageNet's) stays, and so does the absence of those of
    a camera that is left out. A feature without statistics per
    episode keeps the dataset's, with a warning.
    """
    meta = dataset.meta
    if meta.stats is None or len(episodes) == meta.total_episodes:
        return
    made = meta.stats
    whole = {feature: stats for feature, stats in load_stats(meta.root).items() if feature in made}
    own, kept = _of(episodes, whole, episode_stats.read(meta.root.glob("meta/episodes/*/*.parquet")))
    if kept:
        logger.warning(
            "normalized with the statistics of all %d episodes of the dataset, not only of the %d that are trained on, "
            "because meta/episodes does not have them separately: %s",
            meta.total_episodes, len(episodes), ", ".join(kept),
        )  # fmt: skip
    meta.stats = {feature: stats | own.get(feature, {}) for feature, stats in whole.items()}
    meta.rescale_depth_stats(dataset.depth_output_unit)  # as LeRobot does with what it reads from stats.json
    for feature, stats in made.items():
        # What was loaded is numpy's; the factory's own are tensors (`datasets/factory.py`).
        meta.stats[feature] |= {name: value for name, value in stats.items() if isinstance(value, torch.Tensor)}


def _of(episodes: Sequence[int], whole: Mapping[str, Stats], table: pa.Table) -> tuple[dict[str, Stats], list[str]]:
    """Each feature's statistics in these episodes, and the names of the features that keep the dataset's.

    The table is used only if all of its rows aggregate to what stats.json has: that may hold, for instance, statistics
    of actions relative to the state (`lerobot-edit-dataset`, recompute_stats), which are in no row.
    """
    mine = table.filter(pc.is_in(table["episode_index"], value_set=pa.array(episodes)))
    complete = mine.num_rows == len(episodes)
    own: dict[str, Stats] = {}
    kept: list[str] = []
    for feature, stats in whole.items():
        every, chosen = _aggregate(table, feature), _aggregate(mine, feature)
        if not complete or not every or not chosen or not _same(every, stats):
            kept.append(feature)
            continue
        own[feature] = chosen
        kept += [f"{feature} ({name})" for name in stats if name not in chosen]
    return own, kept


def _aggregate(table: pa.Table, feature: str) -> Stats:
    """One feature's statistics over the table's rows; empty if a row lacks them or has others."""
    prefix = f"{episode_stats.PREFIX}{feature}/"
    columns = [name for name in table.column_names if name.startswith(prefix)]
    try:
        return episode_stats.aggregate(episode_stats.rows(table.select(columns))).get(feature, {})
    except (KeyError, ValueError):
        return {}


def _same(every: Stats, stats: Stats) -> bool:
    """Whether these are one feature's statistics over the same frames."""
    size = max(np.abs(every["min"]).max(), np.abs(every["max"]).max())
    return np.array_equal(every["count"], stats.get("count", ())) and all(
        name in stats
        and np.shape(every[name]) == np.shape(stats[name])
        and np.allclose(every[name], stats[name], rtol=CLOSE, atol=CLOSE * size)
        for name in ("mean", "std", "min", "max")
    )
