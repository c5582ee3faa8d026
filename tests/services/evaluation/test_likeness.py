"""Where an object lay in a dataset that may be anybody's: what is no place is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.evaluation.likeness import SCENE, place_in
from sessions.conditions import Condition, Place
from tests.support.runs import make_folder

NAMES = ["cube.x", "cube.y"]


@pytest.mark.parametrize(
    ("names", "seen", "place"),
    [
        (NAMES, [0.2, -0.03], Place(200.0, -30.0)),
        (NAMES, [float("nan"), 0.0], None),
        (NAMES, [float("inf"), 0.0], None),
        (NAMES, [1e9, 0.0], None),
        (NAMES, None, None),
        (NAMES, [0.2, None], None),
        ([["cube.x"], "cube.y"], [0.2, 0.0], None),
        (5, [0.2, 0.0], None),
    ],
)
def test_only_a_place_where_an_object_can_lie_is_a_place(
    tmp_path: Path, names: Any, seen: Any, place: Place | None
) -> None:
    folder = make_folder(tmp_path)
    root = folder.datasets / "cubes"
    (root / "meta").mkdir(parents=True)
    feature = {"dtype": "float32", "shape": [2], "names": names}
    counts = {f"total_{what}": 1 for what in ("episodes", "frames", "tasks")}
    info = {"codebase_version": "v3.0", "fps": 30, "robot_type": "r", "features": {SCENE: feature}, **counts}
    (root / "meta/info.json").write_text(json.dumps(info))
    (root / "data").mkdir()
    rows = {"episode_index": [0], "frame_index": [0]}
    scene = pa.array([seen], pa.list_(pa.float32()))
    pq.write_table(pa.table({**rows, SCENE: scene}), root / "data/a.parquet")
    assert place_in(folder, "cubes", 0) == place


def test_a_number_that_no_episode_can_have_is_none() -> None:
    assert Condition(name="c", like=f"cubes#{'9' * 5000}").likeness is None
