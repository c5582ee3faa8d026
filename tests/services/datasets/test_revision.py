"""A dataset's revision is what its episodes hold: copied, merged or marked it is the same, and any edit is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.datasets.marks import Mark, write_mark
from services.datasets.revision import revision, rows_of
from services.datasets.video_content import videos_of
from tests.support import foreign, plain_datasets

ARM = {"observation.state": foreign.vector(), "action": foreign.vector()}
TOP = {"observation.images.top": foreign.camera()}


def of(root: Path, episodes: range = range(3), without: tuple[str, ...] = ()) -> str:
    most = max(episodes) + 1
    return revision(rows_of(root, most), videos_of(root, episodes, without), 30, episodes)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return foreign.make(tmp_path_factory.mktemp("made") / "set", ARM | TOP, tasks=("Pick", "Place"))


def test_lerobots_merge_keeps_it_and_its_delete_all_but_the_videos_that_it_encodes(made: Path, tmp_path: Path) -> None:
    from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = LeRobotDataset("me/set", root=made, video_backend="pyav")
    merge_datasets([dataset, dataset], "me/twice", output_dir=tmp_path / "twice")
    twice, whole = tmp_path / "twice", of(made)
    assert whole == of(twice) == of(twice, range(3, 6)) != of(twice, range(6))
    delete_episodes(dataset, [0], output_dir=tmp_path / "less", repo_id="me/less")
    kept = rows_of(made, 3)
    assert rows_of(tmp_path / "less", 2) == {0: kept[1], 1: kept[2]} and len(set(kept.values())) == 3
    assert of(tmp_path / "less", range(2), ("top",)) == of(made, range(1, 3), ("top",))


def test_a_copy_under_another_name_with_marks_has_the_same(made: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(made, tmp_path / "other name")
    write_mark(copy, 1, Mark(accepted=False))
    (copy / "notes.txt").write_text("mine")
    assert of(copy) == of(made) != of(made, range(2))
    assert of(made) != of(made, without=("top",))


@pytest.mark.parametrize("column", ["action", "observation.state", "task"])
def test_one_number_of_any_column_makes_another_one(made: Path, tmp_path: Path, column: str) -> None:
    copy, before = shutil.copytree(made, tmp_path / "set"), rows_of(made, 3)
    if column == "task":
        (path,) = copy.glob("meta/episodes/*/*.parquet")
        table = pq.read_table(path)
        tasks = pa.array([["Pick"], ["Put it down"], ["Pick"]])
        table = table.set_column(table.schema.get_field_index("tasks"), "tasks", tasks)
    else:
        (path,) = copy.glob("data/*/*.parquet")
        table = pq.read_table(path)
        at = table.schema.get_field_index(column)
        values = np.array(table[column].to_pylist(), np.float32)
        values[foreign.FRAMES + 2, 1] += 1e-5
        table = table.set_column(at, table.schema.field(at), pa.array(values.tolist(), table.schema.field(at).type))
    pq.write_table(table, path)
    after = rows_of(copy, 3)
    assert [index for index in range(3) if after[index] != before[index]] == [1]


def test_without_the_rows_of_an_episode_nothing_is_said(tmp_path: Path) -> None:
    root = plain_datasets.make(tmp_path / "set", [1.0, 2.0])
    known = rows_of(root, 3)
    assert known[2] == "" and all(known[index] for index in range(2))
    assert revision(known, {}, 30, (0, 1)) and not revision(known, {}, 30, (0, 2)) and not revision(known, {}, 30, ())
    assert revision(known, {}, 30, (0, 1)) == revision(known, {}, 30.0, (1, 0)) != revision(known, {}, 15, (0, 1))
    assert known.keys() == {0, 1, 2}
    (root / plain_datasets.FILE.format(1)).write_bytes(b"torn")
    with pytest.raises(OSError, match=r"file-001\.parquet is torn"):
        rows_of(root, 2)
    assert rows_of(root, 1) == {0: known[0]}
    (root / "meta/episodes/chunk-000/file-000.parquet").write_bytes(b"torn")
    with pytest.raises(OSError, match=r"meta/episodes/chunk-000/file-000\.parquet is torn"):
        rows_of(root, 1)
