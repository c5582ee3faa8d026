"""Finds the whole episodes of a dataset, and recovers it after a crash by setting aside the rest.

The committed episodes are the rows of the readable `meta/episodes` files, contiguous from episode 0, whose data
and video files exist and can be read. All other files of a recorder go to `<root>/quarantine/<timestamp>/`; nothing is
deleted. Reads parquet and video headers only, imports LeRobot only to aggregate statistics, and never
contacts the Hub (LeRobot would, for whatever it cannot read).
"""

from __future__ import annotations

import json
import logging
import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.datasets.lock import DatasetProblem
from services.datasets.marks import SIDECAR, fit_marks, marks_fit
from services.datasets.summary import INFO, INFO_BACKUP, version_problem
from services.live import events as ev
from services.workers.dataset import episode_stats
from services.workers.dataset.quarantine import Quarantine
from sessions.files import sync_folder, write_atomically

logger = logging.getLogger(__name__)

STATS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
TASKS_BACKUP = "meta/tasks.parquet.bak"
_LEFTOVERS = ("tmp*", "images", f".{SIDECAR}.*", "meta/.*")
"""What a kill leaves: LeRobot's temporary folders and images, and our half-written files."""
_UNREADABLE = (OSError, pa.ArrowException)


@dataclass(frozen=True)
class Recovery:
    """What a recovery found and did: `quarantined` are paths relative to the dataset, moved to `where`."""

    episodes: int
    frames: int
    quarantined: tuple[str, ...]
    where: str
    summary: str

    def event(self) -> ev.DatasetRecovered:
        """The recovery as the session's event."""
        return ev.DatasetRecovered(
            episodes=self.episodes,
            frames=self.frames,
            summary=self.summary,
            quarantined=self.quarantined,
            where=self.where,
        )


@dataclass(frozen=True)
class Row:
    """One episode's row in `meta/episodes`. `videos` is {video file: last second of the episode in it}."""

    index: int
    length: int
    meta_file: Path
    data_file: Path
    videos: dict[Path, float]


# -- survey --------------------------------------------------------------------------------------------


class Survey:
    """The state of the dataset at `root`, read once; changes nothing.

    Raises DatasetProblem if the folder is no version 3 dataset, or holds committed episodes without a
    readable info.json or a backup of it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._data_rows: dict[Path, int] = {}
        self._frames: dict[Path, int] = {}
        self.own_info = _read_json(root / INFO)
        self.info: dict[str, Any] = self.own_info or _read_json(root / INFO_BACKUP) or {}
        problem = version_problem(str(self.info.get("codebase_version", "v3.0")))
        if problem or (root / "meta/episodes.jsonl").exists():
            raise DatasetProblem(f"dataset {root.name} has {problem or version_problem('2.1')}")
        self.rows = self._read_rows()
        whole = self._whole()
        self.committed: list[Row] = []
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
        """Files and folders of a recorder that belong to no whole episode."""
        recorded = [
            *self.root.glob("data/*/*.parquet"),
            *self.root.glob("meta/episodes/*/*.parquet"),
            *self.root.glob("videos/**/*.mp4"),
        ]
        loose = [path for pattern in _LEFTOVERS for path in self.root.glob(pattern)]
        return sorted(path for path in recorded if path not in self.kept) + sorted(loose)

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
    def stats_right(self) -> bool:
        """Whether stats.json covers exactly the rows of the whole episodes (and is missing if there are none)."""
        stats = _read_json(self.root / STATS)
        if not self.episodes:
            return not (self.root / STATS).exists()
        try:
            return stats is not None and int(stats["index"]["count"][0]) == self.frames
        except (KeyError, IndexError, TypeError, ValueError):
            return False

    @property
    def info_right(self) -> bool:
        """Whether info.json is readable and its totals are those of the whole episodes."""
        info = self.own_info
        return (
            info is not None
            and (info.get("total_episodes"), info.get("total_frames")) == (self.episodes, self.frames)
            and info.get("total_tasks") == (self.tasks or 0)
        )

    @property
    def healthy(self) -> bool:
        """Whether there is nothing to recover."""
        return (
            not (self.strays or self.overfull)
            and self.info_right
            and self.stats_right
            and (self.tasks is not None or not self.episodes)
            and marks_fit(self.root, self.episodes)
        )

    def _read_rows(self) -> list[Row]:
        """Every readable row, in LeRobot's order (files sorted by name)."""
        rows: list[Row] = []
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
        return [key for key, ft in self.info.get("features", {}).items() if ft.get("dtype") == "video"]

    @cached_property
    def _columns(self) -> list[str]:
        location = ("chunk_index", "file_index")
        columns = ["episode_index", "length", *(f"data/{name}" for name in location)]
        return columns + [f"videos/{key}/{name}" for key in self._video_keys for name in (*location, "to_timestamp")]

    def _row(self, path: Path, values: dict[str, Any]) -> Row:
        data = self.info["data_path"].format(
            chunk_index=values["data/chunk_index"], file_index=values["data/file_index"]
        )
        videos = {
            self.root
            / self.info["video_path"].format(
                video_key=key,
                chunk_index=values[f"videos/{key}/chunk_index"],
                file_index=values[f"videos/{key}/file_index"],
            ): float(values[f"videos/{key}/to_timestamp"])
            for key in self._video_keys
        }
        return Row(values["episode_index"], values["length"], path, self.root / data, videos)

    def _whole(self) -> list[bool]:
        """For each row, whether its data rows and its part of every video exist."""
        whole, used = [], defaultdict[Path, int](int)
        for row in self.rows:
            used[row.data_file] += row.length
            has_data = used[row.data_file] <= self._rows_in(row.data_file)
            fps = self.info["fps"]
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


