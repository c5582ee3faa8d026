"""One episode accepted or rejected after its session, in the dataset's marks. Torch-free.

The mark belongs to the session's log as well, and a training reads the one in the dataset: `marked` writes that first,
and puts it back if what has to follow it fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from services.datasets.lock import DatasetProblem, dataset_lock
from services.datasets.marks import SIDECAR, Mark, read_marks, write_mark
from services.datasets.place import check_writable
from services.datasets.renumbering import is_another
from services.refusal import Refusal
from sessions.files import read_file, write_atomically


@contextmanager
def marked(root: Path, index: int, unmarked: Mark, *, accepted: bool, why: str) -> Iterator[Mark]:
    """Mark episode `index` of the dataset at `root`, under the dataset's lock, while the body runs.

    `unmarked` is the mark that the episode begins with if it has none: the session and take that saved it, its flags.
    Where the body raises, the marks are again as they were. Raises DatasetProblem (DatasetBusy among them), with the
    reason, if the episode cannot be marked, and OSError if the marks cannot be written.
    """
    check_there(root)
    with dataset_lock(root, unmarked.session):
        before = _own_mark(root, index, unmarked)
        refuse_another(root, index)
        kept = _read(root / SIDECAR)
        mark = msgspec.structs.replace(before, accepted=accepted, why=why)
        write_mark(root, index, mark)
        try:
            yield mark
        except BaseException:
            _put_back(root / SIDECAR, kept)
            raise


def check_there(root: Path) -> None:
    """Raises DatasetProblem if the dataset's folder is gone, or cannot be written."""
    if not root.is_absolute() or not root.is_dir():
        raise DatasetProblem(f"there is no dataset at {root} any more: nothing can be marked")
    try:
        check_writable(root)
    except Refusal as refusal:
        raise DatasetProblem(f"the marks of {root.name} cannot be written: {refusal}") from refusal


def refuse_another(root: Path, index: int) -> None:
    """Raises DatasetProblem if the episode of this number is not the one that its mark is bound to."""
    if is_another(root, index):
        raise DatasetProblem(
            f"episode {index} of {root.name} is not the one that was recorded under this number: its episodes were "
            f"renumbered or edited; `lab-console dataset {root.name}` shows the marks"
        )


def _own_mark(root: Path, index: int, unmarked: Mark) -> Mark:
    """The episode's mark; `unmarked` if it has none. Raises DatasetProblem if it is another take's by now."""
    mark = read_marks(root).get(index, unmarked)
    if mark.session not in ("", unmarked.session):
        raise DatasetProblem(f"episode {index} of {root.name} is session {mark.session}'s by now: mark it there")
    if mark.session and mark.take not in (0, unmarked.take):
        raise DatasetProblem(
            f"episode {index} of {root.name} is take {mark.take} of its session by now, not take {unmarked.take}: "
            f"`lab-console dataset {root.name}` shows the marks"
        )
    return mark


def _read(path: Path) -> bytes | None:
    """The file's bytes; None if there is none."""
    try:
        return read_file(path)
    except FileNotFoundError:
        return None


def _put_back(path: Path, kept: bytes | None) -> None:
    if kept is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, kept)
