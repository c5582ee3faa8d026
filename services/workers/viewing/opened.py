"""An open episode: its facts, its traces, and its cameras' pictures frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.datasets.cameras import camera_keys, channels
from services.datasets.content import contents, contents_of
from services.datasets.episode_view import Camera, EpisodeOpened, FramesShown, Picture, ShowFrames
from services.datasets.marks import Mark, peek_marks
from services.datasets.matching import match
from services.error_text import whole_reason
from services.workers.viewing.dataset_files import UNREADABLE, Found, Unreadable, short, unreadable
from services.workers.viewing.traces import BOOKKEEPING, SHOWN, traces
from services.workers.viewing.video import Video
from sessions.files import check_file

_DECODING = (*UNREADABLE, av.FFmpegError, EOFError)


class Source(Protocol):
    """Where a camera's pictures come from."""

    def picture(self, frame: int, width: int, height: int) -> bytes:
        """The frame's picture as RGB."""

    def close(self) -> None:
        """Close its file."""


class OpenedEpisode:
    """Open until `close`; a camera's file is opened when it is first looked at."""

    def __init__(self, found: Found) -> None:
        """Raises Unreadable."""
        self._found = found
        try:
            check_file(found.data)
            with pq.ParquetFile(found.data) as file:
                table, self._rows = _read(file, found)
        except UNREADABLE as error:
            raise unreadable(found.root, found.data, error, found.episodes) from error
        if not table.num_rows:
            data = short(found.root, found.data)
            raise Unreadable(f"{data} has no rows of episode {found.episode}", found.episodes)
        self._times = _times(table, found.fps)
        self._keys = camera_keys(found.features)
        self._depth = {name: why for name, key in self._keys.items() if (why := _why_left_out(found.features[key]))}
        self._sources: dict[str, Source | str] = {}
        self.facts = self._facts(table)

    def close(self) -> None:
        """Close its files."""
        for source in self._sources.values():
            if not isinstance(source, str):
                source.close()

    def _facts(self, table: pa.Table) -> EpisodeOpened:
        found = self._found
        mark, doubtful = _mark(found.root, found.episode, found.episodes, found.data)
        return EpisodeOpened(
            root=str(found.root),
            episode=found.episode,
            episodes=found.episodes,
            frames=table.num_rows,
            fps=found.fps,
            times=self._times.astype("<f4").tobytes(),
            tasks=_tasks(found, table),
            robot_type=found.robot_type,
            cameras=tuple(
                Camera(name=name, **_size(found.features[key]))
                for name, key in self._keys.items()
                if name not in self._depth
            ),
            traces=traces(table, found.features),
            left_out=self._left_out(),
            mark=mark,
            doubtful=doubtful,
        )

    def _left_out(self) -> tuple[str, ...]:
        """Features that are not shown, with the reason where it is not only that nothing shows them."""
        cameras = set(self._keys.values())
        depth = [f"{name} ({why})" for name, why in self._depth.items()]
        others = [key for key in self._found.features if key not in cameras | BOOKKEEPING | set(SHOWN)]
        return (*depth, *others)

    def show(self, request: ShowFrames) -> FramesShown:
        """The pictures of these frames; a camera that cannot be read has its reason instead."""
        wanted = [name for name in request.sizes if name in self._keys and name not in self._depth]
        frames = [min(max(frame, 0), len(self._times) - 1) for frame in request.frames]
        return FramesShown(
            pictures=tuple(self._picture(name, frame, *request.sizes[name]) for name in wanted for frame in frames)
        )

    def _picture(self, name: str, frame: int, width: int, height: int) -> Picture:
        source = self._source(name)
        if isinstance(source, str):
            return Picture(camera=name, frame=frame, problem=source)
        try:
            rgb = source.picture(frame, width, height)
        except _DECODING as error:
            return Picture(camera=name, frame=frame, problem=self._why(name, error))
        return Picture(camera=name, frame=frame, width=width, height=height, rgb=rgb)

    def _source(self, name: str) -> Source | str:
        """Where the camera's pictures come from, or why there are none."""
        if name not in self._sources:
            try:
                self._sources[name] = self._open(self._keys[name])
            except _DECODING as error:
                self._sources[name] = self._why(name, error)
        return self._sources[name]

    def _open(self, key: str) -> Source:
        found = self._found
        if found.features[key].get("dtype") == "image":
            from services.workers.viewing.stills import Stills  # cv2 is slow to load

            return Stills(found.root, found.data, key, self._rows)
        if key not in found.videos:
            raise ValueError("the episode's metadata name no video")
        part = found.videos[key]
        return _VideoFrames(Video(part.path, found.fps), part.start + self._times)

    def _why(self, name: str, error: BaseException) -> str:
        key = self._keys[name]
        part = self._found.videos.get(key)
        if part is None:
            return whole_reason(error)
        return str(unreadable(self._found.root, part.path, error))


