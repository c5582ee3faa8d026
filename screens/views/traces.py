"""The joints of an episode as small curves: which cell each has, its limits, and its title. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from screens.views.signs import clean, fit, signs
from services.datasets.episode_view import EpisodeOpened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float32]

NARROWEST = 18
"""Cells of a curve's title and value: less is not read."""
WIDEST = 100
"""Cells of a curve, at most: beyond, it is as flat as a line."""
JOINT = ".pos"
"""How LeRobot's features of joint positions end."""
ROWS = 4
"""Rows that a curve with its title should have; more columns are tried until it does."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One joint. `state` and `action` are (frames,) float32 or empty, in `unit`; that is empty where it is unknown."""

    name: str
    state: Numbers
    action: Numbers
    unit: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value of both, widened if they are equal; non-finite ones do not count."""
        import numpy as np

        whole = np.concatenate([self.state, self.action]).astype(np.float64)
        whole = whole[np.isfinite(whole)]
        if not len(whole):
            return 0.0, 1.0
        low, high = float(whole.min()), float(whole.max())
        if high - low < 1e-6 * max(1.0, abs(high)):
            return low - 0.5, high + 0.5
        return low, high


def curves(opened: EpisodeOpened) -> list[Curve]:
    """Every trace of the episode."""
    import numpy as np

    return [
        Curve(
            clean(trace.name.removesuffix(JOINT), 40),
            np.frombuffer(trace.state, "<f4"),
            np.frombuffer(trace.action, "<f4"),
            _unit(trace.name),
        )
        for trace in opened.traces
    ]


def _unit(name: str) -> str:
    """Degrees of a joint, percent of a gripper's range; nothing for numbers of another kind."""
    if not name.endswith(JOINT):
        return ""
    return "%" if "gripper" in name else signs().degree


@dataclass(frozen=True)
class Grid:
    """How `count` curves share a box: columns, rows of each (its title included), and how many are shown."""

    columns: int
    rows: int
    shown: int


def grid(count: int, width: int, height: int) -> Grid:
    """As few columns as give each curve ROWS rows; where there is no room for that, as many as can be read."""
    most = max(1, width // NARROWEST)
    for columns in range(min(most, -(-width // WIDEST)), most + 1):
        lines = -(-count // columns)
        if count and height // lines >= ROWS:
            return Grid(columns, height // lines, count)
    lines = -(-count // most) if count else 1
    rows = max(2, height // max(1, lines))
    return Grid(most, rows, min(count, most * (height // rows)))


def legend() -> Content:
    """What the two lines of a curve are."""
    return Content.assemble(
        ("joints  ", "$quiet"), ("measured", "bold"), ("  ", ""), (f"{signs().hollow} commanded", "$accent")
    )


def title(curve: Curve, frame: int, width: int) -> Content:
    """`shoulder_pan  12.4° ◇12.9°` in `width` cells: the name is shortened first, the commanded value left out then."""
    low, high = curve.limits
    digits = 1 if curve.unit or high - low >= 10 else 2 if high - low >= 1 else 3  # a servo's step is 0.09 degrees
    state, action = (_value(values, frame, digits, curve.unit) for values in (curve.state, curve.action))
    both = f" {signs().hollow}{action}" if state and action and width >= NARROWEST + 8 else ""
    value = state or action
    name = max(4, width - len(value) - len(both) - 2)
    return Content.assemble(
        (fit(curve.name, name), "$quiet"), (f" {value}", "bold" if state else "$accent"), (both, "$accent"), " "
    )


def _value(values: Sequence[float] | Numbers, frame: int, digits: int, unit: str) -> str:
    return f"{round(float(values[frame]), digits) + 0.0:.{digits}f}{unit}" if 0 <= frame < len(values) else ""
