"""Who holds a dataset: one lock beside its folder."""

from __future__ import annotations

from pathlib import Path

from services.text import clean
from sessions.locks import Lock, LockBusy, this_process


class DatasetProblem(Exception):
    """A dataset that cannot be used as asked, in a sentence that says what to do."""


class DatasetBusy(DatasetProblem):
    """Somebody else holds the dataset."""


def dataset_lock(root: Path, session: str, *, operator: str = "") -> Lock:
    """Hold the dataset at `root` (which need not exist yet) for a session.

    The lock is the sibling `.<name>.lock`. Raises DatasetBusy naming who holds it, OSError.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Lock(root.parent / f".{root.name}.lock", this_process(session=session, operator=operator))
    except LockBusy as busy:
        raise DatasetBusy(f"dataset {root.name} is in use by {clean(str(busy.holder))}; end that first") from busy
