"""The revision of a dataset: a fingerprint of what its episodes hold, wherever it lies and whatever it is called.

It counts all recorded numbers, the task, and the pictures; not the console's marks, the episodes' numbers,
or how they are spread over files. LeRobot's merge keeps it, and its delete, too, but for videos that it encodes anew.
Files are read once as long as their stamps stay. Reads parquet: import this only where a dataset is looked into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from services.datasets.content import values_of
from services.datasets.episode_rows import read_rows

SCHEME = "lab console, data 1"
_LENGTH = 32
"""Hexadecimal digits of an episode's digest."""


def rows_of(root: Path, episodes: int) -> dict[int, str]:
    """The digest of all numbers, and of the task, of each of the dataset's first `episodes` episodes.

    Empty for an episode without rows, or of which `meta/episodes` says nothing. A data file that cannot be read
    matters only if it may hold one of them. Raises OSError.
    """
    told = read_rows(root, strict=True)
    return {
        index: hashlib.sha256(f"{values}\0{told.tasks.get(index, '')}".encode(errors="replace")).hexdigest()[:_LENGTH]
        if values and index in told.lengths
        else ""
        for index, values in values_of(root, episodes).items()
    }


def revision(
    rows: Mapping[int, str], pictures: Mapping[str, Mapping[int, str]], fps: float, episodes: Collection[int]
) -> str:
    """SHA-256 (hexadecimal) of these episodes: `rows` as of `rows_of`, `pictures` by camera as of `pictures_of`.

    Their order does not matter. Empty without episodes, or if the rows of one are not known.
    """
    if not episodes or not all(rows.get(index) for index in episodes):
        return ""
    lines = []
    for index in episodes:
        seen = [f"{camera}={digests.get(index, '')}" for camera, digests in sorted(pictures.items())]
        lines.append(" ".join((rows[index], *seen)))
    told = "\n".join((SCHEME, f"{float(fps):g} frames a second", *sorted(lines)))
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()
