"""Small datasets of numbers, written without LeRobot: what its metadata and a look at the marks need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets.content import contents, data_files
from services.datasets.marks import Mark, write_mark
from services.datasets.summary import INFO

ROWS = 4
FILE = "data/chunk-000/file-{:03d}.parquet"


def put_episode(root: Path, number: int, value: float) -> Path:
    """A data file with one episode of that number, whose actions are around this value."""
    path = root / FILE.format(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    actions = pa.array([[value, value + row] for row in range(ROWS)], pa.list_(pa.float32()))
    pq.write_table(pa.table({"episode_index": pa.array([number] * ROWS), "action": actions}), path)
    return path


def make(root: Path, values: Sequence[float]) -> Path:
    """A dataset with an episode for each value."""
    (root / "meta").mkdir(parents=True)
    features = {"action": {"dtype": "float32", "shape": [2], "names": ["a.pos", "b.pos"]}}
    info = {
        "codebase_version": "v3.0",
        "fps": 30,
        "total_episodes": len(values),
        "total_frames": ROWS * len(values),
        "total_tasks": 1,
        "features": features,
    }
    (root / INFO).write_bytes(orjson.dumps(info))
    for number, value in enumerate(values):
        put_episode(root, number, value)
    rows = {"episode_index": range(len(values)), "length": [ROWS] * len(values)}
    rows |= {"data/chunk_index": [0] * len(values), "data/file_index": range(len(values))}
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(
        pa.table({k: pa.array(v) for k, v in rows.items()}), root / "meta/episodes/chunk-000/file-000.parquet"
    )
    pq.write_table(pa.table({"task_index": [0]}), root / "meta/tasks.parquet")
    (root / "meta/stats.json").write_text('{"action": {"mean": [0.0, 0.0], "std": [1.0, 1.0]}}')
    return root


def mark(root: Path, *rejected: int) -> None:
    """Mark every episode, bound to what it holds now."""
    for number, content in contents(data_files(root)).items():
        write_mark(root, number, Mark(accepted=number not in rejected), content)
