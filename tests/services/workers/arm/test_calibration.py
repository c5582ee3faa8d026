"""The calibration's fingerprint: from LeRobot's own files to the log, the page, the dataset and what learns from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from lerobot.robots import make_robot_from_config
from lerobot.robots.bi_so_follower import BiSOFollowerConfig
from lerobot.robots.so_follower import SO101FollowerConfig, SOFollowerConfig
from lerobot.teleoperators import make_teleoperator_from_config
from lerobot.teleoperators.so_leader import SO101LeaderConfig

from services.datasets.marks import read_calibrations, read_marks
from services.live import events as ev
from services.log import logbook
from services.log.listing import as_json
from services.log.page import page
from services.workers.arm.calibration import fingerprints
from services.workers.arm.devices import Devices
from tests.support.rig import Rig, finish, follow, gone, take, wait_until

MOTORS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where HF_LEROBOT_CALIBRATION points."""
    for module in ("lerobot.robots.robot", "lerobot.teleoperators.teleoperator"):
        monkeypatch.setattr(f"{module}.HF_LEROBOT_CALIBRATION", tmp_path / "calibration")
    return tmp_path / "calibration"


def calibrate(path: Path, offset: int = 0) -> str:
    """A calibration as LeRobot writes one; the SHA-256 of its bytes."""
    motors = {
        name: {"id": n, "drive_mode": 0, "homing_offset": offset, "range_min": 700, "range_max": 3400}
        for n, name in enumerate(MOTORS, 1)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(motors, indent=4))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_files_are_those_that_lerobot_reads_for_an_so101(home: Path) -> None:
    follower = calibrate(home / "robots" / "so_follower" / "blue.json", 11)
    leader = calibrate(home / "teleoperators" / "so_leader" / "white.json", 22)
    robot = make_robot_from_config(SO101FollowerConfig(port="/dev/null", id="blue"))
    teleop = make_teleoperator_from_config(SO101LeaderConfig(port="/dev/null", id="white"))
    assert robot.calibration["gripper"].homing_offset == 11, "it is the file that LeRobot calibrates with"
    fact = Devices(robot, teleop).bench_connected
    assert fact.calibration == {"follower": follower, "leader": leader}
    assert (fact.robot, fact.leader, fact.cameras) == ("so_follower", "so_leader", ())


def test_a_folder_of_its_own_counts_and_a_changed_file_has_another_fingerprint(tmp_path: Path) -> None:
    config = SO101FollowerConfig(port="/dev/null", id="blue", calibration_dir=tmp_path / "mine")
    before = calibrate(tmp_path / "mine" / "blue.json")
    assert fingerprints({"follower": make_robot_from_config(config)}) == {"follower": before}
    after = calibrate(tmp_path / "mine" / "blue.json", 1)
    assert fingerprints({"follower": make_robot_from_config(config)}) == {"follower": after} != {"follower": before}


def test_both_arms_of_a_robot_count_and_one_without_a_file_does_not(home: Path) -> None:
    arms = {"left_arm_config": SOFollowerConfig(port="/dev/a"), "right_arm_config": SOFollowerConfig(port="/dev/b")}
    left = calibrate(home / "robots" / "so_follower" / "pair_left.json", 1)
    assert fingerprints({"follower": make_robot_from_config(BiSOFollowerConfig(id="pair", **arms))}) == {
        "follower left_arm": left
    }
    right = calibrate(home / "robots" / "so_follower" / "pair_right.json", 2)
    assert fingerprints({"follower": make_robot_from_config(BiSOFollowerConfig(id="pair", **arms))}) == {
        "follower left_arm": left,
        "follower right_arm": right,
    }


def test_what_cannot_be_read_has_no_fingerprint_and_stops_nobody(home: Path) -> None:
    robot = make_robot_from_config(SO101FollowerConfig(port="/dev/null", id="blue"))
    assert fingerprints({"follower": robot}) == {}
    (home / "robots" / "so_follower" / "blue.json").mkdir(parents=True)
    assert fingerprints({"follower": robot}) == {}


async def test_a_recording_keeps_it_in_events_log_page_and_dataset(quick_rig: Rig, tmp_path: Path) -> None:
    follower, leader = calibrate(tmp_path / "sim_follower.json"), calibrate(tmp_path / "sim_leader.json", 5)
    folders = [f"{part}.calibration_dir={json.dumps(str(tmp_path))}" for part in ("robot", "teleop")]
    run = await recorded(quick_rig, *folders)
    (bench,) = quick_rig.events(run, ev.BenchConnected)
    assert bench.calibration == {"follower": follower, "leader": leader}
    assert set(bench.cameras) == {"overhead", "wrist"}
    (session,) = logbook.sessions(quick_rig.folder).sessions
    assert as_json([session])[0]["connected"]["calibration"] == bench.calibration
    rows = [row for section in page(session).sections for row in section.rows if row.name == "calibration"]
    assert [row.text for row in rows] == [f"follower {follower[:12]}, leader {leader[:12]}"]
    root = quick_rig.folder.datasets / "demo"
    assert read_calibrations(root) == {run.id: bench.calibration}
    assert [mark.session for mark in read_marks(root).by_episode.values()] == [run.id]


async def test_the_simulated_bench_has_none(quick_rig: Rig) -> None:
    run = await recorded(quick_rig)
    assert [bench.calibration for bench in quick_rig.events(run, ev.BenchConnected)] == [{}]
    (session,) = logbook.sessions(quick_rig.folder).sessions
    assert "calibration" not in [row.name for section in page(session).sections for row in section.rows]
    root = quick_rig.folder.datasets / "demo"
    assert read_calibrations(root) == {} and "sessions" not in json.loads((root / "lab-console.json").read_bytes())


async def recorded(rig: Rig, *settings: str):
    run = rig.record(rig.small(*settings), episode_seconds=0.5, reset_seconds=0.1, lockstep=True, episodes=9)
    async with rig.attached(run) as link:
        await follow(link)
        await take(link)
        await finish(link)
    wait_until(gone(run))
    return run
