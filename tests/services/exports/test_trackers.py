"""What is written for TensorBoard and W&B, `watch` reads back."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import pytest

from console.__main__ import main
from console.exit import FAILED
from services.exports import export as exports
from services.exports import trackers
from services.exports.choosing import chosen
from services.folders import DataFolder
from services.refusal import Refusal
from services.training.watching.growing import GrowingFiles
from services.training.watching.points import LoggedRun
from tests.services.exports.conftest import RECORDING, TRAINING

FOLDER = f"act_v2-{TRAINING}"


def read(source: GrowingFiles) -> LoggedRun:
    while source.read():
        pass
    source.settle() if hasattr(source, "settle") else None
    (run,) = source.runs
    assert not source.damaged
    return run


def assert_same(run: LoggedRun, digits: float) -> None:
    assert run.points.steps == [100, 200, 300] and run.points.samples == [800, 1600, 2400]
    first, second, last = run.points.since(0)
    assert last.metrics == pytest.approx({"loss": 1 / 300, "lr": 1e-5}, rel=digits) and isnan(second.metrics["loss"])
    assert last.at - first.at == 200


def test_a_full_disk_is_one_sentence_and_a_failure(lab: DataFolder, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch,
                                                  capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    from tensorboard.summary.writer.record_writer import RecordWriter

    def full(self: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RecordWriter, "write", full)
    words = ["--data-dir", str(lab.root), "export", "--as", "tensorboard", "--to", str(tmp_path / "out")]
    assert main(words) == FAILED
    said = capfd.readouterr().err
    assert "the disk is full: free some space" in said and "Traceback" not in said and not (tmp_path / "out").exists()


def test_tensorboard_files_are_read_back(lab: DataFolder, tmp_path: Path) -> None:
    from services.training.watching.event_files import EventFiles

    exports.export(lab, chosen(lab, [], ""), "tensorboard", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FOLDER]
    assert_same(read(EventFiles(sorted((tmp_path / "out" / FOLDER).iterdir()))), 1e-6)


def test_an_offline_run_of_wandb_is_read_back(lab: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.training.watching.wandb_files import WandbFiles

    monkeypatch.setenv("HOME", str(tmp_path))
    exports.export(lab, chosen(lab, [TRAINING], ""), "wandb", tmp_path / "out")
    written = sorted((tmp_path / "out").rglob("*"))
    assert not [path for path in written if path.is_symlink()]
    run = read(WandbFiles([path for path in written if path.suffix == ".wandb"]))
    assert_same(run, 0.0)
    assert run.facts.config["lab_console"] == {
        "session": TRAINING,
        "dataset": "cubes",
        "policy": "act",
        "host": "robot",
    }


def test_a_library_that_is_missing_is_named_and_how_to_get_it(lab: DataFolder, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(Refusal, match=r"trackio is not installed where lab-console is: `uv pip install trackio` there"):
        exports.export(lab, chosen(lab, [], ""), "trackio", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_without_a_training_is_refused(lab: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no training among these sessions has metrics"):
        exports.export(lab, chosen(lab, [RECORDING], ""), "wandb", tmp_path / "out")
