"""`lab-console log`: the verbs on the log as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.__main__ import main
from console.exit import BAD_USAGE, OK
from services.folders import DataFolder
from tests.support.runs import make_folder, session_id, write_run


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = make_folder(tmp_path)
    write_run(folder, session_id(1))
    return folder


def test_the_tree_of_a_dataset_is_printed_as_text_and_as_json(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "tree", "cubes", "--data-dir", str(folder.root)]) == OK
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("cubes  1 accepted episode") and second.startswith("└─ recorded 2026-02-17")
    assert main(["log", "tree", "cubes", "--json", "--data-dir", str(folder.root)]) == OK
    (tree,) = json.loads(capsys.readouterr().out)
    assert tree["kind"] == "dataset" and tree["children"][0]["session"] == session_id(1)


def test_a_dataset_that_the_log_does_not_know_is_refused_in_a_sentence(
    folder: DataFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["log", "tree", "cube", "--data-dir", str(folder.root)]) == BAD_USAGE
    assert "'cube': did you mean cubes?" in capsys.readouterr().err
    assert main(["log", "tree", "cube", "--data-dir", str(tmp_path / "nothing")]) == BAD_USAGE
    assert "`lab-console sessions` lists what there is" in capsys.readouterr().err
