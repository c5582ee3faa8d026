"""Carries marks over to a dataset that LeRobot made of others (delete, split, merge), by the episodes' contents.

Reads parquet: see `services.datasets.content`. For whoever holds the dataset's lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.datasets.content import contents, data_files
from services.datasets.marks import Mark, Marks, read_marks, replace_marks
from services.datasets.matching import match


@dataclass(frozen=True)
class Found:
    """What there is to carry over: the marks by episode, and the name of each one's source."""

    marks: Mapping[int, Mark]
    origin: Mapping[int, str]

    @property
    def rejected(self) -> int:
        """How many of them reject their episode."""
        return sum(not mark.accepted for mark in self.marks.values())


def find_marks(episodes: Mapping[int, str], unmarked: Iterable[int], sources: Iterable[Path]) -> Found:
    """The marks of the same episodes in `sources`, in this order, for the `unmarked` ones. Changes nothing.

    `episodes` are the contents of all. An episode whose marks in one source disagree has none there. Raises OSError.
    """
    wanted, found, origin = tuple(unmarked), dict[int, Mark](), dict[int, str]()
    for source in sources:
        known = _by_content(source)
        for number in wanted:
            mark = known.get(episodes[number]) if number not in found else None
            if mark is not None:
                found[number], origin[number] = mark, source.name
    return Found(found, origin)


def carry_marks(root: Path, episodes: Mapping[int, str], sources: Iterable[Path]) -> dict[int, str]:
    """Give each episode without a mark of its own that of the same episode in `sources`, in this order.

    `episodes` are the contents of the dataset at `root`. Returns the source's name by episode. Raises OSError.
    """
    own = match(read_marks(root), episodes)
    found = find_marks(episodes, own.unmarked, sources)
    if found.origin or own.moved:
        replace_marks(root, {**own.marks, **found.marks}, episodes)
    return dict(found.origin)


def keep_marks(root: Path, episodes: Mapping[int, str]) -> int:
    """Bind the marks to the episodes of their numbers, whatever these hold now; returns how many. Raises OSError."""
    kept = {number: mark for number, mark in read_marks(root).by_episode.items() if number in episodes}
    replace_marks(root, kept, episodes)
    return len(kept)


def _by_content(source: Path) -> dict[str, Mark]:
    """The mark of each content, where the source has one that does not disagree with itself."""
    marks = read_marks(source)
    found: defaultdict[str, set[Mark]] = defaultdict(set)
    for number, content in _contents_of(source, marks).items():
        if number in marks and content:
            found[content].add(marks[number])
    return {content: next(iter(same)) for content, same in found.items() if len({m.accepted for m in same}) == 1}


def _contents_of(source: Path, marks: Marks) -> dict[int, str]:
    """What its marks are bound to; those of older versions to what the episodes of their numbers hold."""
    if len(marks.contents) == len(marks):
        return marks.contents
    held = contents(data_files(source))
    trusted = match(marks, held).marks
    return {n: marks.contents.get(n) or held.get(n, "") for n in marks if n in marks.contents or n in trusted}