def count_frames(video: Path) -> int:
    """Frames in an MP4's first video stream, by its index; -1 if it is missing or cannot be read."""
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    except (OSError, IndexError, av.FFmpegError):
        return -1


# -- recovery -------------------------------------------------------------------------------------------


def recover(root: Path, *, reason: str = "", cut: bool = False, into: Quarantine | None = None) -> Recovery | None:
    """Bring the dataset back to its last committed episode; None if it is healthy.

    The caller holds the dataset's lock. It may be killed at any point and run again. `reason` goes into the
    quarantine's reason.txt. Raises DatasetProblem, changing nothing, if whole episodes follow the first
    broken one: no crash causes that, and only `cut=True` sets those aside too.
    """
    if not root.exists():
        return None
    survey = Survey(root)
    return None if survey.healthy else repair(survey, reason=reason, cut=cut, into=into)


def repair(survey: Survey, *, reason: str = "", cut: bool = False, into: Quarantine | None = None) -> Recovery:
    """The part of `recover` after the survey; `into` is an already started quarantine, if any."""
    if survey.beyond and not cut:
        raise DatasetProblem(_refusal(survey))
    root, quarantine = survey.root, into or Quarantine(survey.root)
    for path in survey.overfull:
        quarantine.keep_copy(path)
        _cut(path, survey)
    for path in survey.strays:
        quarantine.take(path)
    if survey.episodes and survey.tasks is None:
        _restore_tasks(survey, quarantine)
    _rebuild_stats(survey, quarantine)
    message = fit_marks(root, survey.episodes)
    _rebuild_info(survey)
    quarantine.explain(reason or "left by a recording that did not end properly")
    summary = f"recovered {survey.episodes} episodes, {survey.frames} frames"
    if quarantine.moved:
        summary += f"; {len(quarantine.moved)} files that belong to no episode are in {quarantine.name}"
    if message:
        summary += f"; {message}"
    return Recovery(survey.episodes, survey.frames, tuple(quarantine.moved), quarantine.name, summary)


def write_backups(root: Path) -> None:
    """Back up the two files that LeRobot rewrites in place, in case a kill damages them.

    Tasks first, since an info.json.bak with N episodes means that N episodes are committed.
    """
    for original, backup in ((TASKS, TASKS_BACKUP), (INFO, INFO_BACKUP)):
        with suppress(FileNotFoundError):
            wanted = (root / original).read_bytes()
            if not (root / backup).exists() or (root / backup).read_bytes() != wanted:
                write_atomically(root / backup, wanted)


def _refusal(survey: Survey) -> str:
    broken = next((r for p, r in enumerate(survey.rows) if r.index == p and r not in survey.committed), None)
    which = f"episode {survey.episodes}"
    if broken:
        files = (broken.data_file, *broken.videos)
        absent = [str(path.relative_to(survey.root)) for path in files if not path.exists()]
        which += f" is broken ({'missing: ' + ', '.join(absent) if absent else 'a file cannot be read'})"
    else:
        which += " is missing"
    return (
        f"dataset {survey.root.name}: {which}, but {len(survey.beyond)} episodes after it are whole. "
        "Put the file back from a copy; nothing was changed"
    )


def _cut(path: Path, survey: Survey) -> None:
    """Rewrite a parquet file with the whole episodes' rows only, atomically."""
    with pq.ParquetFile(path) as file:
        table = file.read()
    table = table.filter(pc.less(table["episode_index"], survey.episodes))
    temporary = survey.root / f"tmp-{path.name}"
    pq.write_table(table, temporary, compression="snappy")
    sync_file(temporary)
    temporary.replace(path)
    sync_folder(path.parent)


def _restore_tasks(survey: Survey, quarantine: Quarantine) -> None:
    try:
        backup = (survey.root / TASKS_BACKUP).read_bytes()
    except FileNotFoundError:
        raise DatasetProblem(
            f"dataset {survey.root.name}: {TASKS} cannot be read and has no backup; restore it from a copy"
        ) from None
    if (survey.root / TASKS).exists():
        quarantine.keep_copy(survey.root / TASKS)
    write_atomically(survey.root / TASKS, backup)
    survey.__dict__.pop("tasks", None)


def _rebuild_stats(survey: Survey, quarantine: Quarantine) -> None:
    """Recompute the statistics from the whole episodes' rows; remove them if there is no episode."""
    path = survey.root / STATS
    if not survey.episodes:
        for leftover in (path, survey.root / TASKS):
            if leftover.exists():
                quarantine.take(leftover)
        survey.__dict__.pop("tasks", None)
    elif not survey.stats_right and (per_episode := _episode_stats(survey)):
        stats = episode_stats.as_json(episode_stats.aggregate(per_episode))
        write_atomically(path, json.dumps(stats, indent=4, ensure_ascii=False).encode())


def _episode_stats(survey: Survey) -> list[dict[str, Any]]:
    """The statistics of each whole episode that has any."""
    table = episode_stats.read({row.meta_file for row in survey.committed})
    return [s for s in episode_stats.rows(table.filter(pc.less(table["episode_index"], survey.episodes))) if s]


def _rebuild_info(survey: Survey) -> None:
    """Write info.json last: until it is right, the next survey finds the dataset in need of recovery."""
    if survey.info and not survey.info_right:
        info = survey.info | {
            "total_episodes": survey.episodes,
            "total_frames": survey.frames,
            "total_tasks": survey.tasks or 0,
            "splits": {"train": f"0:{survey.episodes}"} if survey.episodes else {},
        }
        write_atomically(survey.root / INFO, json.dumps(info, indent=4, ensure_ascii=False).encode())
    write_backups(survey.root)


def sync_file(path: Path) -> None:
    """Fsync a file that another library wrote."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None
