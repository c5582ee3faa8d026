"""Whose mark is whose: marks are found by their episode's content, wherever it is numbered now. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.datasets.marks import Mark, Marks
from services.units import plural

EVERY_EPISODE_COUNTS = "no marks: every episode counts"


@dataclass(frozen=True)
class Matched:
    """The marks of the episodes there are.

    `moved` are the episodes whose mark stood at another number, `gone` how many marks belong to no episode. `doubtful`
    are episodes without a mark of their own whose number has been rejected with other values: edited, or replaced.
    """

    marks: Mapping[int, Mark]
    episodes: int
    moved: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    gone: int = 0

    @property
    def unmarked(self) -> tuple[int, ...]:
        """The episodes without a mark: they count."""
        return tuple(index for index in range(self.episodes) if index not in self.marks)

    def accepted(self) -> tuple[int, ...]:
        """The episodes that count: whoever trains on them must have seen to the doubtful ones, which do not."""
        rejected = {i for i, mark in self.marks.items() if not mark.accepted}.union(self.doubtful)
        return tuple(i for i in range(self.episodes) if i not in rejected)

    def notes(self) -> tuple[str, ...]:
        """What the operator should know, in sentences."""
        if not self.marks:
            return (EVERY_EPISODE_COUNTS,)
        notes = []
        if self.moved:
            notes.append(
                f"the marks of {plural(len(self.moved), 'episode')} were found by content: they are renumbered"
            )
        if self.unmarked:
            notes.append(f"{plural(len(self.unmarked), 'episode has', 'episodes have')} no mark: accepted")
        return tuple(notes)


def why_doubtful(name: str, doubtful: Sequence[int]) -> str:
    """Why the dataset of this name is not trained on while it has doubtful episodes, and what mends it."""
    numbers = ", ".join(map(str, doubtful[:8])) + (f" and {len(doubtful) - 8} more" if len(doubtful) > 8 else "")
    return (
        f"the marks reject episode {numbers}, but of other values: the episodes were edited or renumbered. "
        f"`lab-console dataset {name}` shows the marks; with --carry-marks it looks for those of these episodes, "
        "with --keep-marks it keeps them by number"
    )


def match(marks: Marks, contents: Mapping[int, str]) -> Matched:
    """The marks of the episodes with these contents, by their number.

    A mark belongs to the episode of its content, first to the one of its own number. A mark without a content (older
    versions wrote none) belongs to its number, as long as there are not more of them than episodes: one more is what a
    kill during a save leaves.
    """
    found: dict[int, Mark] = {}
    loose: defaultdict[str, list[int]] = defaultdict(list)
    by_number = max(marks, default=-1) <= len(contents)
    for number, mark in marks.items():
        content = marks.contents.get(number, "")
        if number in contents and (content == contents[number] if content else by_number):
            found[number] = mark
        elif content:
            loose[content].append(number)
    used: set[int] = set()
    moved = []
    for number, content in contents.items():
        candidates = [] if number in found else loose.get(content, [])
        if candidates and len({marks[n] for n in candidates}) == 1:
            found[number] = marks[candidates[0]]
            used.update(candidates)
            moved.append(number)
    doubtful = [n for n in contents if not (n in found or n in used or marks.accepted(n))]
    gone = len(marks) - (len(found) - len(moved)) - len(used)
    return Matched(found, len(contents), tuple(sorted(moved)), tuple(sorted(doubtful)), gone)
