"""Datasets as LeRobot's own recorder and other tools leave them: nothing of this console is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 8
JOINTS = [f"{joint}.pos" for joint in ("shoulder_pan", "shoulder_lift", "elbow_flex")]


def vector(names: Sequence[str] | None = JOINTS, size: int = 3) -> dict[str, Any]:
    """A feature of joints."""
    return {"dtype": "float32", "shape": (size,), "names": list(names) if names else None}


def camera(dtype: str = "video", channels: int = 3, **more: Any) -> dict[str, Any]:
    """A feature of pictures."""
    shape = (48, 64, channels)
    return {"dtype": dtype, "shape": shape, "names": ["height", "width", "channels"], **more}


def make(
    root: Path,
    features: Mapping[str, dict[str, Any]],
    *,
    fps: int = 30,
    episodes: int = 3,
    tasks: Sequence[str] = ("Pick the cube",),
) -> Path:
    """A dataset made with LeRobot's API, as its recorder makes one."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    videos = any(feature["dtype"] == "video" for feature in features.values())
    made = LeRobotDataset.create(
        "me/other", fps, dict(features), root=root, robot_type="so_follower", use_videos=videos, video_backend="pyav"
    )
    for episode in range(episodes):
        for number in range(FRAMES):
            values = {key: _value(feature, episode, number) for key, feature in features.items()}
            made.add_frame({**values, "task": tasks[episode % len(tasks)]})
        made.save_episode()
    made.finalize()
    return root


def _value(feature: Mapping[str, Any], episode: int, number: int) -> Any:
    shape = tuple(feature["shape"])
    if feature["dtype"] in ("video", "image"):
        level = 20 + 60 * episode + 3 * number
        deep = shape[-1] == 1
        return np.full(shape, level * 10 if deep else level, np.uint16 if deep else np.uint8)
    return (np.arange(shape[0]) + 10 * episode + np.sin(number)).astype(feature["dtype"])


def hashes(root: Path) -> dict[str, str]:
    """Every file and folder below `root`, with the digest of its content."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(root.rglob("*"))
    }


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file, as another tool writes it."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=2))


# -- what other tools do --------------------------------------------------------------------------------------


def own_statistics(root: Path) -> None:
    """Statistics of another making: no counts, and means that no row has."""

    def change(stats: dict[str, Any]) -> None:
        for key in [key for key in stats if key.endswith("index") or key == "timestamp"]:
            del stats[key]
        for feature in stats.values():
            feature.pop("count", None)
        stats["action"]["mean"] = [123.0] * 3

    edit_json(root / "meta/stats.json", change)


def own_totals(root: Path) -> None:
    """Splits, task counts and keys of another tool, and the rate as a float."""
    extra = {"total_tasks": 7, "total_videos": 3, "splits": {"train": "0:2", "val": "2:3"}, "license": "cc"}
    edit_json(root / "meta/info.json", lambda info: info.update(extra, fps=float(info["fps"])))


def few_keys(root: Path) -> None:
    """An info.json without the keys that LeRobot has a default for."""
    optional = ("data_path", "video_path", "chunks_size", "data_files_size_in_mb", "video_files_size_in_mb", "splits")
    edit_json(root / "meta/info.json", lambda info: [info.pop(key, None) for key in optional])


def named_by_group(root: Path) -> None:
    """Names in a table, as converters of other formats write them."""

    def change(info: dict[str, Any]) -> None:
        for key in ("action", "observation.state"):
            info["features"][key]["names"] = {"motors": info["features"][key]["names"]}

    edit_json(root / "meta/info.json", change)


def own_files(root: Path) -> None:
    """Files and folders that are no part of the format."""
    for name in (
        "README.md", "meta/modality.json", "meta/.gitkeep", "tmp_notes/protocol.txt", "tmpl_calibration.json",
        "tmp_recipes/cake.txt", "images/observation.images.top/episode-000000/frame-000000.png",
        "videos/observation.images.side_raw/chunk-000/file-000.mp4", "data/notes/draft.txt",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"mine")
    (root / "images/empty").mkdir()
