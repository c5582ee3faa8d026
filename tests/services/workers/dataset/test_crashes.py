"""Kill -9, and what is there afterwards: no acknowledged episode is ever lost, and recording goes on."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from services.datasets.lock import DatasetProblem
from services.datasets.marks import SIDECAR, Mark, read_marks
from services.datasets.summary import INFO
from services.workers.dataset.recovery import Recovery, recover
from services.workers.dataset.survey import STATS, TASKS, Survey
from tests.support.demos import FRAMES, check_readable, open_demo, record, tree
from tests.support.doomed import Doomed

KILLS = int(os.environ.get("LAB_CONSOLE_KILLS", "8"))
"""More for a soak: LAB_CONSOLE_KILLS=100 pytest tests/services/workers/dataset/test_crashes.py -k whenever."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "datasets" / "demo"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy dataset of three episodes, to copy."""
    root = tmp_path_factory.mktemp("three") / "demo"
    dataset = open_demo(root)
    record(dataset, 3)
    dataset.close()
    return root


@pytest.fixture
def healthy(three: Path, root: Path) -> Path:
    shutil.copytree(three, root)
    return root


def check_recovered(root: Path, episodes: int) -> None:
    """After recovery: the episodes there are, nothing more to do, and one more can be recorded."""
    assert recover(root) is None
    assert set(read_marks(root)) == set(range(episodes))
    dataset = open_demo(root, resume=True)
    assert dataset.episodes == episodes
    record(dataset, 1)
    dataset.close()
    assert Survey(root).healthy
    check_readable(root, episodes + 1)


# -- killed at any moment --------------------------------------------------------------------------------


def test_no_acknowledged_episode_is_lost_whenever_the_recorder_is_killed(root: Path, doomed: Doomed) -> None:
    chance = random.Random(6)
    acknowledged = unacknowledged_kills = 0
    save_s = 0.05  # within what a save takes here
    for kill in range(KILLS):
        doomed.start("record", root, episodes=3)
        for _ in range(chance.randrange(2)):
            doomed.until("saved")
            acknowledged += 1
        doomed.until("frames")
        if kill < KILLS * 3 // 4:
            time.sleep(chance.uniform(0, save_s))
        else:
            doomed.until("saved")
            acknowledged += 1
            time.sleep(chance.uniform(0, 0.01))
        doomed.kill()
        later = [words for words in doomed.rest() if words[0] == "saved"]
        unacknowledged_kills += kill < KILLS * 3 // 4 and not later
        acknowledged += len(later)
        recover(root)
        committed = Survey(root).episodes
        assert acknowledged <= committed <= acknowledged + 1
        acknowledged = committed  # committed, and killed before it could say so
    assert unacknowledged_kills >= KILLS // 2
    check_recovered(root, acknowledged)


def test_a_save_may_be_killed_at_any_of_its_file_operations(healthy: Path, doomed: Doomed) -> None:
    template = healthy.with_name("template")
    shutil.move(healthy, template)
    seen = set()
    for fatal in [*range(1, 20, 6), *range(20, 200, 2)]:
        shutil.rmtree(healthy, ignore_errors=True)
        shutil.copytree(template, healthy)
        doomed.start("record", healthy, episodes=1, fatal=fatal)
        if doomed.rest()[-1] != ["exit", "-9"]:
            break
        recover(healthy)
        survey = Survey(healthy)
        assert survey.healthy, fatal
        assert orjson.loads((healthy / STATS).read_bytes())["index"]["count"] == [survey.frames]
        if survey.episodes not in seen:
            seen.add(survey.episodes)
            check_recovered(healthy, survey.episodes)
    assert fatal > 30
    assert seen == {3, 4}


def test_the_first_save_may_be_killed_too(root: Path, doomed: Doomed) -> None:
    for fatal in range(1, 46, 7):
        doomed.start("record", root, episodes=1, fatal=fatal)
        assert doomed.rest()[-1] == ["exit", "-9"]
        dataset = open_demo(root)  # no episode yet: plain open does, too
        assert dataset.episodes == 0
        dataset.close()
    dataset = open_demo(root)
    record(dataset, 1)
    dataset.close()
    check_readable(root, 1)


