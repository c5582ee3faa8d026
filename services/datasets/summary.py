"""Summaries of datasets, from info.json and the sidecar. Torch-free.

A dataset is a folder in LeRobot's v3 format, with the sidecar `lab-console.json` (`services.datasets.marks`) in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson

from services.datasets.cameras import camera_keys
from services.datasets.marks import Marks, read_marks
from services.datasets.matching import Matched, match
from sessions.files import read_file

QUARANTINE = "quarantine"
INFO = "meta/info.json"
INFO_BACKUP = "meta/info.json.bak"
MOST_EPISODES, MOST_FRAMES = 1_000_000, 10**12
"""More are damage: a table of that many episodes is not made."""


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset at a glance. `marked` episodes have a mark of their own; `bytes` is the size of all its files.

    `doubtful` are episodes whose number is rejected with other values: neither accepted nor rejected. `flags` are those
    of accepted episodes, by episode; `matched` has every mark. `fps` is whole unless the dataset says otherwise;
    `changed` is the Unix time of its last episode, 0 if unknown; `problem` is a sentence, or None.
    """

    name: str
    root: Path
    episodes: int = 0
    accepted: int = 0
    rejected: int = 0
    marked: int = 0
    doubtful: tuple[int, ...] = ()
    flags: dict[int, tuple[str, ...]] = field(default_factory=dict)
    matched: Matched = field(default_factory=lambda: Matched({}, 0))
    frames: int = 0
    fps: float = 0
    robot_type: str | None = None
    cameras: tuple[str, ...] = ()
    features: dict[str, Any] = field(default_factory=dict)
    tasks: int = 0
    bytes: int = 0
    version: str = ""
    changed: float = 0.0
    problem: str | None = None

    @property
    def seconds(self) -> float:
        """The length of all its episodes."""
        return self.frames / self.fps if self.fps > 0 else 0.0


class _Info(msgspec.Struct):
    """The fields read from `meta/info.json` (LeRobot: `datasets/utils.py`, DatasetInfo)."""

    codebase_version: str
    fps: float
    features: dict[str, dict[str, Any]]
    total_episodes: Annotated[int, msgspec.Meta(ge=0, le=MOST_EPISODES)] = 0
    total_frames: Annotated[int, msgspec.Meta(ge=0, le=MOST_FRAMES)] = 0
    total_tasks: int = 0
    robot_type: str | None = None


def list_datasets(folder: Path) -> list[DatasetSummary]:
    """Every dataset below `folder` (`name` and `owner/name`), newest first; a bad one has a `problem`."""
    roots = sorted(dataset_folders(folder), key=_changed, reverse=True)
    return [summarize(root, name=str(root.relative_to(folder))) for root in roots]


def summarize(root: Path, name: str | None = None) -> DatasetSummary:
    """Summarize the dataset at `root`. Never raises for a bad dataset."""
    name = name or root.name
    try:
        size = _bytes_below(root)
        info, problem = _read_info(root, name)
        if info is None:
            return DatasetSummary(name, root, bytes=size, problem=problem)
        marks = read_marks(root)
    except OSError as error:
        return DatasetSummary(name, root, problem=f"{root} cannot be read: {error.strerror or error}")
    matched, unread = _own_marks(root, marks, info.total_episodes)
    damaged = f"{marks.message}: put a copy back, or remove the file if every episode shall count"
    return DatasetSummary(
        name=name,
        root=root,
        episodes=info.total_episodes,
        accepted=len(matched.accepted()),
        rejected=sum(not mark.accepted for mark in matched.marks.values()),
        marked=len(matched.marks),
        doubtful=matched.doubtful,
        flags={i: mark.flags for i, mark in sorted(matched.marks.items()) if mark.accepted and mark.flags},
        matched=matched,
        frames=info.total_frames,
        fps=int(info.fps) if info.fps.is_integer() else info.fps,
        robot_type=info.robot_type,
        cameras=_cameras(info),
        features=info.features,
        tasks=info.total_tasks,
        bytes=size,
        version=info.codebase_version.removeprefix("v"),
        changed=_changed(root),
        problem=problem or (damaged if marks.message else unread),
    )


def robot_of(root: Path) -> str:
    """The robot type of a dataset with episodes; empty where there is none, or none that can be read."""
    try:
        info, _ = _read_info(root, root.name)
    except OSError:
        return ""
    return (info.robot_type or "") if info is not None and info.total_episodes else ""


def _own_marks(root: Path, marks: Marks, episodes: int) -> tuple[Matched, str | None]:
    """Whose mark is whose, by content as everywhere, and why that cannot be told. Without marks no data is read."""
    contents = dict.fromkeys(range(episodes), "")
    if not marks:
        return match(marks, contents), None
    from services.datasets.content import contents_of  # it loads pyarrow

    try:
        return match(marks, contents_of(root, episodes)), None
    except OSError as error:
        return match(Marks(), contents), f"its marks belong to episodes that cannot be read: {error.strerror or error}"


def version_problem(version: str) -> str | None:
    """Why a dataset of this format version cannot be used, in a sentence; None for version 3."""
    plain = version.removeprefix("v")
    if plain.startswith("3."):
        return None
    if plain.startswith("2.1"):
        return f"version {plain}: convert it with LeRobot's convert_dataset_v21_to_v30"
    return f"version {plain}: LeRobot 0.6.1 reads version 3 only"


def _read_info(root: Path, name: str) -> tuple[_Info | None, str | None]:
    """info.json or its backup, and the dataset's problem if it has one."""
    repair = f"`lab-console dataset {name} --repair`"
    (info, problem), (backup, _) = _decode_info(root / INFO), _decode_info(root / INFO_BACKUP)
    if info is None:
        return backup, f"{problem}; {repair} restores it from its backup" if backup else problem
    if old := version_problem(info.codebase_version):
        return info, old
    if backup and info.total_episodes == backup.total_episodes + 1:
        return backup, f"a take was being saved when its recorder died: {repair}, or resume recording once"
    return info, None


def _decode_info(path: Path) -> tuple[_Info | None, str]:
    """The file's fields, or what is wrong with it: one sentence for each kind of trouble."""
    try:
        return msgspec.convert(orjson.loads(read_file(path)), _Info, strict=False), ""
    except (FileNotFoundError, NotADirectoryError):
        return None, f"no {INFO}"
    except OSError as error:
        return None, f"{INFO} cannot be read: {error.strerror or error}"
    except orjson.JSONDecodeError:
        return None, f"{INFO} is torn: it is no JSON"
    except msgspec.ValidationError as error:
        return None, f"{INFO} is not as LeRobot writes it: {error}"


def _cameras(info: _Info) -> tuple[str, ...]:
    return tuple(camera_keys(info.features))


def dataset_folders(folder: Path) -> Iterator[Path]:
    """The roots of the datasets below `folder`, and folders that hold none."""
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
