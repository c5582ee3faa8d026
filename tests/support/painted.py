"""Datasets in LeRobot's format, written without LeRobot: every picture has its own number painted in.

For tests of what reads a dataset by its files; that LeRobot reads them, too, is a test in tests/lerobot_seams.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WIDTH, HEIGHT, FPS = 160, 120, 30
BITS = 12
TASK = "put the cube into the bowl"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


def paint(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture (height, width, 3) with `number` as BITS black and white fields, 4 x 3."""
    fields = np.array([255 * (number >> bit & 1) for bit in range(BITS)], np.uint8).reshape(3, 4)
    grey = np.kron(fields, np.ones((height // 3, width // 4), np.uint8))
    return np.repeat(grey[:, :, None], 3, axis=2)


def scene(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture for people: a table, a bowl, and a cube that moves with the frame."""
    camera, frame = number >> 10, number & 127
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([150 - y // 3, 120 - y // 4 + 20 * camera, 90 - y // 5 + x // 8], axis=2).astype(np.uint8)
    ring = ((x - width * 0.7) / 22) ** 2 + ((y - height * 0.6) / 14) ** 2
    picture[(ring < 1) & (ring > 0.5)] = (200, 200, 210)
    left, top = 15 + 2 * frame % (width - 40), int(height * (0.55 - 0.3 * np.sin(np.pi * min(1.0, frame / 50))))
    picture[top : top + 16, left : left + 16] = (220, 60, 50)
    return picture


def read(rgb: bytes, width: int, height: int) -> int:
    """The number painted in a picture, however it was scaled."""
    grey = np.frombuffer(rgb, np.uint8).reshape(height, width, 3).mean(axis=2)
    found = 0
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        y, x = int((row + 0.5) * height / 3), int((column + 0.5) * width / 4)
        found |= int(grey[y, x] > 127) << bit
    return found


def number(camera: int, episode: int, frame: int) -> int:
    """What is painted: differs for every camera, episode and frame (up to 128 of them)."""
    return camera << 10 | episode << 7 | frame


def encode(path: Path, numbers: Sequence[int], *, gop: int = 2, fps: int = FPS, paint: Any = paint) -> None:
    """A video of these numbers, with a keyframe every `gop` frames."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": str(gop), "crf": "23", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for at, value in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(paint(value), format="rgb24")
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def make(
    root: Path,
    lengths: Sequence[int] = (40, 30, 50),
    *,
    cameras: Sequence[str] = ("overhead", "wrist"),
    images: bool = False,
    one_file: bool = False,
    gop: int = 2,
    more: dict[str, Any] | None = None,
    names: Any = None,
    paint: Any = paint,
) -> Path:
    """A dataset of episodes with these numbers of frames, one file each, or with `one_file` all in one file.

    `images`: PNG in parquet instead of videos. `more`: further features of info.json. `names` of the joints.
    `paint` makes a video's picture of a number.
    """
    keys = [f"observation.images.{name}" for name in cameras]
    _info(root, lengths, keys, images=images, more=more or {}, names=names)
    place = [(0, 0) if one_file else (0, episode) for episode in range(len(lengths))]
    tables = [_rows(lengths, episode, keys if images else []) for episode in range(len(lengths))]
    for file in sorted(set(place)):
        inside = [episode for episode in range(len(lengths)) if place[episode] == file]
        name = f"chunk-{file[0]:03d}/file-{file[1]:03d}"
        _write(root / f"data/{name}.parquet", pa.concat_tables([tables[episode] for episode in inside]))
        for camera, key in enumerate(keys):
            if not images:
                painted = [number(camera, e, frame) for e in inside for frame in range(lengths[e])]
                encode(root / f"videos/{key}/{name}.mp4", painted, gop=gop, paint=paint)
    _episodes(root, lengths, [] if images else keys, place, one_file=one_file)
    _write(root / "meta/tasks.parquet", pa.table({"task_index": [0], "task": [TASK]}))
    return root


def _info(
    root: Path, lengths: Sequence[int], keys: Sequence[str], *, images: bool, more: dict[str, Any], names: Any
) -> None:
    joints = {"dtype": "float32", "shape": [6], "names": names or [f"{joint}.pos" for joint in JOINTS]}
    picture = {"dtype": "image" if images else "video", "shape": [HEIGHT, WIDTH, 3],
               "names": ["height", "width", "channels"]}  # fmt: skip
    plain = {
        name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
        for name in ("timestamp", "frame_index", "episode_index", "index", "task_index")
    }
    info = {
        "codebase_version": "v3.0", "fps": FPS, "robot_type": "so101_follower", "total_episodes": len(lengths),
        "total_frames": sum(lengths), "total_tasks": 1, "chunks_size": 1000, "splits": {"train": f"0:{len(lengths)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {"action": joints, "observation.state": joints, **dict.fromkeys(keys, picture), **plain, **more},
    }  # fmt: skip
    (root / "meta").mkdir(parents=True)
    (root / "meta/info.json").write_text(json.dumps(info))


def state_of(episode: int, frame: int) -> list[float]:
    """What the joints measure."""
    return [float(60 * np.sin(frame / (8 + joint)) + 5 * joint + 100 * episode) for joint in range(6)]


def _rows(lengths: Sequence[int], episode: int, keys: Sequence[str]) -> pa.Table:
    count, start = lengths[episode], sum(lengths[:episode])
    states = [state_of(episode, frame) for frame in range(count)]
    actions = [[value + 3 for value in state] for state in states]
    columns: dict[str, Any] = {
        "observation.state": pa.array(states, pa.list_(pa.float32(), 6)),
        "action": pa.array(actions, pa.list_(pa.float32(), 6)),
        "timestamp": pa.array(np.arange(count, dtype=np.float32) / np.float32(FPS)),
        "frame_index": pa.array(np.arange(count)),
        "episode_index": pa.array(np.full(count, episode)),
        "index": pa.array(np.arange(start, start + count)),
        "task_index": pa.array(np.zeros(count, np.int64)),
    }
    for camera, key in enumerate(keys):
        pictures = [{"bytes": _png(number(camera, episode, frame)), "path": None} for frame in range(count)]
        columns[key] = pa.array(pictures, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    return pa.table(columns)


def _png(value: int) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", paint(value))[1].tobytes())


def _episodes(
    root: Path, lengths: Sequence[int], keys: Sequence[str], place: Sequence[tuple[int, int]], *, one_file: bool
) -> None:
    rows = []
    for episode, count in enumerate(lengths):
        chunk, file = place[episode]
        start = sum(lengths[:episode])
        row: dict[str, Any] = {
            "episode_index": episode, "tasks": [TASK], "length": count, "dataset_from_index": start,
            "dataset_to_index": start + count, "data/chunk_index": chunk, "data/file_index": file,
            "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0,
        }  # fmt: skip
        begins = start / FPS if one_file else 0.0
        for key in keys:
            row |= {
                f"videos/{key}/chunk_index": chunk, f"videos/{key}/file_index": file,
                f"videos/{key}/from_timestamp": begins, f"videos/{key}/to_timestamp": begins + count / FPS,
            }  # fmt: skip
        rows.append(row)
    _write(root / "meta/episodes/chunk-000/file-000.parquet", pa.Table.from_pylist(rows))


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
