"""Summaries of datasets, from info.json and the sidecar. Torch-free.

A dataset is a folder in LeRobot's v3 format, with the sidecar `lab-console.json` (`services.datasets.marks`) in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.datasets.marks import read_marks

QUARANTINE = "quarantine"
INFO = "meta/info.json"
INFO_BACKUP = "meta/info.json.bak"


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset at a glance. `bytes` is the size of all its files; `problem` is a sentence, or None."""

    name: str
    root: Path
    episodes: int = 0
    accepted: int = 0
    rejected: int = 0
    frames: int = 0
    fps: int = 0
    robot_type: str | None = None
    cameras: tuple[str, ...] = ()
    features: dict[str, Any] = field(default_factory=dict)
    tasks: int = 0
    bytes: int = 0
    version: str = ""
    problem: str | None = None


class _Info(msgspec.Struct):
    """The fields read from `meta/info.json` (LeRobot: `datasets/utils.py`, DatasetInfo)."""

    codebase_version: str
    fps: int
    features: dict[str, dict[str, Any]]
    total_episodes: int = 0
    total_frames: int = 0
    total_tasks: int = 0
    robot_type: str | None = None


def list_datasets(folder: Path) -> list[DatasetSummary]:
    """Every dataset below `folder` (`name` and `owner/name`), newest first; a bad one has a `problem`."""
    roots = sorted(_dataset_folders(folder), key=_changed, reverse=True)
    return [summarize(root, name=str(root.relative_to(folder))) for root in roots]


def summarize(root: Path, name: str | None = None) -> DatasetSummary:
    """Summarize the dataset at `root`. Never raises for a bad dataset."""
    name = name or root.name
    try:
        size = _bytes_below(root)
        info, problem = _read_info(root)
        if info is None:
            return DatasetSummary(name, root, bytes=size, problem=problem)
        marks = read_marks(root)
    except OSError as error:
        return DatasetSummary(name, root, problem=f"{root} cannot be read: {error.strerror or error}")
    rejected = len(marks.rejected_of(info.total_episodes))
    return DatasetSummary(
        name=name,
        root=root,
        episodes=info.total_episodes,
        accepted=info.total_episodes - rejected,
        rejected=rejected,
        frames=info.total_frames,
        fps=info.fps,
        robot_type=info.robot_type,
        cameras=_cameras(info),
        features=info.features,
        tasks=info.total_tasks,
        bytes=size,
        version=info.codebase_version.removeprefix("v"),
        problem=problem or marks.message or None,
    )


def version_problem(version: str) -> str | None:
    """Why a dataset of this format version cannot be used, in a sentence; None for version 3."""
    plain = version.removeprefix("v")
    if plain.startswith("3."):
        return None
    if plain.startswith("2.1"):
        return f"version {plain}: convert it with LeRobot's convert_dataset_v21_to_v30"
    return f"version {plain}: LeRobot 0.6.1 reads version 3 only"


def _read_info(root: Path) -> tuple[_Info | None, str | None]:
    """info.json or its backup, and the dataset's problem if it has one."""
    info, backup = _decode_info(root / INFO), _decode_info(root / INFO_BACKUP)
    if info is None and backup is None:
        torn = (root / INFO).exists()
        return None, f"{INFO} cannot be read and has no backup" if torn else f"no {INFO}"
    if info is None:
        return backup, f"{INFO} is missing or torn: resume recording once, which restores it"
    problem = version_problem(info.codebase_version)
    if not problem and backup and info.total_episodes == backup.total_episodes + 1:
        return backup, "a take was being saved when its recorder died: resume recording once, which recovers it"
    return info, problem


def _decode_info(path: Path) -> _Info | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Info)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _cameras(info: _Info) -> tuple[str, ...]:
    prefix = "observation.images."
    return tuple(k.removeprefix(prefix) for k, f in info.features.items() if f.get("dtype") in ("video", "image"))


def _dataset_folders(folder: Path) -> Iterator[Path]:
    for child in _folders_in(folder):
        if (child / "meta").is_dir():
            yield child
            continue
        below = [grandchild for grandchild in _folders_in(child) if (grandchild / "meta").is_dir()]
        yield from below or [child]


def _folders_in(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    except OSError:
        return []


def _changed(root: Path) -> float:
    for path in (root / INFO, root):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _bytes_below(root: Path) -> int:
    total = 0
    for folder, _, files in os.walk(root):
        for file in files:
            with suppress(FileNotFoundError):
                total += Path(folder, file).lstat().st_size
    return total
