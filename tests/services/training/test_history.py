"""The list of trainings: of the log, of folders that no session names, and each of them opened; nothing is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.training.history import list_runs, open_run, run_of
from sessions.models import SessionStatus
from tests.support import foreign
from tests.support.past_trainings import past_training

OLD = Path(__file__).parents[2] / "files_of_2026_11" / "lab"


@pytest.fixture
def folder(tmp_path) -> DataFolder:
    return DataFolder(tmp_path / "lab").create()


def a_foreign_folder(folder: DataFolder, name: str, step: int = 4000, **config) -> Path:
    output = folder.outputs / "train" / name
    pretrained = output / "checkpoints" / f"{step:06d}" / "pretrained_model"
    pretrained.mkdir(parents=True)
    (pretrained / "train_config.json").write_text(json.dumps(config))
    return output


def test_the_log_and_the_folder_are_one_list_newest_first(folder):
    first = past_training(folder, "20260201-010000-aaaa", name="first", at=1_700_000_000.0)
    past_training(folder, "20260202-010000-aaaa", name="second", at=1_700_100_000.0, steps=500, points=20)
    path = a_foreign_folder(
        folder, "2025-01-01/10-00-00_act", policy={"type": "act"}, dataset={"repo_id": "me/cubes"}, steps=8000
    )
    runs = list_runs(folder).runs
    assert [run.name for run in runs] == ["2025-01-01/10-00-00_act", "second", "first"], "the folder is of now"
    theirs, second, old = runs
    assert theirs.foreign and (theirs.policy, theirs.dataset) == ("act", "me/cubes")
    assert (theirs.reached, theirs.steps, theirs.status) == (4000, 8000, SessionStatus.ABORTED)
    assert (second.reached, second.steps, second.status) == (200, 500, SessionStatus.FINISHED)
    assert old.id == first.id and old.loss is not None and not old.foreign
    before = foreign.hashes(path)
    opened = open_run(folder, theirs)
    assert foreign.hashes(path) == before and not opened.metrics.exists()
    assert [c.step for c in opened.snapshot.training.checkpoints] == [4000]


def test_a_run_is_read_from_its_folder_and_from_the_log_alone_if_that_is_gone(folder):
    run = past_training(folder, "20260201-010000-aaaa", name="first")
    listed = list_runs(folder).runs[0]
    opened = open_run(folder, listed)
    assert opened.metrics == run.metrics and opened.request.name == "first"
    shutil.rmtree(run.root)
    again = open_run(folder, listed)
    assert again.snapshot.training == opened.snapshot.training and again.snapshot.status is SessionStatus.FINISHED


@pytest.mark.parametrize("text", ["", "{", "[]", '{"policy": 3, "steps": "many", "dataset": null}'])
def test_a_folder_with_a_damaged_configuration_is_still_listed(folder, text):
    output = a_foreign_folder(folder, "odd")
    (output / "checkpoints" / "004000" / "pretrained_model" / "train_config.json").write_text(text)
    (output / "checkpoints" / "last").symlink_to("004000")
    run = list_runs(folder).runs[0]
    assert (run.name, run.policy, run.reached, run.steps) == ("odd", "", 4000, 0)
    assert open_run(folder, run).snapshot.training is not None


def test_a_folder_without_a_checkpoint_is_no_run(folder):
    (folder.outputs / "train" / "empty" / "checkpoints").mkdir(parents=True)
    assert list_runs(folder).runs == ()


def test_runs_of_older_versions_are_listed_and_opened(tmp_path):
    shutil.copytree(OLD, tmp_path / "lab")
    folder = DataFolder(tmp_path / "lab")
    runs = list_runs(folder).runs
    assert len(runs) >= 4 and all(run.at > 0 and run.name for run in runs)
    for run in runs:
        assert open_run(folder, run).snapshot is not None
        assert run.session is None or run_of(run.session) == run
