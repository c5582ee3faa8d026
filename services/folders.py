"""Paths of the data folder, and the private folders for sockets and locks."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "lab-console"
SESSION_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


class FolderProblem(Exception):
    """A folder that cannot be used; the message names it, the reason and what to do."""


@dataclass(frozen=True)
class DataFolder:
    """One bench's state: `sessions.json`, `runs/`, `datasets/`, `outputs/`."""

    root: Path

    @property
    def sessions_file(self) -> Path:
        """The TinyDB file of the log."""
        return self.root / "sessions.json"

    @property
    def runs(self) -> Path:
        """One folder per session."""
        return self.root / "runs"

    @property
    def datasets(self) -> Path:
        """LeRobot datasets, by name."""
        return self.root / "datasets"

    @property
    def outputs(self) -> Path:
        """The outputs of trainings."""
        return self.root / "outputs"

    @property
    def trainings(self) -> Path:
        """One folder per training, by its name."""
        return self.outputs / "train"

    def run(self, session_id: str) -> RunFolder:
        """The folder of one session (it need not exist)."""
        return RunFolder(self.runs / session_id)

    def create(self) -> DataFolder:
        """Make the folders. Raises FolderProblem if they cannot be made or written."""
        try:
            for path in (self.root, self.runs, self.datasets, self.outputs):
                path.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.root, prefix=".writable-"):
                pass
        except OSError as error:
            raise FolderProblem(
                f"the data folder {self.root} cannot be written: {error.strerror or error}; "
                "choose another with --data-dir or LAB_CONSOLE_HOME, or free the disk"
            ) from error
        return self


@dataclass(frozen=True)
class RunFolder:
    """One session's files."""

    root: Path

    @property
    def id(self) -> str:
        """The session id, which is the folder's name."""
        return self.root.name

    @property
    def events(self) -> Path:
        """The session's events, one per line; everything else is derived from them."""
        return self.root / "events.jsonl"

    @property
    def request(self) -> Path:
        """The request that the worker carries out."""
        return self.root / "request.json"

    @property
    def log(self) -> Path:
        """The worker's output."""
        return self.root / "worker.log"

    @property
    def metrics(self) -> Path:
        """A training's metrics at full precision, one JSON object per log point; `services.live.metrics` reads it."""
        return self.root / "metrics.jsonl"

    @property
    def reserve(self) -> Path:
        """Room for the last events of a session; `services.live.reserve` keeps it."""
        return self.root / ".reserve"

    @property
    def asked_elsewhere(self) -> Path:
        """A file that says that another lab-console, which has a session of the same id, asked for this one."""
        return self.root / ".asked-elsewhere"

    @property
    def job(self) -> Path:
        """Where a session that is a cluster's job keeps its number, as JSON."""
        return self.root / "job.json"

    @property
    def socket(self) -> Path:
        """The worker's socket, in the private per-user folder (a socket's path must be short).

        Who asked from elsewhere may be on this machine, too, such as one that submits to its own cluster.
        """
        there = "-there" if self.asked_elsewhere.exists() else ""
        return socket_folder() / f"{self.id}{there}.sock"


def data_folder(option: str | os.PathLike[str] | None = None) -> DataFolder:
    """The data folder: the option, else LAB_CONSOLE_HOME, else the platform's user data folder."""
    chosen = option or os.environ.get("LAB_CONSOLE_HOME") or platformdirs.user_data_path(APP)
    return DataFolder(Path(os.path.realpath(Path(chosen).expanduser())))


DEMO = "demo"
"""The demo's folder below the data folder."""


def demo_folder() -> DataFolder:
    """The demo's own data folder, so that it never mixes with a real bench's."""
    base = os.environ.get("LAB_CONSOLE_HOME") or platformdirs.user_data_path(APP)
    return DataFolder(Path(os.path.realpath(Path(base).expanduser())) / DEMO)


def new_session_id() -> str:
    """An id that sorts by start time, e.g. `20261124-213011-7f3a` (UTC and four random digits)."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)


def socket_folder() -> Path:
    """A 0700 folder owned by this user, on a short path that does not vanish at logout.

    Raises FolderProblem if the path exists but is not a private folder of this user.
    """
    path = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / f"{APP}-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise FolderProblem(f"{path} is not a folder of yours; remove it and start again")
    if stat.S_IMODE(info.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def device_lock_folder() -> Path:
    """The machine-wide folder of device locks, writable by every user (sticky, as /tmp).

    All users must share one folder, so one that only this user may write does not qualify.
    Raises FolderProblem if something else occupies its path.
    """
    candidates = (Path("/run/lock"), Path("/var/lock"), Path("/tmp"))
    base = next((p for p in candidates if _is_writable_by_all(p)), Path(tempfile.gettempdir()))
    path = base / APP
    try:
        path.mkdir(mode=0o1777)
        path.chmod(0o1777)
    except FileExistsError:
        info = path.lstat()
        if info.st_uid == os.getuid() and stat.S_IMODE(info.st_mode) != 0o1777 and stat.S_ISDIR(info.st_mode):
            path.chmod(0o1777)
        elif not _is_writable_by_all(path):
            raise FolderProblem(
                f"{path} is not a folder that every user may write, so device locks cannot be shared; "
                f"ask its owner to run `chmod 1777 {path}`, or to remove it"
            ) from None
    return path


def _is_writable_by_all(path: Path) -> bool:
    """Whether `path` (links are not followed) is a folder that anyone may write, as /tmp."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and stat.S_IMODE(mode) & 0o1777 == 0o1777
