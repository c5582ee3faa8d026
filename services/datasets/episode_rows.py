"""The length and first task of each episode, from `meta/episodes`.

Reads parquet (pyarrow), so import this only where a dataset is really looked into.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sessions.files import check_file


@dataclass(frozen=True)
class EpisodeRows:
    """By episode: frames, and the first task. Empty where the dataset does not say."""

    lengths: dict[int, int]
    tasks: dict[int, str]


def read_rows(root: Path, *, strict: bool = False) -> EpisodeRows:
    """What the readable files hold: a torn one is left out, or if `strict` raises OSError. Reading changes nothing."""
    lengths: dict[int, int] = {}
    tasks: dict[int, str] = {}
    for path in sorted(root.glob("meta/episodes/*/*.parquet")):
        try:
            check_file(path)
            schema = pq.read_schema(path)
            wanted = [name for name in ("episode_index", "length", "tasks") if name in schema.names]
            rows = pq.read_table(path, columns=wanted).to_pylist()
        except (OSError, pa.ArrowException) as error:
            if strict:
                raise OSError(f"{path.relative_to(root)} is torn, or may not be read") from error
            continue
        for row in rows:
            index, length, own = row.get("episode_index"), row.get("length"), row.get("tasks")
            if isinstance(index, int) and isinstance(length, int):
                lengths[index] = length
            if isinstance(index, int) and isinstance(own, list) and own:
                tasks[index] = str(own[0])
    return EpisodeRows(lengths, tasks)
