"""What forbids recording is known before the arm is connected, or at least before it moves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from console.__main__ import main
from services.datasets.summary import INFO
from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import is_live
from services.live.running import find_runs
from sessions.models import SessionStatus
from tests.support import foreign
from tests.support.rig import Rig, wait_until

SMALL = [f"robot.cameras.{c}.{k}={v}" for c in ("wrist", "overhead") for k, v in (("width", 96), ("height", 72))]


@pytest.fixture
def recorded(quick_rig: Rig) -> Path:
    """Two episodes of the simulated bench."""
    assert record(quick_rig, episodes=2) == 0
    return quick_rig.folder.datasets / "demo"


def record(rig: Rig, *more: str, episodes: int = 1) -> int:
    words = ["record", "--dataset", "demo", "--task", "pick_place", "--episodes", str(episodes), "--lockstep"]
    words += ["--episode-seconds", "0.5", "--reset-seconds", "0", *more]
    words += [word for setting in SMALL for word in ("--set", setting)]
    return main(["--data-dir", str(rig.folder.root), "--bench", "sim", *words])


def newest(rig: Rig) -> RunFolder:
    """The run that was written last: of two that began within one second the ids do not tell it."""
    written = {path.stat().st_mtime_ns: path.parent.name for path in rig.folder.runs.glob("*/events.jsonl")}
    return rig.folder.run(written[max(written)])


def test_features_that_only_the_robot_knows_are_compared_before_it_is_connected(
    quick_rig: Rig, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign.edit_json(recorded / INFO, lambda info: info["features"]["observation.state"].update(names=["a"] * 6))
    before = foreign.hashes(recorded)
    assert record(quick_rig, "--resume") == 1
    assert "its observation.state has names ['a'," in capsys.readouterr().err
    run = newest(quick_rig)
    assert not quick_rig.events(run, ev.BenchConnected)
    assert quick_rig.snapshot(run).status is SessionStatus.ABORTED
    assert foreign.hashes(recorded) == before


def test_a_misspelt_key_of_the_encoder_is_named_before_the_robot_is_connected(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(quick_rig, "--set", "dataset.rgb_encoder.prest=fast") == 1
    assert "'prest'; did you mean preset?" in capsys.readouterr().err
    assert not quick_rig.events(newest(quick_rig), ev.BenchConnected)


def test_a_dataset_that_cannot_be_opened_ends_the_verb_before_the_arm_follows(
    quick_rig: Rig, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next(recorded.glob("videos/*/*/file-000.mp4")).unlink()
    before = foreign.hashes(recorded)
    assert record(quick_rig, "--resume") == 1
    assert "episode 0 is broken" in capsys.readouterr().err
    run = newest(quick_rig)
    phases = [event.phase for event in quick_rig.events(run, ev.PhaseChanged)]
    assert "aligning" not in phases and "ready" not in phases
    wait_until(lambda: not is_live(run))
    assert not find_runs(quick_rig.folder).running
    assert foreign.hashes(recorded) == before


def test_a_recording_into_what_lerobot_made_repairs_nothing_and_keeps_its_files(
    quick_rig: Rig, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "lab-console.json").unlink()
    for backup in recorded.glob("meta/*.bak"):
        backup.unlink()
    foreign.own_totals(recorded)
    (recorded / "images").mkdir()
    (recorded / "tmp_notes").mkdir()
    shutil.copy(recorded / INFO, recorded / "tmp_notes/copy.json")
    assert record(quick_rig, "--resume") == 0
    assert "repaired" not in capsys.readouterr().out
    assert not quick_rig.events(newest(quick_rig), ev.DatasetRecovered)
    assert (recorded / "tmp_notes/copy.json").exists() and (recorded / "images").is_dir()
    assert not (recorded / "quarantine").exists()
