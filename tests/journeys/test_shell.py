"""The verbs of the shell, as a script and as a person at a terminal use them, with real workers."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live.event_log import is_live
from services.live.phases import Phase
from services.live.running import live_runs
from tests import ROOT
from tests.support.replay import puts_the_cube_into_the_bowl
from tests.support.rig import CONSOLE, Rig, gone, wait_until
from tests.support.terminal import Terminal

SMALL = [
    f"--set=robot.cameras.{camera}.{key}={value}"
    for camera in ("wrist", "overhead")
    for key, value in (("width", 96), ("height", 72))
]


def lab(rig: Rig, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*rig.console, "--data-dir", str(rig.folder.root), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, cwd=cwd or rig.folder.root
    )


def test_record_makes_a_dataset_that_lerobot_opens_and_a_session_that_scripts_read(quick_rig: Rig) -> None:
    rig = quick_rig
    record = ["record", "--dataset", "three", "--task", "pick_place", "--episodes", "2", "--lockstep", "--seed", "3"]
    done = lab(rig, *record, "--reset-seconds", "0", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "take 2 saved as episode 1: 240 frames, accepted" in done.stdout
    assert "\x1b" not in done.stdout, "plain lines where there is no terminal"
    listed = json.loads(lab(rig, "sessions", "--kind", "record", "--json").stdout)
    session = listed[0]
    keys = {"id", "kind", "status", "started_utc", "ended_utc", "operator", "bench", "task", "dataset", "episodes"}
    assert keys <= set(session)
    assert (session["status"], session["dataset"]) == ("finished", "three")
    assert [e["frames"] for e in session["episodes"]] == [240, 240]
    assert set(session["episodes"][0]) >= {"index", "frames", "accepted", "flags"}
    check_motion(rig.folder, "three")
    again = lab(rig, *record, *SMALL)
    assert again.returncode == 2
    assert "exists with 2 episodes" in again.stderr


def check_motion(folder: DataFolder, name: str) -> None:
    """Frames, videos, and the recorded motion replayed on the bench puts the cube into the bowl."""
    from lerobot.datasets import LeRobotDataset

    dataset = LeRobotDataset(name, root=folder.datasets / name, video_backend="pyav")
    assert (dataset.num_episodes, len(dataset)) == (2, 480)
    assert dataset[479]["observation.images.overhead"].shape == (3, 72, 96)
    assert dataset.meta.tasks.index[0] == "Pick up the cube and place it in the bowl"
    for episode in range(2):
        assert puts_the_cube_into_the_bowl(folder.datasets / name, episode=episode, seed=3, take=episode + 1)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["record", "--dataset", "a", "--task", "t", "--episodes", "0", "--lockstep"],
            2,
            "episodes must be at least 1",
        ),
        (["record", "--dataset", "../a", "--task", "t", "--episodes", "1"], 2, "dot"),
        (["record", "--dataset", "eval_a", "--task", "t", "--episodes", "1"], 2, "eval_"),
        (["record", "--dataset", "a", "--task", " ", "--episodes", "1"], 2, "a task is needed"),
        (["record", "--dataset", "a", "--task", "t", "--episodes", "1", "--set", "nowhere.x=1"], 2, "begins with"),
        (
            ["record", "--dataset", "a", "--task", "t", "--episodes", "1", "--set", "dataset.private=true"],
            2,
            "dataset.",
        ),
        (["record", "--dataset", "a"], 2, "required"),
        (["attach"], 2, "no session runs"),
        (["release"], 2, "confirm with --yes"),
        (["--bench", "none", "rest"], 2, "no bench 'none'"),
        (["fly"], 2, "invalid choice"),
    ],
)
def test_bad_usage_is_answered_with_a_sentence_and_its_status(
    rig: Rig, arguments: list[str], status: int, said: str
) -> None:
    done = lab(rig, *arguments)
    assert said in done.stderr
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_a_robot_bench_wants_a_person_at_a_terminal(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(
        '[bench.arm.robot]\ntype = "so101_follower"\nport = "/dev/x"\n'
        '[bench.arm.teleop]\ntype = "so101_leader"\nport = "/dev/y"\n'
    )
    done = lab(rig, "record", "--dataset", "a", "--task", "t", "--episodes", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "starts by a key" in done.stderr


def test_hold_rest_and_release_go_on_from_one_another(quick_rig: Rig) -> None:
    rig = quick_rig
    held = lab(rig, "hold")
    assert held.returncode == 0, held.stderr
    assert rig.world().state().torque
    run = live_runs(rig.folder)[0]
    again = lab(rig, "hold")
    assert f"session {run.id} holds" in again.stdout
    assert lab(rig, "rest").returncode == 0
    assert rig.snapshot(run).phase is Phase.RESTED
    released = lab(rig, "release", "--yes")
    assert released.returncode == 0, released.stderr
    wait_until(gone(run))
    assert not rig.world().state().torque


def test_the_session_that_has_the_arm_obeys_whatever_the_name_of_its_bench(quick_rig: Rig) -> None:
    rig = quick_rig
    assert lab(rig, "hold").returncode == 0
    run = live_runs(rig.folder)[0]
    held = lab(rig, "--bench", "sim-state", "hold")
    assert held.returncode == 0, held.stderr
    assert f"session {run.id} holds (bench sim, " in held.stdout
    rested = lab(rig, "--bench", "sim-state", "rest")
    assert rested.returncode == 0, rested.stderr
    released = lab(rig, "--bench", "sim-state", "release", "--yes")
    assert released.returncode == 0, released.stderr
    wait_until(gone(run))
    assert [path.name for path in rig.folder.runs.iterdir()] == [run.id], "no other session began"


def test_teach_prints_the_measured_pose_as_a_line_of_lab_toml(quick_rig: Rig) -> None:
    rig = quick_rig
    import tomllib

    done = lab(rig, "rest", "--teach")
    assert done.returncode == 0, done.stderr
    pose = tomllib.loads(done.stdout)["bench"]["sim"]["motion"]["rest"]
    assert set(pose) == set(rig.profile().motion.rest)


def test_ctrl_c_saves_the_take_goes_to_rest_and_ends_as_aborted(quick_rig: Rig) -> None:
    rig = quick_rig
    record = ["record", "--dataset", "c", "--task", "pick_place", "--episodes", "5", *SMALL]
    terminal = Terminal([*rig.console, "--data-dir", str(rig.folder.root), *record], cwd=ROOT)
    try:
        terminal.wait_for("recording", 60)
        time.sleep(0.5)  # of one frame no episode is made
        terminal.press("ctrl+c")
        assert terminal.wait(60) == 1
    finally:
        terminal.close()
    run = max(rig.folder.runs.glob("*"))
    state = rig.snapshot(rig.folder.run(run.name))
    assert state.status.value == "aborted"
    assert state.end_reason == "ended by Ctrl-C"
    [episode] = state.episodes
    assert not episode.accepted and "stopped" in episode.flags, "half a take is no demonstration"
    assert not rig.world().state().torque


def test_a_second_ctrl_c_detaches_and_the_session_goes_on(quick_rig: Rig) -> None:
    rig = quick_rig
    record = ["record", "--dataset", "d", "--task", "pick_place", "--episodes", "5", *SMALL]
    terminal = Terminal([*rig.console, "--data-dir", str(rig.folder.root), *record], cwd=ROOT)
    try:
        terminal.wait_for("recording", 60)
        terminal.press("ctrl+c", "ctrl+c")
        terminal.wait(20)
    finally:
        terminal.close()
    run = rig.folder.run(max(rig.folder.runs.glob("*")).name)
    wait_until(lambda: not is_live(run), 60)
    assert rig.snapshot(run).status.value == "aborted"


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [*CONSOLE, "--data-dir", str(tmp_path / "file"), "hold"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
