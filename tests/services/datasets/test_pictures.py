"""Pictures that lie in the tables are known again as videos are: moved by LeRobot they are the same, edited not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets.pictures import pictures_of
from tests.support import foreign

ARM = {"observation.state": foreign.vector(), "action": foreign.vector()}


def test_pictures_in_tables_are_told_by_episode(tmp_path: Path) -> None:
    from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    features = {"observation.images.top": foreign.camera("image"), "observation.images.side": foreign.camera("image")}
    made = foreign.make(tmp_path / "set", ARM | features)
    whole = pictures_of(made, range(3))
    assert whole.keys() == {"top", "side"} and len(set(whole["top"].values())) == 3 and all(whole["top"].values())
    assert pictures_of(made, (2,), without=("side",)) == {"top": {2: whole["top"][2]}}
    dataset = LeRobotDataset("me/set", root=made)
    merge_datasets([dataset, dataset], "me/twice", output_dir=tmp_path / "twice")
    assert list(pictures_of(tmp_path / "twice", range(6))["top"].values()) == [*whole["top"].values()] * 2
    delete_episodes(dataset, [0], output_dir=tmp_path / "less", repo_id="me/less")
    assert pictures_of(tmp_path / "less", range(2))["side"] == {0: whole["side"][1], 1: whole["side"][2]}

    copy = shutil.copytree(made, tmp_path / "copy")
    (path,) = copy.glob("data/*/*.parquet")
    table = pq.read_table(path)
    at = table.schema.get_field_index("observation.images.top")
    pictures = table.column(at).to_pylist()
    pictures[foreign.FRAMES]["bytes"] += b"1"
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(pictures, table.schema.field(at).type)), path)
    after = pictures_of(copy, range(3))
    assert after["side"] == whole["side"]
    assert [index for index in range(3) if after["top"][index] != whole["top"][index]] == [1]
    path.unlink()
    os.mkfifo(path)
    assert pictures_of(copy, range(3)) == {}
