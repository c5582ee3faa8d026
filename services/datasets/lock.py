"""A dataset's lock: one file beside its folder."""

from __future__ import annotations

from pathlib import Path

from services.text import clean
from sessions.locks import Lock, LockBusy, this_process


class DatasetProblem(Exception):
    """A dataset cannot be used as requested; the message is a sentence that says what to do."""


class DatasetBusy(DatasetProblem):
    """Another session holds the dataset."""


def dataset_lock(root: Path, session: str, *, operator: str = "") -> Lock:
    """Lock the dataset at `root` (which need not exist yet) for a session.

    The lock is the sibling file `.<name>.lock`. Raises DatasetBusy naming the holder, or OSError.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Lock(root.parent / f".{root.name}.lock", this_process(session=session, operator=operator))
    except LockBusy as busy:
        raise DatasetBusy(f"dataset {root.name} is in use by {clean(str(busy.holder))}; end that first") from busy
