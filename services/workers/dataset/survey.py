"""Surveys a dataset: which episodes are whole, and which files belong to none of them.

The committed episodes are the rows of the readable `meta/episodes` files, contiguous from episode 0, whose data
and video files exist and can be read. Reads parquet and video headers only, does not import LeRobot, and never
contacts the Hub (LeRobot would, for whatever it cannot read).

A dataset may be anybody's. What a recorder leaves behind when it dies is told from what somebody put there: files in
the places of a recording, temporary folders of videos, files that are torn, totals that do not fit the episodes. Other
statistics, splits, task counts and files are their owner's.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets import content
from services.datasets.cameras import camera_name
from services.datasets.fitting import marks_fit
from services.datasets.lock import DatasetProblem
from services.datasets.marks import SIDECAR, has_marks
from services.datasets.summary import INFO, INFO_BACKUP, version_problem
from sessions.files import read_file

logger = logging.getLogger(__name__)

STATS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
"""LeRobot's own templates, for an info.json that names none (`datasets/utils.py`)."""
_RECORDED = ("data/chunk-*/file-*.parquet", "meta/episodes/chunk-*/file-*.parquet")
_HALF_WRITTEN = (f".{SIDECAR}.????????", "meta/.info.json.*", "meta/.stats.json.*", "meta/.tasks.parquet.*")
"""Names of `sessions.files.write_atomically`'s temporary files."""
_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}(\.(mp4|ffconcat))?|tmp-file-\d+\.parquet")
"""Names of LeRobot's temporary files and folders (Python's tempfile), and of a file that is being cut."""
_UNREADABLE = (OSError, pa.ArrowException)


@dataclass(frozen=True)
class EpisodeRow:
    """One episode's row in `meta/episodes`. `videos` is {video file: last second of the episode in it}."""

    index: int
    length: int
    meta_file: Path
    data_file: Path
    videos: dict[Path, float]


