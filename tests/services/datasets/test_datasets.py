"""Names, locks, marks and the list of datasets: what needs no LeRobot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from services.datasets import summary as datasets
from services.datasets.lock import DatasetBusy, dataset_lock
from services.datasets.marks import (
    SIDECAR,
    Mark,
    keep_calibration,
    read_calibrations,
    read_marks,
    write_mark,
)
from services.datasets.names import check_dataset_name
from services.datasets.summary import list_datasets, summarize
from tests import ROOT

INFO = {
    "codebase_version": "v3.0",
    "fps": 30,
    "robot_type": "so101_follower",
    "total_episodes": 3,
    "total_frames": 540,
    "total_tasks": 1,
    "features": {
        "action": {"dtype": "float32", "shape": [6], "names": None},
        "observation.images.front": {"dtype": "video", "shape": [480, 640, 3], "names": None},
    },
}


def make(root: Path, **changes: object) -> Path:
    (root / "meta").mkdir(parents=True)
    (root / datasets.INFO).write_bytes(orjson.dumps(INFO | changes))
    return root


@pytest.mark.parametrize("name", ["pick", "lab/pick_cube", "Pick-3.v2", "a" * 96, "evaluation"])
def test_good_names_are_taken(name: str) -> None:
    check_dataset_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "needs a name"),
        ("a/b/c", "more than one slash"),
        ("/pick", "nothing beside it"),
        ("pick/", "nothing beside it"),
        (".pick", "dot or a dash"),
        ("lab/.pick", "dot or a dash"),
        ("..", "dot or a dash"),
        ("eval_pick", "eval_"),
        ("lab/eval_pick", "eval_"),
        ("pi\tck", "control"),
        ("pick\x7f", "control"),
        ("pick cube", "a space"),
        ("a--b", "double dash"),
        ("a" * 97, "96"),
    ],
)
def test_bad_names_are_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_dataset_name(name)


def test_a_dataset_is_held_by_one_at_a_time_and_the_second_hears_by_whom(tmp_path: Path) -> None:
    root = tmp_path / "lab" / "pick"
    with dataset_lock(root, "20261124-120000-abcd"):
        assert not root.exists()
        with pytest.raises(DatasetBusy, match="20261124-120000-abcd"):
            dataset_lock(root, "another")
    dataset_lock(root, "another").release()


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from services.datasets.lock import dataset_lock\n"
        f"lock = dataset_lock(Path({str(tmp_path / 'pick')!r}), 'dead'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert b"dead" in (tmp_path / ".pick.lock").read_bytes()
    dataset_lock(tmp_path / "pick", "next").release()


def test_marks_come_back_and_unknown_keys_stay(tmp_path: Path) -> None:
    sidecar = tmp_path / SIDECAR
    newer = {"schema": 1, "curator": "ann", "episodes": {"0": {"accepted": True, "stars": 5}}}
    sidecar.write_bytes(orjson.dumps(newer))
    mark = Mark(accepted=False, flags=("dropped_frames",), session="s", take=4, strategy="from the left")
    write_mark(tmp_path, 0, mark)
    write_mark(tmp_path, 1, Mark())
    assert dict(read_marks(tmp_path)) == {0: mark, 1: Mark()}
    stored = orjson.loads(sidecar.read_bytes())
    assert (stored["schema"], stored["curator"], stored["episodes"]["0"]["stars"]) == (1, "ann", 5)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"episodes":{"x":{}}}', b'{"episodes":{"0":{"accepted":"?"}}}']
)
def test_reading_leaves_an_unreadable_sidecar_where_it_is_and_says_so_each_time(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SIDECAR).write_bytes(content)
    for _ in range(2):
        marks = read_marks(tmp_path)
        assert not marks and f"({SIDECAR}) cannot be read" in marks.message
    assert [path.name for path in tmp_path.iterdir()] == [SIDECAR]


def test_writing_sets_an_unreadable_sidecar_aside_and_says_so(tmp_path: Path) -> None:
    (tmp_path / SIDECAR).write_bytes(b"{")
    assert "lab-console.json.corrupt-1" in write_mark(tmp_path, 0, Mark())
    assert (tmp_path / "lab-console.json.corrupt-1").read_bytes() == b"{"
    assert not write_mark(tmp_path, 0, Mark()) and not read_marks(tmp_path).message


def test_a_dataset_is_summed_up_from_its_info_and_marks(tmp_path: Path) -> None:
    root = make(tmp_path / "lab" / "pick")
    write_mark(root, 1, Mark(accepted=False))
    write_mark(root, 3, Mark(accepted=False))  # of a take that was being saved when its recorder died
    (summary,) = list_datasets(tmp_path)
    assert (summary.name, summary.episodes, summary.accepted, summary.rejected) == ("lab/pick", 3, 2, 1)
    assert (summary.frames, summary.fps, summary.robot_type, summary.tasks) == (540, 30, "so101_follower", 1)
    assert (summary.cameras, summary.version, summary.problem) == (("front",), "3.0", None)
    assert summary.bytes > 100


def test_a_bad_dataset_says_its_problem_and_hides_none_of_the_others(tmp_path: Path) -> None:
    make(tmp_path / "good")
    make(tmp_path / "old", codebase_version="v2.1")
    make(tmp_path / "odd", fps="fast")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".good.lock").touch()
    (tmp_path / ".hidden").mkdir()
    torn = make(tmp_path / "torn")
    (torn / datasets.INFO_BACKUP).write_bytes((torn / datasets.INFO).read_bytes())
    (torn / datasets.INFO).write_bytes(b'{"codebase')
    problems = {s.name: s.problem for s in list_datasets(tmp_path)}
    assert problems.pop("good") is None
    assert problems == {
        "old": "version 2.1: convert it with LeRobot's convert_dataset_v21_to_v30",
        "odd": "meta/info.json is not as LeRobot writes it: Expected `float`, got `str` - at `$.fps`",
        "empty": "no meta/info.json",
        "torn": "meta/info.json is torn: it is no JSON; "
        "`lab-console dataset torn --repair` restores it from its backup",
    }
    assert summarize(torn).episodes == 3


@pytest.mark.parametrize(
    ("changes", "fps"),
    [({"fps": 30.0}, 30), ({"fps": "30"}, 30), ({"fps": 29.97}, 29.97), ({"total_videos": 3, "chunks": [1]}, 30)],
)
def test_an_info_of_another_tool_is_read_as_lerobot_reads_it(
    tmp_path: Path, changes: dict[str, object], fps: float
) -> None:
    summary = summarize(make(tmp_path / "other", **changes))
    assert (summary.fps, summary.episodes, summary.problem) == (fps, 3, None)
    assert str(summary.fps) == str(fps)


def test_keys_that_lerobot_has_a_default_for_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    few = {key: INFO[key] for key in ("codebase_version", "fps", "features", "total_episodes")}
    (tmp_path / datasets.INFO).write_bytes(orjson.dumps(few))
    summary = summarize(tmp_path)
    assert (summary.problem, summary.episodes, summary.marked, summary.robot_type) == (None, 3, 0, None)


def test_a_damaged_sidecar_is_a_problem_until_somebody_decides(tmp_path: Path) -> None:
    root = make(tmp_path / "pick")
    (root / SIDECAR).write_bytes(b"{")
    for _ in range(2):
        assert "remove the file if every episode shall count" in str(summarize(root).problem)


def test_a_save_that_was_cut_short_shows_the_committed_episodes(tmp_path: Path) -> None:
    root = make(tmp_path / "pick", total_episodes=4)
    (root / datasets.INFO_BACKUP).write_bytes(orjson.dumps(INFO))
    summary = summarize(root)
    assert summary.episodes == 3
    assert summary.problem is not None
    assert "lab-console dataset pick --repair" in summary.problem


def test_the_newest_dataset_comes_first(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "older", "oldest"]):
        os.utime(make(tmp_path / name) / datasets.INFO, (1e9 - age, 1e9 - age))
    assert [s.name for s in list_datasets(tmp_path)] == ["new", "older", "oldest"]
    assert list_datasets(tmp_path / "nowhere") == []


def test_datasets_loads_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from services.datasets import lock, marks, names, summary\n"
        "print([m for m in ('torch', 'lerobot', 'textual', 'pyarrow', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


def test_a_forked_child_does_not_let_go_of_the_lock(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from services.datasets.lock import DatasetBusy, dataset_lock
root = Path({str(tmp_path / "pick")!r})
lock = dataset_lock(root, "me")
if os.fork() == 0:
    lock.release()
    os._exit(0)
os.wait()
try:
    dataset_lock(root, "another")
except DatasetBusy:
    print("held")
"""
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "held"