def test_a_recovery_may_be_killed_at_any_of_its_file_operations(healthy: Path, doomed: Doomed, tmp_path: Path) -> None:
    doomed.start("record", healthy, episodes=1, fatal=30)
    doomed.rest()
    info = (healthy / INFO).read_bytes()
    (healthy / INFO).write_bytes(info[:200])
    (healthy / "tmpabc").mkdir()
    template = tmp_path / "template"
    shutil.move(healthy, template)
    for fatal in range(1, 200, 3):
        shutil.rmtree(healthy, ignore_errors=True)
        shutil.copytree(template, healthy)
        doomed.start("recover", healthy, fatal=fatal)
        killed = doomed.rest()[-1] == ["exit", "-9"]
        if not killed:
            break
        recover(healthy)
        assert Survey(healthy).healthy
        assert Survey(healthy).episodes == 3
        assert orjson.loads((healthy / INFO).read_bytes())["total_frames"] == 3 * FRAMES
    assert fatal > 10
    check_recovered(healthy, 3)


# -- one kind of damage at a time ------------------------------------------------------------------------


def test_a_healthy_dataset_needs_nothing_and_is_not_touched(healthy: Path) -> None:
    before = tree(healthy)
    assert recover(healthy) is None
    assert recover(healthy.with_name("nowhere")) is None
    assert tree(healthy) == before


def recovered(root: Path) -> Recovery:
    found = recover(root)
    assert found is not None
    assert (root / found.where).is_dir()
    assert all((root / found.where / name).exists() for name in found.quarantined)
    return found


@pytest.mark.parametrize("length", [0, 1, 300, -1])
def test_a_torn_info_comes_back_from_its_backup(healthy: Path, length: int) -> None:
    whole = (healthy / INFO).read_bytes()
    (healthy / INFO).write_bytes(whole[:length])
    found = recovered(healthy)
    assert (found.episodes, found.frames, found.quarantined) == (3, 3 * FRAMES, ())
    assert orjson.loads((healthy / INFO).read_bytes()) == orjson.loads(whole)


def test_torn_stats_are_computed_again(healthy: Path) -> None:
    whole = orjson.loads((healthy / STATS).read_bytes())
    (healthy / STATS).write_bytes(b'{"action": {"mean"')
    recovered(healthy)
    again = orjson.loads((healthy / STATS).read_bytes())
    assert again.keys() == whole.keys()
    for feature, stats in whole.items():
        for name, value in stats.items():
            assert np.allclose(again[feature][name], value), (feature, name)


def test_torn_tasks_come_back_from_their_backup(healthy: Path) -> None:
    (healthy / TASKS).write_bytes(b"PAR1")
    recovered(healthy)
    check_recovered(healthy, 3)


