"""A small curve of a page as lines of blocks, or of letters where the terminal has no blocks. Pure, without textual."""

from __future__ import annotations

from screens.views.signs import signs
from services.log.sections import Curve

BLOCKS = " ▁▂▃▄▅▆▇█"
LETTERS = " .:-=+*#@"
STEPS = len(BLOCKS) - 1


def curve_lines(curve: Curve, room: int) -> list[str]:
    """`curve.height` lines of at most `room` cells, the uppermost first."""
    points = _thinned(curve.points, room)
    levels = [-1 if each < 0 else max(1, round(each * curve.height * STEPS)) for each in points]
    if not signs().unicode:
        return ["".join(LETTERS[max(0, min(STEPS, round(level / curve.height)))] for level in levels)]
    return [
        "".join(BLOCKS[max(0, min(STEPS, level - line * STEPS))] for level in levels)
        for line in range(curve.height - 1, -1, -1)
    ]


def _thinned(points: tuple[float, ...], room: int) -> list[float]:
    if len(points) <= room:
        return list(points)
    return [points[n * len(points) // room] for n in range(room)]
