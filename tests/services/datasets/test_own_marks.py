"""The list of datasets says whose mark is whose as a training does: by the episodes' contents."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.datasets.marks import SIDECAR
from services.datasets.matching import EVERY_EPISODE_COUNTS
from services.datasets.summary import DatasetSummary, summarize
from services.folders import DataFolder
from services.refusal import Refusal
from services.training import plan as training
from tests.support import foreign
from tests.support.plain_datasets import FILE, make, mark, put_episode


def counts(summary: DatasetSummary) -> tuple[int, int, int, tuple[int, ...]]:
    """What is said of the marks."""
    return summary.accepted, summary.rejected, summary.marked, summary.doubtful


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab").create()


def test_renumbered_episodes_are_counted_by_their_own_marks(folder: DataFolder) -> None:
    before = make(folder.datasets / "before", [0, 1, 2, 3])
    mark(before, 0, 3)
    root = make(folder.datasets / "cubes", [1, 2, 3])
    shutil.copy(before / SIDECAR, root)
    summary = summarize(root)
    assert counts(summary) == (2, 1, 3, ())
    assert training.episodes_used(summary) == "2 of 3 episodes, 1 rejected left out"


def test_marks_of_episodes_that_are_none_of_these_are_no_marks(folder: DataFolder) -> None:
    other = make(folder.datasets / "other", [7, 8, 9])
    mark(other)
    root = make(folder.datasets / "cubes", [1, 2, 3])
    shutil.copy(other / SIDECAR, root)
    summary = summarize(root)
    assert counts(summary) == (3, 0, 0, ())
    assert training.episodes_used(summary) == f"3 episodes, {EVERY_EPISODE_COUNTS}"


def test_what_a_training_would_refuse_is_said_and_refused_before_it_starts(folder: DataFolder) -> None:
    root = make(folder.datasets / "cubes", [1, 2, 3])
    mark(root, 1)
    put_episode(root, 1, 5)
    assert counts(summarize(root)) == (2, 0, 2, (1,))
    with pytest.raises(Refusal, match=r"the marks reject episode 1, but of other values.*--keep-marks"):
        training.plan(folder, dataset="cubes", policy="act", steps=1)
    assert not list(folder.runs.glob("*"))


def test_marks_of_a_dataset_whose_data_cannot_be_read_are_not_guessed(folder: DataFolder) -> None:
    root = make(folder.datasets / "cubes", [1, 2, 3])
    mark(root, 1)
    before = foreign.hashes(root)
    (root / FILE.format(9)).write_bytes(b"PAR1 half")
    assert (counts(summarize(root)), summarize(root).problem) == ((2, 1, 3, ()), None), "no episode of it is counted"
    (root / FILE.format(2)).write_bytes(b"PAR1 half")
    problem = summarize(root).problem
    assert problem is not None and "data/chunk-000/file-002.parquet is torn" in problem
    assert set(foreign.hashes(root)) - {FILE.format(9)} == set(before)


def test_each_file_is_read_once_and_again_when_it_changes(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    root, read, stock = make(folder.datasets / "cubes", [1, 2, 3]), list[str](), pq.ParquetFile

    def reading(path: Path) -> pq.ParquetFile:
        read.append(path.name)
        return stock(path)

    monkeypatch.setattr(pq, "ParquetFile", reading)
    summarize(root)
    assert not read, "no mark, so there is nothing to match"
    mark(root, 1)
    assert read == ["file-000.parquet", "file-001.parquet", "file-002.parquet"]
    assert summarize(root).rejected == summarize(root).rejected == 1 and len(read) == 3
    put_episode(root, 0, 6)
    assert counts(summarize(root)) == (2, 1, 2, ()) and read[3:] == ["file-000.parquet"]
