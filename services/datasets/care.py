"""Looks closely into a dataset, repairs it, carries marks over: in a process of its own, which may load LeRobot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from services.datasets.marks import has_marks
from services.datasets.names import check_dataset_name
from services.datasets.report import Report
from services.datasets.summary import dataset_folders, summarize
from services.folders import DataFolder
from services.refusal import Refusal
from services.units import plural


class Act(StrEnum):
    """What to do with the dataset. All but looking needs its lock."""

    LOOK = "look"
    REPAIR = "repair"
    CARRY = "carry"
    KEEP = "keep"


def attend(folder: DataFolder, name: str, act: Act = Act.LOOK, sources: Sequence[str] = ()) -> Report:
    """Do it to the dataset of this name. Raises Refusal with the reason and what to do.

    `sources` name the datasets to carry marks over from; without any, all others of the data folder that have some.
    """
    root = _root(folder, name)
    chosen = [_root(folder, source) for source in sources] or _others(folder, root)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "services.workers.dataset.mend", str(root), act.value, *map(str, chosen)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    try:
        report = msgspec.json.decode(done.stdout, type=Report)
    except msgspec.DecodeError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Refusal(f"dataset {name} cannot be looked into: {''.join(last) or 'its process died'}") from None
    if report.refused:
        raise Refusal(report.refused)
    return report


class Offer(NamedTuple):
    """Marks of a dataset's episodes that others have: how many, how many of them reject, and whose they are.

    `dispute` says which others disagree, and what settles it: until then nothing is carried over.
    """

    marks: int
    rejected: int
    sources: tuple[str, ...]
    dispute: str = ""

    @property
    def sentence(self) -> str:
        """What there is, or who disagrees."""
        found = f"{plural(self.marks, 'episode')} of it {'is' if self.marks == 1 else 'are'} marked in"
        return self.dispute or f"{found} {', '.join(self.sources)}, {self.rejected} as rejected"


def offer(folder: DataFolder, name: str) -> Offer | None:
    """What `Act.CARRY` would bring to a dataset without marks of its own; None if nothing, or if that cannot be told.

    Sources that cannot be read are passed over.
    Reads parquet, unless it did before: not on an event loop.
    """
    root = folder.datasets / name
    summary = summarize(root, name)
    sources = _others(folder, root)
    if summary.problem or summary.marked or not summary.episodes or not sources:
        return None
    import pyarrow as pa  # slow to load, as what it is needed for

    from services.datasets.carrying import find_marks
    from services.datasets.content import contents_of

    try:
        contents = {number: content for number, content in contents_of(root, summary.episodes).items() if content}
    except (OSError, pa.ArrowException):
        return None
    found = find_marks(contents, contents, sources, lenient=True)
    if not found.marks and not found.disputed:
        return None
    return Offer(len(found.marks), found.rejected, tuple(dict.fromkeys(found.origin.values())), found.dispute(name))


def _root(folder: DataFolder, name: str) -> Path:
    try:
        check_dataset_name(name)
    except ValueError as error:
        raise Refusal(str(error)) from error
    root = folder.datasets / name
    if not root.is_dir():
        raise Refusal(f"there is no dataset {name} in {folder.datasets}")
    return root


def _others(folder: DataFolder, root: Path) -> list[Path]:
    return [other for other in sorted(dataset_folders(folder.datasets)) if other != root and has_marks(other)]