def test_a_sessions_calibration_stands_once_beside_the_marks_and_disturbs_nothing(tmp_path: Path) -> None:
    write_mark(tmp_path, 0, Mark(session="one", take=1))
    keep_calibration(tmp_path, "one", {"follower": "1f" * 32})
    keep_calibration(tmp_path, "two", {})
    write_mark(tmp_path, 1, Mark(session="two", take=1))
    assert read_calibrations(tmp_path) == {"one": {"follower": "1f" * 32}}
    assert [mark.session for mark in read_marks(tmp_path).by_episode.values()] == ["one", "two"]
    document = json.loads((tmp_path / SIDECAR).read_bytes())
    document["sessions"]["one"]["moon"] = "full"
    (tmp_path / SIDECAR).write_text(json.dumps(document))
    keep_calibration(tmp_path, "one", {"follower": "2e" * 32})
    kept = json.loads((tmp_path / SIDECAR).read_bytes())["sessions"]
    assert kept == {"one": {"calibration": {"follower": "2e" * 32}, "moon": "full"}}


@pytest.mark.parametrize("sessions", [[], "?", {"one": 3}, {"one": {"calibration": ["?"]}}, None])
def test_calibrations_that_are_none_are_not_known(tmp_path: Path, sessions: object) -> None:
    (tmp_path / SIDECAR).write_text(json.dumps({"schema": 1, "episodes": {}, "sessions": sessions}))
    assert read_calibrations(tmp_path) == {}
    assert read_calibrations(tmp_path / "nowhere") == {}