class _VideoFrames:
    """A part of a video by the episode's frames."""

    def __init__(self, video: Video, times: Any) -> None:
        """`times` are the frames' seconds in the file: as LeRobot's reader, the part's start and the timestamp."""
        self._video, self._times = video, times

    def picture(self, frame: int, width: int, height: int) -> bytes:
        return self._video.picture(float(self._times[frame]), width, height)[1]

    def close(self) -> None:
        self._video.close()


def _read(file: pq.ParquetFile, found: Found) -> tuple[pa.Table, Any]:
    """The episode's rows in the order of its frames, and their places in the file."""
    names = file.schema_arrow.names
    if "episode_index" not in names:
        raise ValueError("it has no column episode_index")
    columns = [name for name in (*BOOKKEEPING, *SHOWN) if name in names]
    table = file.read(columns=columns)
    rows = np.flatnonzero(pc.equal(table["episode_index"], found.episode).fill_null(False).to_numpy())
    table = table.take(pa.array(rows))
    if "frame_index" in columns:
        order = np.argsort(table["frame_index"].to_numpy(), kind="stable")
        table, rows = table.take(pa.array(order)), rows[order]
    return table, rows


def _times(table: pa.Table, fps: float) -> Any:
    """The frames' timestamps in seconds: as recorded, else by the rate; (frames,)."""
    by_rate = np.arange(table.num_rows) / fps
    if "timestamp" not in table.column_names:
        return by_rate
    recorded = np.asarray(table["timestamp"].to_numpy(), np.float64)
    return np.where(np.isfinite(recorded), recorded, by_rate)


def _tasks(found: Found, table: pa.Table) -> tuple[str, ...]:
    """What the episode's row says, else the texts of its tasks' numbers."""
    named = found.row.get("tasks")
    if isinstance(named, list) and named:
        return tuple(map(str, named))
    if "task_index" not in table.column_names:
        return ()
    numbers = set(table["task_index"].to_pylist())
    try:
        check_file(found.root / "meta/tasks.parquet")
        rows = pq.ParquetFile(found.root / "meta/tasks.parquet").read().to_pylist()
    except UNREADABLE:
        return ()
    texts = [next((str(v) for v in row.values() if isinstance(v, str)), "") for row in rows
             if row.get("task_index") in numbers]  # fmt: skip
    return tuple(filter(None, texts))


def _mark(root: Path, episode: int, episodes: int, data: Path) -> tuple[Mark | None, bool]:
    """The episode's own mark, by content as everywhere, and whether it is in doubt."""
    marks = peek_marks(root)
    if not marks:
        return None, False
    try:
        own = contents([data]).get(episode, "")
        if episode in marks and marks.contents.get(episode, own) == own:
            return marks[episode], False
        matched = match(marks, contents_of(root, episodes))
    except UNREADABLE:
        return None, False
    return matched.marks.get(episode), episode in matched.doubtful


def _size(feature: Mapping[str, Any]) -> dict[str, int]:
    """Width and height by the feature's shape, which is (height, width, channels) or (channels, height, width)."""
    shape = tuple(feature.get("shape") or ())
    if len(shape) != 3:
        return {}
    first = shape[2] > shape[0]
    return {"width": int(shape[2] if first else shape[1]), "height": int(shape[1] if first else shape[0])}


def _why_left_out(feature: Mapping[str, Any]) -> str:
    """Why a camera's pictures are not shown: a depth map, as LeRobot tells one (dataset_metadata.py, depth_keys)."""
    info, video = feature.get("info") or {}, feature.get("video_info") or {}
    marked = info.get("is_depth_map") or info.get("video.is_depth_map") or video.get("video.is_depth_map")
    return "depth" if marked or channels(feature) == 1 else ""
