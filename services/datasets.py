"""Datasets as the operator knows them: names, who holds one, which episodes are accepted, what there is.

Torch-free. A dataset is a folder in LeRobot's v3 format; beside LeRobot's own files lies the sidecar
`lab-console.json` with one mark per episode, so that accepted and rejected travel with the data.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from services.marks import read_marks

QUARANTINE = "quarantine"
INFO = "meta/info.json"
INFO_BACKUP = "meta/info.json.bak"
ROLLOUT = "rollout_"
"""How the names of datasets begin whose episodes a policy made."""
LONGEST_NAME = 96
"""Characters of a whole name, owner included: the Hub's limit."""


class DatasetProblem(Exception):
    """A dataset that cannot be used as asked, in a sentence that says what to do."""


class DatasetBusy(DatasetProblem):
    """Somebody else holds the dataset."""


# -- names ------------------------------------------------------------------------------------------


def check_dataset_name(name: str) -> None:
    """Raises ValueError with the reason where `name` cannot name a recording (`name` or `owner/name`).

    The rules are the Hub's (a recording may be pushed later) and LeRobot's (`eval_` is not for record).
    """
    if not name:
        raise ValueError("a dataset needs a name")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a dataset's name has at most {LONGEST_NAME} characters, this one has {len(name)}")
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise ValueError("a dataset's name has no control characters")
    parts = name.split("/")
    if len(parts) > 2:
        raise ValueError(f"{name!r} has more than one slash: use name or owner/name")
    for part in parts:
        _check_part(name, part)
    if parts[-1].startswith("eval_"):
        raise ValueError("names that begin with eval_ are for evaluations: LeRobot does not record into them")


def check_rollout_name(name: str) -> None:
    """Raises ValueError with the reason where `name` cannot name the episodes of an evaluation.

    LeRobot (rollout/context.py) wants them to begin with `rollout_`.
    """
    check_dataset_name(name)
    if not name.rpartition("/")[2].startswith(ROLLOUT):
        raise ValueError(f"{name!r} must begin with {ROLLOUT}: LeRobot tells the episodes of policies by it")


def _check_part(name: str, part: str) -> None:
    if not part:
        raise ValueError(f"{name!r} has a slash with nothing beside it: use name or owner/name")
    if part[0] in ".-" or part[-1] in ".-":
        raise ValueError(f"{part!r} begins or ends with a dot or a dash")
    stranger = re.search(r"[^A-Za-z0-9._-]", part)
    if stranger:
        raise ValueError(f"{part!r} holds {stranger[0]!r}: use letters, digits, dot, dash and underscore")
    if "--" in part or ".." in part:
        raise ValueError(f"{part!r} holds a double dash or a double dot, which the Hub refuses")


# -- who holds it -----------------------------------------------------------------------------------


class Holder(msgspec.Struct, frozen=True):
    """Who holds a dataset's lock; `since` is in seconds of the epoch."""

    pid: int
    user: str
    session: str
    since: float

    def __str__(self) -> str:
        clock = time.strftime("%H:%M", time.localtime(self.since))
        return f"{self.session or 'a session'} (user {self.user}, process {self.pid}, since {clock})"


class DatasetLock:
    """A dataset held for as long as this object lives; `release` may be called more than once."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        self._owner = os.getpid()

    def release(self) -> None:
        """Let the next one in. The lock's file stays: removing it would let two in at once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if self._owner == os.getpid():  # a forked child shares the lock and must not undo it
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


def dataset_lock(root: Path, holder: str) -> DatasetLock:
    """Hold the dataset at `root` (which need not exist yet) for the session `holder`.

    The flock is on the sibling `.<name>.lock`. Raises DatasetBusy naming who holds it.
    """
    path = root.parent / f".{root.name}.lock"
    root.parent.mkdir(parents=True, exist_ok=True)
    descriptor, writable = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        who = _read_holder(descriptor)
        os.close(descriptor)
        raise DatasetBusy(f"dataset {root.name} is in use by {who or 'another session'}; end that first") from error
    except BaseException:
        os.close(descriptor)
        raise
    if writable:
        me = Holder(os.getpid(), _user(), holder, time.time())
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(me), 0)
    return DatasetLock(path, descriptor)


def _open_lock(path: Path) -> tuple[int, bool]:
    """The lock's file and whether it can be written (another user's may only be readable)."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), True
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), False


def _read_holder(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except (msgspec.MsgspecError, OSError):
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


# -- what there is ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class DatasetSummary:
    """One line of the Data screen. `bytes` is all on disk; `problem` is a sentence, or None."""

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
    """What is read of `meta/info.json` (LeRobot: `datasets/utils.py`, DatasetInfo)."""

    codebase_version: str
    fps: int
    features: dict[str, dict[str, Any]]
    total_episodes: int = 0
    total_frames: int = 0
    total_tasks: int = 0
    robot_type: str | None = None


def list_datasets(folder: Path) -> list[DatasetSummary]:
    """Every dataset below `folder` (`name` and `owner/name`), newest first; a bad one says its problem."""
    roots = sorted(_dataset_folders(folder), key=_changed, reverse=True)
    return [summarize(root, name=str(root.relative_to(folder))) for root in roots]


def summarize(root: Path, name: str | None = None) -> DatasetSummary:
    """The dataset at `root` at a glance, from info.json and the sidecar. Never raises for a bad dataset."""
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
    """info.json, or its backup, with the problem that it shows."""
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