class Survey:
    """The state of the dataset at `root`, read once; changes nothing.

    Of the cameras that a reader leaves out, `without`, no video is asked for or looked at. Raises DatasetProblem if the
    folder is no version 3 dataset, or holds committed episodes without a readable info.json or a backup of it.
    """

    def __init__(self, root: Path, without: Collection[str] = ()) -> None:
        self.root, self._without = root, without
        self.ours = has_marks(root)
        self._data_rows: dict[Path, int] = {}
        self._frames: dict[Path, int] = {}
        self.own_info = read_json(root / INFO)
        self.info = self.own_info or read_info(root)
        problem = version_problem(str(self.info.get("codebase_version", "v3.0")))
        if problem or (root / "meta/episodes.jsonl").exists():
            raise DatasetProblem(f"dataset {root.name} has {problem or version_problem('2.1')}")
        self.rows = self._read_rows()
        whole = self._whole()
        self.committed: list[EpisodeRow] = []
        for row, ok in zip(self.rows, whole, strict=True):
            if not ok or row.index != len(self.committed):
                break
            self.committed.append(row)
        self.beyond = [row for row, ok in zip(self.rows, whole, strict=True) if ok][len(self.committed) :]

    @property
    def episodes(self) -> int:
        """Committed, whole, contiguous episodes."""
        return len(self.committed)

    @property
    def frames(self) -> int:
        """The frames of those episodes."""
        return sum(row.length for row in self.committed)

    @cached_property
    def kept(self) -> set[Path]:
        """The files that the whole episodes live in."""
        return {path for row in self.committed for path in (row.meta_file, row.data_file, *row.videos)}

    @cached_property
    def strays(self) -> list[Path]:
        """What a recorder left that belongs to no whole episode."""
        videos = (f"videos/{key}/chunk-*/file-*.mp4" for key in self._video_keys)
        recorded = [path for pattern in (*_RECORDED, *videos) for path in self.root.glob(pattern)]
        loose = [path for pattern in _HALF_WRITTEN for path in self.root.glob(pattern)]
        loose += [path for path in self.root.glob("tmp*") if _is_temporary(path)]
        loose += [path for path in self.root.glob("images/*/episode-*") if self._is_unsaved(path)]
        return sorted(path for path in recorded if path not in self.kept) + sorted(loose)

    def _is_unsaved(self, folder: Path) -> bool:
        """Whether these are the pictures of an episode that was being recorded."""
        number = folder.name.removeprefix("episode-")
        known = folder.parent.name in self.info.get("features", {})
        return known and number.isdigit() and int(number) >= self.episodes

    @cached_property
    def overfull(self) -> list[Path]:
        """Parquet files that hold whole episodes and rows beyond them (several episodes to a file)."""
        expected: defaultdict[Path, int] = defaultdict(int)
        for row in self.committed:
            expected[row.data_file] += row.length
            expected[row.meta_file] += 1
        meta_rows: defaultdict[Path, int] = defaultdict(int)
        for row in self.rows:
            meta_rows[row.meta_file] += 1
        held = {path: meta_rows.get(path) or self._rows_in(path) for path in expected}
        return sorted(path for path, count in expected.items() if held[path] > count)

    @cached_property
    def tasks(self) -> int | None:
        """Tasks in tasks.parquet; None if it cannot be read."""
        try:
            return int(pq.read_metadata(self.root / TASKS).num_rows)
        except _UNREADABLE:
            return None

    @cached_property
    def stats(self) -> dict[str, Any] | None:
        """stats.json; None if it is missing or torn."""
        return read_json(self.root / STATS)

    @property
    def stats_torn(self) -> bool:
        """Whether stats.json cannot be read, is missing from a dataset of ours, or belongs to no episode at all."""
        exists = (self.root / STATS).exists()
        if not self.episodes:
            return exists
        return self.stats is None and (exists or self.ours)

    @property
    def stats_right(self) -> bool:
        """Whether stats.json covers exactly the rows of the whole episodes, as far as it counts them."""
        try:
            return not self.stats_torn and int((self.stats or {})["index"]["count"][0]) == self.frames
        except (KeyError, IndexError, TypeError, ValueError):
            return not self.stats_torn

    @property
    def info_right(self) -> bool:
        """Whether info.json is readable and its totals are those of the whole episodes: LeRobot numbers by them."""
        info = self.own_info
        totals = (self.episodes, self.frames)
        return info is not None and (info.get("total_episodes"), info.get("total_frames")) == totals and self._counts

    @property
    def _counts(self) -> bool:
        """Whether info.json counts tasks: LeRobot reads none from a file without a count. Ours must be exact."""
        counted, tasks = (self.own_info or {}).get("total_tasks", 0), self.tasks or 0
        return bool(counted == tasks if self.ours else counted or not tasks)

    @cached_property
    def contents(self) -> dict[int, str]:
        """The digest of each whole episode's values (`services.datasets.content`)."""
        found = content.contents(row.data_file for row in self.committed)
        return {row.index: found.get(row.index, "") for row in self.committed}

    @property
    def healthy(self) -> bool:
        """Whether there is nothing to recover before the next episode is recorded."""
        return (
            not (self.strays or self.overfull or self.stats_torn)
            and self.info_right
            and (self.tasks is not None or not self.episodes)
            and marks_fit(self.root, self.contents)
        )

    def gap(self) -> str:
        """Which episode is broken or missing before others that are whole, in a sentence; empty if none is."""
        if not self.beyond:
            return ""
        return (
            f"dataset {self.root.name}: {self._first_broken()}, but {len(self.beyond)} episodes after it are whole. "
            "Put the file back from a copy; nothing was changed"
        )

    @property
    def _broken(self) -> EpisodeRow | None:
        return next((r for p, r in enumerate(self.rows) if r.index == p and r not in self.committed), None)

    @property
    def lost_cameras(self) -> tuple[str, ...]:
        """The cameras whose videos alone the first episode that is not whole lacks; none where all of them are gone."""
        row = self._broken
        if row is None or row.length > self._rows_in(row.data_file):
            return ()
        lost = tuple(camera_name(k) for k, v in zip(self._video_keys, row.videos, strict=True) if not v.exists())
        return lost if len(lost) < len(self._video_keys) else ()

    def _first_broken(self) -> str:
        """What is wrong with the first episode that is not whole, in a few words."""
        broken = self._broken
        if broken is None:
            return f"episode {self.episodes} is missing"
        files = (broken.data_file, *broken.videos)
        absent = [str(path.relative_to(self.root)) for path in files if not path.exists()]
        why = f"missing: {', '.join(absent)}" if absent else "a file cannot be read"
        return f"episode {self.episodes} is broken ({why})"

    def unreadable(self) -> str:
        """What LeRobot would stumble on if it read the dataset as it lies there, in a few words; empty if nothing."""
        for path in (*self.root.glob("data/*/*.parquet"), *self.root.glob("meta/episodes/*/*.parquet")):
            if self._rows_in(path) < 0:
                return f"{path.relative_to(self.root)} cannot be read"
        if self.own_info is None:
            return self._unread(INFO)
        if (counted := self.own_info.get("total_episodes", 0)) > self.episodes:
            return f"{INFO} counts {counted} episodes, and {self.episodes} are whole: {self._first_broken()}"
        if self.episodes and self.tasks is None:
            return self._unread(TASKS)
        if self.episodes and self.stats is None:
            return self._unread(STATS)
        if self.tasks and not self.own_info.get("total_tasks"):
            return f"{INFO} counts no tasks (`total_tasks`), so that LeRobot reads none"
        return ""

    def _unread(self, name: str) -> str:
        return f"{name} {'cannot be read' if (self.root / name).exists() else 'is missing'}"

    def reread_tasks(self) -> None:
        """Read tasks.parquet again when `tasks` is next used: it was replaced or removed."""
        self.__dict__.pop("tasks", None)

    def _read_rows(self) -> list[EpisodeRow]:
        """Every readable row, in LeRobot's order (files sorted by name)."""
        rows: list[EpisodeRow] = []
        for path in sorted(self.root.glob("meta/episodes/*/*.parquet")):
            try:
                with pq.ParquetFile(path) as file:
                    table = file.read(columns=self._columns)
            except _UNREADABLE:
                logger.warning("unreadable episodes file %s", path)
                continue
            if table.num_rows and not self.info:
                raise DatasetProblem(
                    f"dataset {self.root.name} holds episodes, but {INFO} cannot be read and has no backup: "
                    "restore it from a copy; nothing was changed"
                )
            try:
                rows += [self._row(path, values) for values in table.to_pylist()]
            except (KeyError, TypeError, AttributeError) as error:
                raise DatasetProblem(
                    f"dataset {self.root.name}: {path.relative_to(self.root)} is not as LeRobot 0.6.1 writes it "
                    f"({error}); nothing was changed"
                ) from error
        return rows

    @cached_property
    def _video_keys(self) -> list[str]:
        features = self.info.get("features", {})
        return [k for k, ft in features.items() if ft.get("dtype") == "video" and camera_name(k) not in self._without]

    @cached_property
    def _columns(self) -> list[str]:
        location = ("chunk_index", "file_index")
        columns = ["episode_index", "length", *(f"data/{name}" for name in location)]
        return columns + [f"videos/{key}/{name}" for key in self._video_keys for name in (*location, "to_timestamp")]

    def _row(self, path: Path, values: dict[str, Any]) -> EpisodeRow:
        data = (self.info.get("data_path") or DATA_PATH).format(
            chunk_index=values["data/chunk_index"], file_index=values["data/file_index"]
        )
        videos = {
            self.root
            / (self.info.get("video_path") or VIDEO_PATH).format(
                video_key=key,
                chunk_index=values[f"videos/{key}/chunk_index"],
                file_index=values[f"videos/{key}/file_index"],
            ): float(values[f"videos/{key}/to_timestamp"])
            for key in self._video_keys
        }
        return EpisodeRow(values["episode_index"], values["length"], path, self.root / data, videos)

    def _whole(self) -> list[bool]:
        """For each row, whether its data rows and its part of every video exist.

        Of a video that is not ours no more is asked than that it can be read: LeRobot takes the nearest frame.
        """
        whole, used = [], defaultdict[Path, int](int)
        fps = self.info["fps"] if self.ours and self.rows else 0
        for row in self.rows:
            used[row.data_file] += row.length
            has_data = used[row.data_file] <= self._rows_in(row.data_file)
            whole.append(has_data and all(self._frames_in(v) + 0.5 >= end * fps for v, end in row.videos.items()))
        return whole

    def _rows_in(self, path: Path) -> int:
        if path not in self._data_rows:
            try:
                self._data_rows[path] = pq.read_metadata(path).num_rows
            except _UNREADABLE:
                self._data_rows[path] = -1
        return self._data_rows[path]

    def _frames_in(self, path: Path) -> int:
        if path not in self._frames:
            self._frames[path] = count_frames(path)
        return self._frames[path]


def _is_temporary(path: Path) -> bool:
    """Whether LeRobot's recorder, or a repair, left this: of folders those that hold nothing but videos in progress."""
    if not path.is_dir():
        return bool(_TEMPORARY.fullmatch(path.name))
    names = [entry.name for entry in path.iterdir()]
    unfinished = all(name.endswith("_streaming.mp4") for name in names)
    return unfinished and bool(names or _TEMPORARY.fullmatch(path.name))


def count_frames(video: Path) -> int:
    """Frames in an MP4's first video stream, by its index; -1 if it is missing or cannot be read."""
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    except (OSError, IndexError, av.FFmpegError):
        return -1


def read_info(root: Path) -> dict[str, Any]:
    """info.json as it is, or its backup; empty if neither can be read."""
    return read_json(root / INFO) or read_json(root / INFO_BACKUP) or {}


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if it is missing, torn or something else."""
    try:
        value = orjson.loads(read_file(path))
    except (OSError, orjson.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None
