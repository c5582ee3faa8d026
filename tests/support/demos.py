"""Small demonstrations whose every frame can be told from every other, and the check that they come back so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FPS = 30
FRAMES = 6
HEIGHT, WIDTH = 48, 64
FRONT, WRIST = "observation.images.front", "observation.images.wrist"
JOINTS = [f"joint_{i}.pos" for i in range(6)]
TASK = "put the cube into the bowl"


def features() -> dict[str, dict[str, Any]]:
    """What `hw_to_dataset_features` gives for a six-joint arm with two cameras."""
    image = {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
    joints = {"dtype": "float32", "shape": (6,), "names": JOINTS}
    return {"action": dict(joints), "observation.state": dict(joints), FRONT: dict(image), WRIST: dict(image)}


def brightness(episode: int, frame: int) -> int:
    """Distinct for neighbouring frames and episodes, and far enough apart to survive the codec."""
    return 20 + (episode * 67 + frame * 13) % 210


def frame(episode: int, number: int) -> dict[str, Any]:
    """One frame: its numbers in the joints, its brightness in the front camera, the negative in the wrist one."""
    level = brightness(episode, number)
    joints = np.array([episode, number, 0, 0, 0, 0], np.float32)
    return {
        "action": joints,
        "observation.state": joints,
        FRONT: np.full((HEIGHT, WIDTH, 3), level, np.uint8),
        WRIST: np.full((HEIGHT, WIDTH, 3), 255 - level, np.uint8),
    }


def open_demo(root: Path, *, resume: bool = False, **changes: Any) -> Any:
    """The dataset at `root`, open for recording demos."""
    from services.workers.dataset.durable import DurableDataset
    from services.workers.dataset.encoder_settings import EncoderSettings

    asked = {"fps": FPS, "features": features(), "robot_type": "so101_follower", "encoder": EncoderSettings()}
    return DurableDataset.open(root, "lab/demo", resume=resume, **(asked | changes))


def add_take(dataset: Any, frames: int = FRAMES) -> None:
    """The frames of the next episode, unsaved."""
    for number in range(frames):
        dataset.add_frame(frame(dataset.episodes, number), TASK)


def record(dataset: Any, episodes: int, frames: int = FRAMES) -> None:
    """Record and save so many episodes."""
    for _ in range(episodes):
        add_take(dataset, frames)
        dataset.save()


def check_readable(root: Path, episodes: int, frames: int = FRAMES) -> None:
    """LeRobot reads the dataset: all episodes, and every row with its own two pictures."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = LeRobotDataset("lab/demo", root=root, video_backend="pyav")
    assert (dataset.num_episodes, dataset.num_frames) == (episodes, episodes * frames)
    assert len(dataset.hf_dataset) == episodes * frames
    assert [row["length"] for row in dataset.meta.episodes] == [frames] * episodes
    assert dataset.meta.stats["index"]["count"][0] == episodes * frames
    for index in range(len(dataset)):
        _check_row(dataset[index], index, frames)


def _check_row(row: dict[str, Any], index: int, frames: int) -> None:
    episode, number = divmod(index, frames)
    assert (int(row["episode_index"]), int(row["frame_index"]), int(row["index"])) == (episode, number, index)
    assert row["observation.state"].tolist()[:2] == [episode, number]
    assert row["task"] == TASK
    level = brightness(episode, number)
    assert abs(float(row[FRONT].mean()) * 255 - level) < 4
    assert abs(float(row[WRIST].mean()) * 255 - (255 - level)) < 4


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root`, with its content."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