@pytest.mark.parametrize(
    ("broken", "how"),
    [
        ("data/chunk-000/file-002.parquet", "torn"),
        ("meta/episodes/chunk-000/file-002.parquet", "torn"),
        ("videos/observation.images.wrist/chunk-000/file-002.mp4", "torn"),
        ("videos/observation.images.wrist/chunk-000/file-002.mp4", "missing"),
    ],
)
def test_a_broken_last_episode_is_set_aside(healthy: Path, broken: str, how: str) -> None:
    content = (healthy / broken).read_bytes()
    (healthy / broken).unlink()
    if how == "torn":
        (healthy / broken).write_bytes(content[: len(content) // 2])
    found = recovered(healthy)
    assert (found.episodes, found.frames) == (2, 2 * FRAMES)
    for part in ("data", "meta/episodes", "videos"):
        assert broken.startswith(part) or any(name.startswith(part) for name in found.quarantined)
    check_recovered(healthy, 2)


def test_whole_episodes_beyond_a_broken_one_are_not_taken_away_unasked(healthy: Path) -> None:
    video = healthy / "videos/observation.images.front/chunk-000/file-000.mp4"
    kept = video.read_bytes()
    video.unlink()
    before = tree(healthy)
    with pytest.raises(DatasetProblem, match=r"missing: videos/.*2 episodes after it are whole"):
        recover(healthy)
    with pytest.raises(DatasetProblem, match="nothing was changed"):
        open_demo(healthy, resume=True)
    assert tree(healthy) == before
    video.write_bytes(kept)
    assert recover(healthy) is None
    video.unlink()
    found = recover(healthy, cut=True)
    assert found is not None
    assert found.episodes == 0


def test_several_episodes_to_a_file_are_cut_at_the_broken_one(root: Path) -> None:
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from tests.support.demos import FPS, TASK, features, frame

    stock = LeRobotDataset.create(
        "lab/demo", FPS, features(), root=root, robot_type="so101_follower", streaming_encoding=True,
        rgb_encoder=RGBEncoderConfig(vcodec="h264", preset="ultrafast"), video_backend="pyav",
        video_files_size_in_mb=0.000001,
    )  # fmt: skip
    for episode in range(3):
        for number in range(FRAMES):
            stock.add_frame(frame(episode, number) | {"task": TASK})
        stock.save_episode()
    stock.finalize()
    assert recover(root) is None
    assert pq.read_metadata(root / "data/chunk-000/file-000.parquet").num_rows == 3 * FRAMES
    (root / "videos/observation.images.front/chunk-000/file-002.mp4").unlink()
    found = recovered(root)
    assert (found.episodes, found.frames) == (2, 2 * FRAMES)
    dataset = open_demo(root, resume=True)
    assert dict(read_marks(root)) == {0: Mark(), 1: Mark()}
    record(dataset, 1)
    dataset.close()
    check_readable(root, 3)


def test_orphans_and_temporary_folders_go_to_quarantine(healthy: Path) -> None:
    orphans = ["data/chunk-000/file-003.parquet", "videos/observation.images.front/chunk-000/file-007.mp4"]
    for name in orphans:
        (healthy / name).write_bytes(b"orphan")
    (healthy / "tmpx1").mkdir()
    (healthy / "tmpx1/front_streaming.mp4").write_bytes(b"half a video")
    found = recovered(healthy)
    assert set(found.quarantined) == {*orphans, "tmpx1"}
    assert (healthy / found.where / "tmpx1/front_streaming.mp4").read_bytes() == b"half a video"
    assert "quarantine/" in found.summary
    check_recovered(healthy, 3)


def test_marks_follow_the_episodes(healthy: Path) -> None:
    sidecar = orjson.loads((healthy / SIDECAR).read_bytes())
    sidecar["episodes"]["3"] = sidecar["episodes"].pop("2") | {"session": "s"}
    sidecar["episodes"]["1"] = {"content": "of an episode that is gone"}
    before = orjson.dumps(sidecar)
    (healthy / SIDECAR).write_bytes(before)
    found = recovered(healthy)
    assert set(read_marks(healthy)) == {0, 1, 2}
    assert read_marks(healthy)[1] == Mark(accepted=True, flags=("recovered",))
    assert read_marks(healthy)[2] == Mark(session="s"), "found by the episode's content"
    assert (healthy / found.where / SIDECAR).read_bytes() == before
    assert SIDECAR in found.summary and found.where in found.summary


def test_unreadable_marks_are_set_aside_and_reported(healthy: Path) -> None:
    (healthy / SIDECAR).write_bytes(b'{"episodes": {"0"')
    found = recover(healthy)
    assert found is not None
    assert "lab-console.json.corrupt-1" in found.summary
    assert dict(read_marks(healthy)) == dict.fromkeys(range(3), Mark(flags=("recovered",)))


def test_episodes_files_of_another_making_are_refused_not_quarantined(healthy: Path) -> None:
    path = healthy / "meta/episodes/chunk-000/file-001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["length"]), path)
    before = tree(healthy)
    with pytest.raises(DatasetProblem, match="not as LeRobot"):
        recover(healthy)
    assert tree(healthy) == before


def test_committed_episodes_without_any_info_are_refused(healthy: Path) -> None:
    (healthy / INFO).unlink()
    (healthy / "meta/info.json.bak").unlink()
    before = tree(healthy)
    for attempt in (lambda: recover(healthy), lambda: open_demo(healthy, resume=True)):
        with pytest.raises(DatasetProblem, match="no backup"):
            attempt()
    assert tree(healthy) == before
