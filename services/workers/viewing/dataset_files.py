"""Finds an episode in a dataset by the dataset's own files, as LeRobot's reader does.

`meta/info.json` has the rate, the features and where files lie; a row in `meta/episodes` has the episode's place in
them (LeRobot 0.6.1: datasets/dataset_metadata.py, get_data_file_path and get_video_file_path;
datasets/dataset_reader.py, _query_videos). Read leniently: what a look does not need may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets.lock import recorded_by
from services.datasets.summary import INFO, version_problem
from services.error_text import whole_reason
from services.units import plural
from services.workers.dataset.survey import DATA_PATH, VIDEO_PATH, read_info
from sessions.files import check_file

UNREADABLE = (OSError, pa.ArrowException, ValueError)


class Unreadable(Exception):
    """An episode, or a part of it, cannot be read; the message is a sentence. `empty`: the dataset has none yet."""

    def __init__(self, text: str, episodes: int = 0, *, empty: bool = False) -> None:
        super().__init__(text)
        self.episodes, self.empty = episodes, empty


@dataclass(frozen=True)
class VideoPart:
    """A camera's part of a video file: it begins `start` seconds into it."""

    path: Path
    start: float


@dataclass(frozen=True)
class Found:
    """One episode's place in the dataset: its row, its data file, its part of each video by feature key.

    `absent` names cameras whose row says nothing of a video.
    """

    root: Path
    episode: int
    episodes: int
    fps: float
    robot_type: str
    features: Mapping[str, Mapping[str, Any]]
    row: Mapping[str, Any]
    data: Path
    videos: Mapping[str, VideoPart]


def short(root: Path, path: Path) -> str:
    """The path below the dataset's folder."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def unreadable(root: Path, path: Path, error: BaseException, episodes: int = 0) -> Unreadable:
    """The sentence for a file that cannot be read: that it is missing, or the library's reason.

    A recorder that is not this console's keeps its files open until it ends: then they have no end yet.
    """
    name = short(root, path)
    if isinstance(error, FileNotFoundError):
        return Unreadable(f"{name} is missing", episodes)
    # FFmpeg's message repeats the file's name, after the number of the error.
    why = str(error.strerror) if isinstance(error, av.FFmpegError) else whole_reason(error).replace(f"{path}", name)
    if recorder := recorded_by(root):
        text = f"{name} is not readable before the session that records it ends ({recorder}): {why}"
        return Unreadable(text, episodes)
    return Unreadable(f"{name} cannot be read: {why}", episodes)


class Datasets:
    """The rows of `meta/episodes` that were read, kept as long as their file is unchanged."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], dict[int, dict[str, Any]]]] = {}

    def find(self, root: Path, episode: int) -> Found:
        """The episode's place. Raises Unreadable."""
        info = read_info(root)
        if not info:
            why = "is missing" if not (root / INFO).exists() else "cannot be read"
            raise Unreadable(f"{root.name}: {INFO} {why}, so this is no dataset that can be looked at")
        if old := version_problem(str(info.get("codebase_version", "v3.0"))):
            raise Unreadable(f"dataset {root.name} has {old}")
        total = _whole(info.get("total_episodes"))
        row, problem = self._row(root, episode)
        if row is None:
            raise problem or Unreadable(_none(root, episode, total), total, empty=not total)
        try:
            return _found(root, episode, max(total, episode + 1), info, row)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Unreadable(f"episode {episode}: its metadata are not as LeRobot writes them: {whole_reason(error)}",
                             total) from error  # fmt: skip

    def _row(self, root: Path, episode: int) -> tuple[dict[str, Any] | None, Unreadable | None]:
        """The episode's row, or the first file that cannot be read, which may hold it.

        LeRobot writes the files in the order of the episodes, so that few need reading; others may not.
        """
        files = sorted(root.glob("meta/episodes/*/*.parquet"))
        problem = None
        for path in dict.fromkeys([*_near(files, episode, lambda path: self._try(root, path)), *files]):
            try:
                rows = self._rows(path)
            except UNREADABLE as error:
                problem = problem or unreadable(root, path, error)
                continue
            if episode in rows:
                return rows[episode], None
        return None, problem

    def _try(self, root: Path, path: Path) -> dict[int, dict[str, Any]]:
        try:
            return self._rows(path)
        except UNREADABLE:
            return {}

    def _rows(self, path: Path) -> dict[int, dict[str, Any]]:
        info = path.stat()
        stamp = info.st_size, info.st_mtime_ns
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            check_file(path)
            with pq.ParquetFile(path) as file:
                names = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
                rows = {int(row["episode_index"]): row for row in file.read(columns=names).to_pylist()}
            known = self._known[path] = stamp, rows
        return known[1]


def _near(files: Sequence[Path], episode: int, rows: Any) -> list[Path]:
    """The file that has the episode if files are in order of episodes: by bisection."""
    low, high = 0, len(files) - 1
    while low <= high:
        middle = (low + high) // 2
        held = rows(files[middle])
        if not held:
            return []
        if episode in held:
            return [files[middle]]
        low, high = (middle + 1, high) if episode > max(held) else (low, middle - 1)
    return []


def _none(root: Path, episode: int, total: int) -> str:
    if not total:
        return f"dataset {root.name} has no episodes yet"
    if episode < total:
        has = plural(total, "episode")
        return f"dataset {root.name} says that it has {has}, but meta/episodes has no row of {episode}"
    return f"there is no episode {episode}: dataset {root.name} has {plural(total, 'episode')}, counted from 0"


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _found(root: Path, episode: int, episodes: int, info: Mapping[str, Any], row: Mapping[str, Any]) -> Found:
    """Raises KeyError, TypeError, ValueError or IndexError for metadata of another form."""
    features: dict[str, dict[str, Any]] = info["features"]
    fps = float(info["fps"])
    if not fps > 0:
        raise ValueError(f"fps is {fps:g}")
    chunk, number = row.get("data/chunk_index") or 0, row.get("data/file_index") or 0
    data = (info.get("data_path") or DATA_PATH).format(chunk_index=chunk, file_index=number)
    videos = {}
    for key, feature in features.items():
        place = {name: row.get(f"videos/{key}/{name}") for name in ("chunk_index", "file_index", "from_timestamp")}
        if feature.get("dtype") == "video" and place["file_index"] is not None:
            path = (info.get("video_path") or VIDEO_PATH).format(
                video_key=key, chunk_index=place["chunk_index"] or 0, file_index=place["file_index"]
            )
            videos[key] = VideoPart(root / path, float(place["from_timestamp"] or 0.0))
    robot = str(info.get("robot_type") or "")
    return Found(root, episode, episodes, fps, robot, features, row, root / data, videos)
