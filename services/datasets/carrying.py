"""Carries marks over to a dataset that LeRobot made of others (delete, split, merge), by the episodes' contents.

Reads parquet: see `services.datasets.content`. For whoever holds the dataset's lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from services.datasets.content import contents, data_files
from services.datasets.lock import DatasetProblem
from services.datasets.marks import Mark, Marks, read_marks, replace_marks
from services.datasets.matching import match
from services.units import plural


@dataclass(frozen=True)
class Found:
    """What there is to carry over: the marks by episode, and the name of each one's source.

    `disputed` are the sources of each episode that some of them accept and some reject: it gets none of their marks.
    """

    marks: Mapping[int, Mark]
    origin: Mapping[int, str]
    disputed: Mapping[int, tuple[str, ...]]

    @property
    def rejected(self) -> int:
        """How many of them reject their episode."""
        return sum(not mark.accepted for mark in self.marks.values())

    def dispute(self, name: str) -> str:
        """Which sources disagree on how many episodes of dataset `name`, and what settles it; empty if none do."""
        if not self.disputed:
            return ""
        names = sorted({source for sources in self.disputed.values() for source in sources})
        numbers = sorted(self.disputed)
        more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
        listed = f"{', '.join(map(str, numbers[:SHOWN]))}{more}"
        return (
            f"datasets {', '.join(names[:-1])} and {names[-1]} disagree on {plural(len(numbers), 'episode')} of {name} "
            f"({listed}): choose whose marks count, e.g. `lab-console dataset {name} --carry-marks --from {names[0]}`"
        )


SHOWN = 5
"""Episodes that a sentence lists."""


def find_marks(
    episodes: Mapping[int, str], unmarked: Iterable[int], sources: Iterable[Path], *, lenient: bool = False
) -> Found:
    """The marks of the same episodes in `sources`, in this order, for the `unmarked` ones. Changes nothing.

    `episodes` are the contents of all. An episode whose marks in one source disagree has none there. Raises what
    reading raises; with `lenient`, sources that cannot be read are passed over.
    """
    known = list(_known(sources, lenient=lenient))
    found, origin, disputed = dict[int, Mark](), dict[int, str](), dict[int, tuple[str, ...]]()
    for number in unmarked:
        said = [(name, marks[episodes[number]]) for name, marks in known if episodes[number] in marks]
        if len({mark.accepted for _, mark in said}) > 1:
            disputed[number] = tuple(name for name, _ in said)
        elif said:
            origin[number], found[number] = said[0]
    order = [name for name, _ in known]
    return Found(found, dict(sorted(origin.items(), key=lambda item: order.index(item[1]))), disputed)


def _known(sources: Iterable[Path], *, lenient: bool) -> Iterator[tuple[str, dict[str, Mark]]]:
    for source in sources:
        try:
            yield source.name, _by_content(source)
        except (OSError, pa.ArrowException):
            if not lenient:
                raise


def carry_marks(root: Path, episodes: Mapping[int, str], sources: Iterable[Path]) -> dict[int, str]:
    """Give each episode without a mark of its own that of the same episode in `sources`, in this order.

    `episodes` are the contents of the dataset at `root`. Returns the source's name by episode. Raises OSError, and
    DatasetProblem, with nothing written, where sources disagree.
    """
    own = match(read_marks(root), episodes)
    found = find_marks(episodes, own.unmarked, sources)
    if dispute := found.dispute(root.name):
        raise DatasetProblem(dispute)
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
