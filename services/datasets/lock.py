"""A dataset's lock: a file beside its folder, and no other recording's claim inside it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from services.datasets.claim import Claimed, check_unclaimed
from services.text import clean
from sessions.files import cannot_write, real
from sessions.locks import Held, Holder, Lock, LockBusy, holder_of, this_process


class DatasetProblem(Exception):
    """A dataset cannot be used as requested; the message is a sentence that says what to do."""


class DatasetBusy(DatasetProblem):
    """Another session holds the dataset."""


class DatasetLock(Held):
    """Held from construction to `release`; use `dataset_lock`."""

    def __init__(self, root: Path, holder: Holder, *, reading: bool) -> None:
        with ExitStack() as stack:
            for path in _paths(root):
                try:
                    stack.enter_context(Lock(path, holder))
                except OSError as error:
                    if not (reading and cannot_write(error)):
                        raise
            check_unclaimed(root)
            self._held = stack.pop_all()

    def release(self) -> None:
        """Let the next one in."""
        self._held.close()


def dataset_lock(root: Path, session: str, *, operator: str = "", reading: bool = False) -> DatasetLock:
    """Lock the dataset at `root` (which need not exist yet) for a session.

    The lock is the sibling file `.<name>.lock` of the folder that `root` leads to, and of `root` itself if that is a
    link, since older versions lock that one. With `reading`, a folder that cannot be written needs no lock: nobody
    records there. Raises DatasetBusy naming the holder, or OSError.
    """
    if not reading:
        root.parent.mkdir(parents=True, exist_ok=True)
    try:
        return DatasetLock(root, this_process(session=session, operator=operator), reading=reading)
    except LockBusy as busy:
        raise DatasetBusy(f"dataset {root.name} is in use by {clean(str(busy.holder))}; end that first") from busy
    except Claimed as claimed:
        raise DatasetBusy(f"dataset {root.name}: {clean(str(claimed))}") from claimed


def recorded_by(root: Path) -> str:
    """Who holds the dataset at `root`, in a phrase; empty if nobody does, or if that cannot be told."""
    for path in _paths(root):
        with suppress(OSError):
            if holder := holder_of(path):
                return clean(str(holder))
    return ""


def _paths(root: Path) -> list[Path]:
    """The files to lock: the one that every path with links leads to, then the one as spelled."""
    found = real(root)
    both = (found.parent / f".{found.name}.lock", real(root.parent) / f".{root.name}.lock")
    return list(dict.fromkeys(both))
