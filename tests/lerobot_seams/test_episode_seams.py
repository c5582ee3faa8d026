"""The viewer reads LeRobot's files by itself: what it shows is what LeRobot's own reader gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.datasets.episode_view import EpisodeOpened, Failed, FramesShown, OpenEpisode, ShowFrames
from services.workers.viewing.serve import Viewer
from tests.support import demos, foreign, painted


def looked(root: Path, episode: int) -> tuple[Viewer, EpisodeOpened]:
    viewer = Viewer()
    answer = viewer.answer(OpenEpisode(root=str(root), episode=episode))
    assert isinstance(answer, EpisodeOpened), answer
    return viewer, answer


def pictures(viewer: Viewer, frame: int, sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    answer = viewer.answer(ShowFrames(frames=(frame,), sizes=sizes))
    assert isinstance(answer, FramesShown)
    assert not [p.problem for p in answer.pictures if p.problem]
    return {
        p.camera: np.frombuffer(p.rgb, np.uint8).reshape(p.height, p.width, 3).astype(float) for p in answer.pictures
    }


@pytest.mark.parametrize("dtype", ["video", "image"])
def test_every_frame_is_that_of_lerobots_reader(tmp_path: Path, dtype: str) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    keys = {"front": "observation.images.front", "observation.wrist_image": "observation.wrist_image"}
    features = {key: foreign.camera(dtype) for key in keys.values()}
    features |= {"observation.state": foreign.vector(), "action": foreign.vector()}
    root = foreign.make(tmp_path / "other", features, tasks=("Pick the cube", "Place it"))
    before, theirs = foreign.hashes(root), LeRobotDataset("me/other", root=root, video_backend="pyav")
    for episode in range(3):
        viewer, opened = looked(root, episode)
        assert (opened.episodes, opened.frames) == (3, foreign.FRAMES)
        for frame in (5, 0, foreign.FRAMES - 1):
            row = theirs[episode * foreign.FRAMES + frame]
            shown = pictures(viewer, frame, dict.fromkeys(keys, (64, 48)))
            for name, key in keys.items():
                expected = row[key].permute(1, 2, 0).numpy() * 255
                assert np.abs(shown[name] - expected).max() < 3
            states = [np.frombuffer(trace.state, "<f4")[frame] for trace in opened.traces]
            assert np.allclose(states, row["observation.state"].numpy())
            assert opened.time_of(frame) == pytest.approx(float(row["timestamp"]), abs=1e-6)
            assert opened.tasks == (row["task"],)
    after = foreign.hashes(root)
    assert {name: after[name] for name in before} == before


def test_lerobot_reads_what_the_tests_paint(tmp_path: Path) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root = painted.make(tmp_path / "painted", (5, 7), one_file=True)
    theirs = LeRobotDataset("me/painted", root=root, video_backend="pyav")
    for index, (episode, frame) in enumerate([*((0, f) for f in range(5)), *((1, f) for f in range(7))]):
        row = theirs[index]
        rgb = (row["observation.images.wrist"].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        assert painted.read(rgb.tobytes(), painted.WIDTH, painted.HEIGHT) == painted.number(1, episode, frame)


def test_takes_are_looked_at_while_their_session_goes_on_and_lerobots_own_once_it_has_ended(tmp_path: Path) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    ours = demos.open_demo(tmp_path / "ours")
    try:
        for episode in range(2):
            demos.add_take(ours)
            ours.save()
            viewer, opened = looked(tmp_path / "ours", episode)
            assert opened.episodes == episode + 1 and opened.mark is not None
            level = pictures(viewer, 3, {"front": (16, 12)})["front"].mean()
            assert abs(level - demos.brightness(episode, 3)) < 4
        demos.add_take(ours)
        assert isinstance(Viewer().answer(OpenEpisode(root=str(tmp_path / "ours"), episode=2)), Failed)
    finally:
        ours.close()

    features = {"observation.state": foreign.vector(), "action": foreign.vector()}
    theirs = LeRobotDataset.create("me/other", 30, features, root=tmp_path / "theirs", use_videos=False)
    for number in range(4):
        values = np.full(3, number, np.float32)
        theirs.add_frame({"observation.state": values, "action": values, "task": "Pick"})
    theirs.save_episode()
    answer = Viewer().answer(OpenEpisode(root=str(tmp_path / "theirs"), episode=0))
    assert isinstance(answer, Failed), "LeRobot has its files open still"
    theirs.finalize()
    assert looked(tmp_path / "theirs", 0)[1].frames == 4
