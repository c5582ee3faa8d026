"""Start conditions of trials: where the object lies, and what else the operator names."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

LIKE = "#"
"""Between dataset and episode in `pick_place#12`."""
NUMBER = re.compile(r"[0-9]{1,9}")


class Order(StrEnum):
    """In which order the trials of a block go through checkpoints and conditions."""

    RANDOM = "random"
    """Shuffled in each block, by the stored seed."""
    LISTED = "listed"


class Place(msgspec.Struct, frozen=True):
    """Where the object lies: millimetres from the axis of the arm's base, `x` ahead of it and `y` to its left.

    `yaw` is its turn about the vertical in degrees, seen from above against the clock.
    """

    x: float
    y: float
    yaw: float = 0.0


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One start condition. `x`, `y` (mm) and `yaw` (degrees) as in Place: both or none of `x` and `y`.

    `like` is `DATASET#EPISODE`: set the scene as that episode's first picture shows it. `note` is in the operator's
    words.
    """

    name: str
    x: float | None = None
    y: float | None = None
    yaw: float | None = None
    like: str = ""
    note: str = ""

    @property
    def place(self) -> Place | None:
        """Where the object lies; None where the condition does not say it."""
        return None if self.x is None or self.y is None else Place(self.x, self.y, self.yaw or 0.0)

    @property
    def likeness(self) -> tuple[str, int] | None:
        """Dataset and episode that it shall look like; None for none."""
        dataset, _, episode = self.like.rpartition(LIKE)
        return (dataset, int(episode)) if dataset and NUMBER.fullmatch(episode) else None


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Places in rows and columns: `x` and `y` are the first and the last in mm, `counts` how many along each."""

    x: tuple[float, float]
    y: tuple[float, float]
    counts: tuple[int, int]
    yaw: float = 0.0

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """One for each place, named by it: `x180 y-60`; along y first."""
        places = [(x, y) for x in _spread(self.x, self.counts[0]) for y in _spread(self.y, self.counts[1])]
        return tuple(Condition(name=f"x{x:g} y{y:g}", x=x, y=y, yaw=self.yaw) for x, y in places)


def _spread(ends: tuple[float, float], count: int) -> list[float]:
    first, last = ends
    step = (last - first) / max(1, count - 1)
    return [round(first + step * at, 1) + 0.0 for at in range(count)]
