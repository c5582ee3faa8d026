"""Start conditions as lab.toml writes them: `[[conditions]]` and `[conditions_grid]`, checked as they are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from services.text import clean
from sessions.conditions import LIKE, Condition, Grid, Place

NONE, ALL, GRID = "none", "all", "grid"
"""Words that choose conditions, so that none can be called so."""
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
PLACE = re.compile(rf"x(?P<x>{_NUMBER}) y(?P<y>{_NUMBER})(?: yaw(?P<yaw>{_NUMBER}))?")
"""A place as a grid names it."""
FARTHEST_MM = 1000.0
LONGEST_NAME = 40
MOST_PLACES = 100


class CheckedCondition(Condition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition that trials can begin under. Raises ValueError naming it and the key."""

    def __post_init__(self) -> None:
        name = self.name
        if name != name.strip() or not 0 < len(name) <= LONGEST_NAME or name != clean(name):
            raise ValueError(
                f"a condition's name has 1 to {LONGEST_NAME} letters and no space at its ends, not {name!r}"
            )
        if "," in name or LIKE in name or name in (NONE, ALL, GRID) or PLACE.fullmatch(name):
            raise ValueError(f"a condition cannot be called {name!r}: that means something else where one is chosen")
        if (self.x is None) is not (self.y is None):
            raise ValueError(f"condition {name!r}: x and y belong together")
        if self.yaw is not None and self.place is None:
            raise ValueError(f"condition {name!r}: yaw needs x and y")
        if self.like and self.likeness is None:
            raise ValueError(f"condition {name!r}: like is DATASET{LIKE}EPISODE, such as pick_place{LIKE}12")
        if self.place is not None and (why := odd(self.place)):
            raise ValueError(f"condition {name!r}: {why}")


class CheckedGrid(Grid, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A grid whose places can be reached. Raises ValueError."""

    def __post_init__(self) -> None:
        rows, columns = self.counts
        if not (rows > 0 and columns > 0 and rows * columns <= MOST_PLACES):
            raise ValueError(
                f"counts are two numbers above 0, of {MOST_PLACES} places at most, not {list(self.counts)}"
            )
        conditions = self.conditions
        if len({each.name for each in conditions}) < len(conditions):
            raise ValueError("two places of the grid are the same: its ends are too close for so many")
        if why := next((why for each in conditions if each.place and (why := odd(each.place))), ""):
            raise ValueError(why)


def odd(place: Place) -> str:
    """Why no object can lie there; empty if one can."""
    if not all(abs(value) <= FARTHEST_MM for value in (place.x, place.y)):
        return (
            f"x {place.x:g} y {place.y:g} is over {FARTHEST_MM:g} mm away: x and y are millimetres from the arm's base"
        )
    if abs(place.x) < 1 and abs(place.y) < 1:
        return f"x {place.x:g} y {place.y:g} is in the arm's base: x and y are millimetres"
    return "" if abs(place.yaw) <= 360 else f"yaw {place.yaw:g} is no turn in degrees, -360 to 360"


def check_unlike(conditions: Sequence[Condition]) -> None:
    """Raises ValueError for two conditions of one name."""
    names = Counter(each.name for each in conditions)
    if twice := next((name for name, times in names.items() if times > 1), ""):
        raise ValueError(f"two conditions are called {twice!r}")
