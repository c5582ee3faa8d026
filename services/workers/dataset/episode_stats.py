"""The statistics in each episode's row of `meta/episodes`, and how to aggregate them.

Imports LeRobot, which takes seconds, only to aggregate: surveying a healthy dataset does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PREFIX = "stats/"
"""The prefix of LeRobot's columns: `stats/FEATURE/mean` and so on (`datasets/dataset_metadata.py`)."""


def read(files: Iterable[Path]) -> pa.Table:
    """The rows of these files: `episode_index` and the statistics, null if a file lacks another's column."""
    tables = []
    for path in sorted(files):
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            tables.append(file.read(columns=[n for n in names if n == "episode_index" or n.startswith(PREFIX)]))
    return pa.concat_tables(tables, promote_options="permissive")


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """Each episode's statistics, without missing ones, as {"FEATURE/mean": value}."""
    stats = table.select([name for name in table.column_names if name.startswith(PREFIX)]).to_pylist()
    return [{key.removeprefix(PREFIX): v for key, v in row.items() if v is not None} for row in stats]


def aggregate(episodes: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """LeRobot's aggregate of several such rows, {feature: {"mean": array}} (`datasets/compute_stats.py`).

    Raises KeyError if a row has a feature only in part, ValueError if shapes differ.
    """
    from lerobot.datasets.compute_stats import aggregate_stats
    from lerobot.datasets.io_utils import cast_stats_to_numpy
    from lerobot.utils.utils import unflatten_dict

    result: dict[str, dict[str, Any]] = aggregate_stats([cast_stats_to_numpy(unflatten_dict(e)) for e in episodes])
    return result


def as_json(stats: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The statistics in the form of stats.json."""
    from lerobot.datasets.utils import serialize_dict

    result: dict[str, Any] = serialize_dict(stats)
    return result
