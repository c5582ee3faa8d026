"""Who holds a dataset: one flock beside its folder."""

from __future__ import annotations

import fcntl
import getpass
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec


class DatasetProblem(Exception):
    """A dataset that cannot be used as asked, in a sentence that says what to do."""


class DatasetBusy(DatasetProblem):
    """Somebody else holds the dataset."""


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
