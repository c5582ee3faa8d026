"""What cannot be recorded into is refused by the plan: no worker starts, nothing connects, nothing moves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.bench.profiles import apply_settings, load_benches
from services.bench.robots import MOTORS
from services.datasets.marks import Mark, write_mark
from services.folders import DataFolder
from services.recording import plan as recording
from services.recording.resuming import proposed_dataset
from services.refusal import Refusal
from tests.support.mounts import bind, needs_mounts

NAMES = [f"{motor}.pos" for motor in MOTORS]
ARM = {"dtype": "float32", "shape": [6], "names": NAMES}
PICTURE = {"dtype": "video", "shape": [480, 640, 3], "names": ["height", "width", "channels"]}
INFO = {
    "codebase_version": "v3.0",
    "fps": 30,
    "robot_type": "sim_so101_follower",
    "total_episodes": 3,
    "total_frames": 90,
    "features": {
        "action": ARM,
        "observation.state": ARM,
        "observation.images.overhead": PICTURE,
        "observation.images.wrist": PICTURE,
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab").create()


def write(folder: DataFolder, name: str = "demo", **changes: Any) -> Path:
    path = folder.datasets / name / "meta/info.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(INFO | changes))
    return folder.datasets / name


def plan(folder: DataFolder, *settings: str, **options: Any) -> Any:
    profile = apply_settings(load_benches(built_in=True).pick("sim"), list(settings))[0]
    return recording.plan(folder, profile, **({"dataset": "demo", "task": "pick", "resume": True} | options))


@pytest.mark.parametrize("fps", [30, 30.0])
def test_a_dataset_of_this_bench_is_resumed(folder: DataFolder, fps: float) -> None:
    write(folder, fps=fps)
    assert plan(folder).resume


FEATURES = INFO["features"]
OTHER = [f"joint_{n}.pos" for n in range(6)]


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codebase_version": "v2.1"}, "version 2.1: convert it with LeRobot's convert_dataset_v21_to_v30"),
        ({"fps": 12}, r"it has 12 fps, and this would record at 30 \(--fps\)"),
        ({"fps": 29.97}, "it has 29.97 fps"),
        ({"robot_type": "koch_follower"}, "it is of robot koch_follower, the bench's is sim_so101_follower"),
        (
            {"features": FEATURES | {"action": ARM | {"names": OTHER}}},
            "its actions are joint_0.pos, .* bench",
        ),
        ({"features": FEATURES | {"observation.images.top": PICTURE}}, "it has camera top, which the bench does not"),
        ({"features": {"action": ARM, "observation.images.wrist": PICTURE}}, "it lacks camera overhead"),
        (
            {"features": FEATURES | {"observation.images.wrist": PICTURE | {"shape": [96, 128, 3]}}},
            r"its camera wrist has \[128, 96\] pixels, the bench's \[640, 480\]",
        ),
        ({"fps": 12, "robot_type": "koch_follower"}, "12 fps.*; it is of robot koch_follower"),
        ({"features": "?"}, "meta/info.json is not as LeRobot writes it"),
    ],
)
def test_a_dataset_of_elsewhere_is_refused_with_every_reason(
    folder: DataFolder, changes: dict[str, Any], words: str, resume: bool
) -> None:
    write(folder, **changes)
    with pytest.raises(Refusal, match=words):
        plan(folder, resume=resume)


def test_a_rate_that_is_asked_for_is_compared(folder: DataFolder) -> None:
    write(folder, fps=12)
    assert plan(folder, fps=12).fps == 12


def test_a_robot_that_is_not_known_here_is_compared_by_the_worker(folder: DataFolder) -> None:
    write(folder, robot_type="hexapod", features={"action": ARM | {"names": OTHER}})
    assert plan(folder, "robot.type=lerobot_robot_hexapod").resume


def test_a_recording_that_died_is_resumed_since_that_repairs_it(folder: DataFolder) -> None:
    root = write(folder, total_episodes=4)
    (root / "meta/info.json.bak").write_text(json.dumps(INFO))
    write_mark(root, 0, Mark())
    assert plan(folder).resume


# -- places that cannot be written -----------------------------------------------------------------------------


def mounted(folder: DataFolder) -> Iterator[str]:
    with bind(folder.datasets, folder.datasets, read_only=True):
        yield "its file system is read-only"


def immutable(folder: DataFolder) -> Iterator[str]:
    _chattr("+i", folder.datasets)
    try:
        yield "see to its owner and permissions"
    finally:
        _chattr("-i", folder.datasets)


def _chattr(flag: str, path: Path) -> None:
    if subprocess.run(["chattr", flag, path], capture_output=True).returncode:
        pytest.skip("this user may not make folders immutable")


@needs_mounts
@pytest.mark.parametrize("close", [mounted, immutable])
def test_a_folder_of_datasets_that_cannot_be_written_is_refused_at_once(
    folder: DataFolder, close: Callable[[DataFolder], Iterator[str]]
) -> None:
    closed = close(folder)
    words = next(closed)
    try:
        with pytest.raises(Refusal, match=f"datasets cannot be written: {words}"):
            plan(folder, resume=False)
    finally:
        next(closed, None)
    assert plan(folder, resume=False)


@needs_mounts
def test_a_read_only_dataset_behind_a_link_is_refused_at_once(folder: DataFolder, tmp_path: Path) -> None:
    disk = DataFolder(tmp_path / "disk").create()
    write(disk)
    with bind(disk.root, tmp_path / "nas", read_only=True) as nas:
        (folder.datasets / "demo").symlink_to(nas / "datasets/demo")
        with pytest.raises(Refusal, match="its file system is read-only"):
            plan(folder)
        assert plan(folder, dataset="other")


def test_a_camera_with_a_depth_map_is_two_pictures(folder: DataFolder) -> None:
    from sessions.bench import Profile

    camera = {"type": "intelrealsense", "width": 640, "height": 480, "use_depth": True}
    profile = Profile(name="b", robot={"type": "so101_follower", "cameras": {"wrist": camera}}, teleop={"type": "x"})
    deep = {"dtype": "video", "shape": [480, 640, 1], "names": ["height", "width", "channels"]}
    pictures = {"observation.images.wrist": PICTURE, "observation.images.wrist_depth": deep}
    features = {"action": ARM, "observation.state": ARM, **pictures}
    write(folder, features=features, robot_type="so_follower")
    assert recording.plan(folder, profile, dataset="demo", task="pick", resume=True).resume


def test_a_two_armed_bench_resumes_its_own_datasets_only(folder: DataFolder) -> None:
    from sessions.bench import Profile

    robot = {"type": "bi_so_follower", "left_arm_config": {"port": "a"}, "right_arm_config": {"port": "b"}}
    profile = Profile(name="bi", robot=robot, teleop={"type": "x"})
    names = [f"{side}_{name}" for side in ("left", "right") for name in NAMES]
    both = {"dtype": "float32", "shape": [12], "names": names}
    write(folder, "two", features={"action": both, "observation.state": both}, robot_type="bi_so_follower")
    assert recording.plan(folder, profile, dataset="two", task="pick", resume=True).resume
    write(folder, "one", features={"action": ARM, "observation.state": ARM}, robot_type="so_follower")
    with pytest.raises(Refusal, match=r"it is of robot so_follower, the bench's is bi_so_follower; its actions are"):
        recording.plan(folder, profile, dataset="one", task="pick", resume=True)


def test_the_name_that_is_proposed_is_none_of_another_robot(folder: DataFolder) -> None:
    """As in the demo's data folder of a console whose demo opened `sim`."""
    benches = load_benches(built_in=True)
    ours, theirs = benches.pick("so101-sim"), benches.pick("sim")

    def proposed() -> tuple[str, str]:
        return tuple(proposed_dataset(folder.datasets, each, "pick place") for each in (ours, theirs))  # type: ignore[return-value]

    assert proposed() == ("pick_place", "pick_place")
    write(folder, "pick_place")
    assert proposed() == ("pick_place_2", "pick_place")
    with pytest.raises(Refusal, match=r"robot sim_so101_follower, .* is so_follower; choose another name or bench"):
        recording.plan(folder, ours, dataset="pick_place", task="pick", resume=True)
    write(folder, "pick_place_2", robot_type="so_follower")
    assert proposed() == ("pick_place_2", "pick_place"), "its own is resumed"
    assert proposed_dataset(folder.datasets, ours, "") == ""
