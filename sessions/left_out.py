"""The episodes of a dataset that a training does not learn from, and why."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import msgspec

from sessions.open_enum import OpenEnum

ABOUT_BEST = "loss does not rank policies: trials do"
"""What to know of the checkpoint with the lowest loss of the held-out episodes."""


class Why(OpenEnum):
    """Why episodes are left out."""

    REJECTED = "rejected"
    BY_HAND = "by hand"
    TAGGED = "tagged"
    FLAGGED = "flagged"
    HELD_OUT = "held out"
    """Not learnt from, but read: their loss is measured while the training runs."""


class LeftOut(msgspec.Struct, frozen=True):
    """Episodes by their numbers in the dataset, which count from 0; `detail` is a person's reason, or the tag."""

    why: Why
    episodes: tuple[int, ...]
    detail: str = ""


def as_ranges(episodes: Iterable[int], most: int = 0) -> str:
    """`11, 26, 49-52`; of more than `most` ranges (0: any number) the first, and how many episodes more."""
    ordered = sorted(episodes)
    runs = [[i for _, i in run] for _, run in groupby(enumerate(ordered), lambda pair: pair[1] - pair[0])]
    shown = runs[:most] if most else runs
    words = [f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in shown]
    more = len(ordered) - sum(map(len, shown))
    return ", ".join(words) + (f" and {more} more" if more else "")


def counted(left_out: Iterable[LeftOut]) -> str:
    """`2 rejected, 3 by hand, 1 flagged`."""
    return ", ".join(f"{len(group.episodes)} {_word(group)}" for group in left_out)


def _word(group: LeftOut) -> str:
    return f"tagged {group.detail}" if group.why is Why.TAGGED and group.detail else group.why.value


def explained(group: LeftOut, most: int = 0) -> str:
    """`by hand: 11, 26, 49-52 (failed grasps)`."""
    reason = f" ({group.detail})" if group.detail and group.why is not Why.TAGGED else ""
    return f"{_word(group)}: {as_ranges(group.episodes, most)}{reason}"


def measured_only(group: LeftOut, most: int = 0) -> str:
    """`3, 7: measured, not learnt from`, of episodes that are held out."""
    return f"{as_ranges(group.episodes, most)}: measured, not learnt from"
