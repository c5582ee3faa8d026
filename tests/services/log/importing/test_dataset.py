"""`lab-console import FOLDER`: a LeRobot dataset becomes a recording session, and nothing of it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from console.__main__ import main
from services.datasets.marks import Mark, write_mark
from services.datasets.summary import INFO
from services.folders import DataFolder
from services.log import logbook
from services.log.headline import counts
from services.log.importing import dataset
from services.log.kinship.links import origins, results
from services.refusal import Refusal
from sessions.document import Session
from sessions.models import SessionKind
from sessions.recorded import RecordedCamera, RecordedRecording
from tests.services.log.importing.test_file import text_of
from tests.services.training.watching.test_sources import checkpoint
from tests.support.plain_datasets import make, put_episode
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

CAMERA = {"dtype": "video", "shape": [480, 640, 3], "names": ["height", "width", "channels"]}


def cubes(
    root: Path, *, tasks: tuple[str, ...] = ("Pick up the cube",), cameras: Mapping[str, Any] | None = None
) -> Path:
    """A dataset of three episodes of 4 frames, as LeRobot leaves it."""
    make(root, (1.0, 2.0, 3.0))
    info = json.loads((root / INFO).read_text())
    shown = {"wrist": CAMERA} if cameras is None else cameras
    info["features"] |= {f"observation.images.{name}": feature for name, feature in shown.items()}
    (root / INFO).write_text(json.dumps(info | {"robot_type": "so_follower"}))
    rows = {"episode_index": [0, 1, 2], "length": [4, 4, 4], "tasks": [[tasks[n % len(tasks)]] for n in range(3)]}
    pq.write_table(pa.table(rows), root / "meta/episodes/chunk-000/file-000.parquet")
    return root


def bring_in(folder: DataFolder, place: Path) -> int:
    return main(["--data-dir", str(folder.root), "import", str(place)])


def listed(folder: DataFolder) -> list[Session]:
    return list(logbook.sessions(folder).sessions)


def known(session: Session) -> RecordedRecording:
    assert session.started.recording is not None
    return session.started.recording


def everything(root: Path) -> dict[Path, tuple[int, bytes]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture
def lab(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab")


def test_a_dataset_comes_in_with_its_episodes_cameras_task_and_robot_and_stays_as_it_is(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    root = cubes(tmp_path / "lerobot" / "me" / "cubes")
    before = everything(root)
    assert bring_in(lab, root) == 0
    assert "dataset me/cubes, 3 episodes with 12 frames: 1 added" in capsys.readouterr().out
    (session,) = listed(lab)
    assert (session.dataset, session.dataset_root, session.task) == ("me/cubes", str(root), "Pick up the cube")
    assert [(e.index, e.frames, round(e.seconds, 3), e.accepted) for e in session.episodes] == [
        (n, 4, 0.133, True) for n in range(3)
    ]  # fmt: skip
    told = known(session)
    assert (told.robot, told.fps, told.frames) == ("so_follower", 30.0, 12)
    assert told.repo_id == "", "nothing says that it was pushed"
    assert told.cameras == (RecordedCamera(name="wrist", width=640, height=480),)
    assert session.started_utc == "" and session.started.imported == str(root) and counts(session) == "3 kept"
    shown = text_of(session)
    assert "camera: wrist, 640x480" in shown and "frames: 12, 4 in each episode" in shown and "flawed" not in shown
    assert bring_in(lab, root) == 0
    assert "1 in the log already" in capsys.readouterr().out and len(listed(lab)) == 1
    assert everything(root) == before


def test_marks_are_taken_and_what_was_recorded_since_or_marked_since_is_corrected(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    root = cubes(tmp_path / "cubes", tasks=("Pick up the cube", "Drop it"))
    recorded = "20260217-142000-7f3a"
    for index in range(3):
        why = "a hand in view" if index == 1 else ""
        write_mark(
            root, index, Mark(accepted=index != 1, why=why, session=recorded, strategy="tilt" if index else None)
        )
    assert bring_in(lab, root) == 0
    (session,) = listed(lab)
    assert session.started_utc == "2026-02-17T14:20:00Z", "as the sessions say that its marks name"
    assert [(e.accepted, e.why) for e in session.episodes] == [(True, ""), (False, "a hand in view"), (True, "")]
    assert (session.accepted, session.rejected) == (2, 1) and known(session).kept == 2
    assert known(session).strategies == ("tilt",)
    assert session.task == "Pick up the cube" and known(session).tasks == ("Pick up the cube", "Drop it")
    write_mark(root, 2, Mark(accepted=False, flags=("wrist dark",), session=recorded))
    assert bring_in(lab, root) == 0
    assert "corrected: session" in capsys.readouterr().out
    (session,) = listed(lab)
    assert [(e.index, e.accepted, e.flags) for e in session.episodes][1:] == [
        (1, False, ()),
        (2, False, ("wrist dark",)),
    ]
    assert len(session.episodes) == 3 and bring_in(lab, root) == 0
    assert "1 in the log already" in capsys.readouterr().out


def test_what_this_log_recorded_itself_is_not_added_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, own = make_folder(tmp_path), session_id(1)
    write_run(folder, own, started(own, data_dir=str(folder.root)), saved(0), ended())
    root = cubes(folder.datasets / "cubes")
    for index in range(2):
        write_mark(root, index, Mark(session=own))
    assert bring_in(folder, root) == 0
    (other,) = [s for s in listed(folder) if s.started.imported]
    assert [e.index for e in other.episodes] == [2] and other.dataset_root == str(root)
    assert known(other).recorded == 1 and known(other).frames == 4 and not known(other).flaws
    write_mark(root, 2, Mark(session=own))
    assert bring_in(folder, root) == 2
    assert f"is in the log already: it was recorded in session {own}" in capsys.readouterr().err


def test_links_lead_from_an_imported_dataset_to_its_training_and_to_the_evaluation_of_that(
    tmp_path: Path, lab: DataFolder
) -> None:
    root, output = cubes(tmp_path / "cubes"), tmp_path / "runs" / "act_cubes"
    for step in (1000, 2000):
        checkpoint(output, step)
    model = output / "checkpoints/002000/pretrained_model"
    for path in output.glob("checkpoints/*/pretrained_model/train_config.json"):
        config = json.loads(path.read_text())
        config["dataset"] = {"repo_id": "someone/cubes", "root": str(root), "episodes": [0, 2]}
        path.write_text(json.dumps(config))
    tried = tmp_path / "tried.toml"
    told = f'checkpoint = "{model}"\nsuccesses = 4\ntrials = 5\n'
    tried.write_text(f'[[evaluation]]\nkey = "E1"\n{told}')
    before = everything(output)
    for place in (tried, output, root):
        assert bring_in(lab, place) == 0
    assert everything(output) == before
    log = listed(lab)
    found = {s.kind: s for s in log}
    training = found[SessionKind.TRAIN]
    assert [link.session for link in origins(training, log)] == [found[SessionKind.RECORD]]
    assert [link.session for link in results(found[SessionKind.RECORD], log)] == [training]
    assert [link.session for link in origins(found[SessionKind.EVAL], log)] == [training]
    assert training.training is not None and training.training.started.episodes == (0, 2)
    assert "learnt from: 2 episodes" in text_of(training)


def info_of(root: Path, **changed: Any) -> Path:
    cubes(root)
    told = json.loads((root / INFO).read_text()) | changed
    (root / INFO).write_text(json.dumps(told))
    return root


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fps": 0}, "cannot be imported: its fps is 0"),
        ({"fps": 1e308}, "its fps is 1e+308"),
        ({"total_episodes": -1}, "meta/info.json is not as LeRobot writes it: Expected `int` >= 0"),
        ({"total_episodes": 10**15}, "Expected `int` <= 1000000 - at `$.total_episodes`"),
        ({"total_episodes": 0}, "has no episode: there is nothing to import"),
        ({"features": 7}, "meta/info.json is not as LeRobot writes it"),
        ({"codebase_version": "v9"}, "version 9: LeRobot 0.6.1 reads version 3 only"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_sentence(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        dataset.as_import(DataFolder(tmp_path / "lab"), info_of(tmp_path / "cubes", **changed), ())
    assert said in str(refused.value) and str(tmp_path / "cubes") in str(refused.value)


def test_version_2_1_names_lerobots_own_conversion_which_takes_these_arguments(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    root = info_of(tmp_path / "old cubes", codebase_version="v2.1")
    assert bring_in(lab, root) == 2
    said = capsys.readouterr().err
    command = "python -m lerobot.scripts.convert_dataset_v21_to_v30 --repo-id='me/old cubes'"
    assert f"is of version 2.1: convert it with `{command} --root='{root}' --push-to-hub=false`" in said
    lerobot = find_spec("lerobot")
    assert lerobot is not None and lerobot.origin is not None
    script = (Path(lerobot.origin).parent / "scripts" / "convert_dataset_v21_to_v30.py").read_text()
    assert all(f'"--{flag}"' in script for flag in ("repo-id", "root", "push-to-hub")) and '_old"' in script


def test_hostile_folders_are_answered_in_a_sentence(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = cubes(tmp_path / "torn")
    (torn / INFO).write_bytes(b'{"codebase_version": "v3')
    pipe = cubes(tmp_path / "pipe")
    (pipe / "meta/episodes/chunk-000/file-000.parquet").unlink()
    os.mkfifo(pipe / "meta/episodes/chunk-000/file-000.parquet")
    piped = cubes(tmp_path / "piped")
    os.mkfifo(piped / "lab-console.json")
    huge = cubes(tmp_path / "huge")
    os.truncate(huge / INFO, dataset.LARGEST + 1)
    bare = tmp_path / "bare"
    (bare / "meta").mkdir(parents=True)
    (bare / "data").mkdir()
    deep = cubes(tmp_path / "deep")
    (deep / INFO).write_text("[" * 100_000)
    for root, said in (
        (torn, "meta/info.json is torn"), (pipe, "file-000.parquet cannot be read: Not a file"),
        (piped, "lab-console.json cannot be read: Not a file"), (huge, "has 64 MB: that is no metadata of a dataset"),
        (bare, "no meta/info.json"), (deep, "meta/info.json is torn"), (tmp_path, "holds datasets: import one by one"),
    ):  # fmt: skip
        assert bring_in(lab, root) == 2
        error = capsys.readouterr().err
        assert said in error and "nothing was imported" in error and "Traceback" not in error, error
    assert not lab.root.exists()


def test_names_with_controls_and_markup_and_sizes_that_no_camera_has_do_no_harm(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "[b]x[/]\x1b[2J\u202e"
    sizes = {evil: CAMERA, "big": CAMERA | {"shape": [10**18, -1, 3]}, "odd": CAMERA | {"shape": ["a", None, {}]}}
    root = cubes(tmp_path / "cu\x1b[31mbes", tasks=(evil,), cameras=sizes)
    assert bring_in(lab, root) == 0
    assert "\x1b" not in capsys.readouterr().out
    (session,) = listed(lab)
    assert session.dataset == "cubes" and session.task == "[b]x[/]"
    assert [(c.name, c.width, c.height) for c in known(session).cameras or ()] == [
        ("[b]x[/]", 640, 480), ("big", 0, 0), ("odd", 0, 0)
    ]  # fmt: skip
    assert "\x1b" not in text_of(session)


def test_an_incomplete_dataset_is_taken_with_what_is_wrong_and_no_episode_is_made_up(
    tmp_path: Path, lab: DataFolder
) -> None:
    root = info_of(tmp_path / "cubes", total_episodes=4, total_frames=16)
    put_episode(root, 3, 4.0)
    assert bring_in(lab, root) == 0
    (session,) = listed(lab)
    assert session.episodes == () and (known(session).recorded, known(session).frames) == (4, 16)
    assert known(session).flaws == (
        "meta/info.json tells of 4 episodes, meta/episodes of 3: how long each is cannot be told",
    )
    assert counts(session) == "4 of 4 kept"
