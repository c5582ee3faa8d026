"""Which episodes a training learns from: the rejected ones never, others as the operator chooses. Pure.

An episode's number is the dataset's, from 0. An episode that is left out for several reasons counts for the first:
rejected, by hand, by its session's tag, flagged.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.datasets.marks import Mark
from services.datasets.matching import Matched
from services.refusal import Refusal
from services.units import plural
from sessions.document import Session
from sessions.left_out import LeftOut, Why, counted
from sessions.requests import TrainRequest


@dataclass(frozen=True)
class Recorded:
    """What is known of a dataset's episodes. `marks` are their own; `rejected` are those that never count.

    `lengths` are in frames and `tasks` the first task of each, where the dataset's metadata was read.
    """

    total: int
    marks: Mapping[int, Mark] = field(default_factory=dict)
    rejected: frozenset[int] = frozenset()
    lengths: Mapping[int, int] = field(default_factory=dict)
    tasks: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, matched: Matched) -> Recorded:
        """As the dataset's marks have it."""
        rejected = frozenset(range(matched.episodes)).difference(matched.accepted())
        return cls(matched.episodes, matched.marks, rejected)

    def frames(self, episodes: Iterable[int]) -> int | None:
        """The frames of these episodes; None if a length is not known."""
        lengths = [self.lengths.get(index) for index in episodes]
        return None if None in lengths else sum(length for length in lengths if length is not None)


@dataclass(frozen=True)
class Wanted:
    """What the operator leaves out besides the rejected episodes.

    `tagged` are the sessions that have one of the `tags`. Flags about the cameras in `without` do not count: nobody
    looks at what they are about.
    """

    by_hand: tuple[int, ...] = ()
    because: str = ""
    tags: tuple[str, ...] = ()
    tagged: tuple[str, ...] = ()
    flagged: bool = False
    without: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: TrainRequest) -> Wanted:
        """As it was asked for."""
        return cls(
            request.exclude_episodes, request.because, request.exclude_tags, request.tagged_sessions,
            request.leave_out_flagged, request.exclude_cameras,
        )  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The `episodes` that remain, held-out ones among them, and those `left_out`, each once."""

    episodes: tuple[int, ...]
    left_out: tuple[LeftOut, ...] = ()


def choose(recorded: Recorded, wanted: Wanted) -> Chosen:
    """The episodes to train on."""
    remaining = set(range(recorded.total))
    found = []
    groups = (
        (Why.REJECTED, recorded.rejected, ""),
        (Why.BY_HAND, wanted.by_hand, wanted.because),
        (Why.TAGGED, _recorded_by(recorded, wanted.tagged), ", ".join(wanted.tags)),
        (Why.FLAGGED, _flagged(recorded, wanted.without) if wanted.flagged else (), ""),
    )
    for why, numbers, detail in groups:
        if own := remaining.intersection(numbers):
            found.append(LeftOut(why, tuple(sorted(own)), detail))
            remaining -= own
    return Chosen(tuple(sorted(remaining)), tuple(found))


def _recorded_by(recorded: Recorded, sessions: Collection[str]) -> list[int]:
    return [index for index, mark in recorded.marks.items() if mark.session and mark.session in sessions]


def _flagged(recorded: Recorded, without: Collection[str]) -> list[int]:
    return [index for index, mark in recorded.marks.items() if counting_flags(mark.flags, without)]


def counting_flags(flags: Iterable[str], without: Collection[str]) -> list[str]:
    """The flags that are not about a camera in `without`, with whose name such a flag begins."""
    gone = tuple(f"{name} " for name in without)
    return [flag for flag in flags if not (gone and flag.startswith(gone))]


# -- held out ----------------------------------------------------------------------------------------


def hold_out(episodes: Sequence[int], tasks: Mapping[int, str], share: float) -> tuple[int, ...]:
    """The episodes that LeRobot holds out: the last ones of each task, at least one (datasets/factory.py, 0.6.1)."""
    if not share:
        return ()
    of_task: dict[str, list[int]] = {}
    for index in episodes:
        of_task.setdefault(tasks.get(index, ""), []).append(index)
    return tuple(sorted(i for own in of_task.values() for i in own[len(own) - math.ceil(len(own) * share) :]))


# -- what was typed ----------------------------------------------------------------------------------


def tagged_sessions(
    sessions: Iterable[Session], tags: Sequence[str], recorded: Recorded, dataset: str
) -> tuple[str, ...]:
    """The sessions with one of these tags that recorded episodes of the dataset. Raises Refusal for a tag of none."""
    known = list(sessions)
    recorders = {mark.session for mark in recorded.marks.values()}
    found: dict[str, None] = {}
    for tag in tags:
        own = [session.id for session in known if tag in session.tags and session.id in recorders]
        if not own:
            there = sorted({each for s in known if s.id in recorders for each in s.tags})
            has = f"those have the tags {', '.join(there)}" if there else "none of those has a tag"
            raise Refusal(f"no session that recorded dataset {dataset} is tagged {tag!r}: {has}")
        found |= dict.fromkeys(own)
    return tuple(found)


def nothing_left(dataset: str, recorded: Recorded, chosen: Chosen) -> str:
    """That no episode remains, and why: the sentence of a refusal."""
    all_of_them = plural(recorded.total, "episode")
    why = counted(chosen.left_out)
    return f"nothing of dataset {dataset} is left to train on: of its {all_of_them} are left out {why}"
