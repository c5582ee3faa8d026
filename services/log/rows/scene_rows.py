"""What a page tells of the scene of a session's episodes: strategies, light, and where the arm grasped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from services.log.sections import Row, Section, quiet, row, section
from services.units import plural
from sessions.conditions import Place
from sessions.document import Session
from sessions.models import Episode

APART = 20
"""Levels of brightness (of 255) between two groups of episodes that were recorded under another light."""
CELLS_MM = (10, 20, 50, 100, 200)
"""Sides of a cell of the grasp map."""
MOST_CELLS = 10
"""Along either side of the map."""
EMPTY = "·"


def scene_rows(session: Session) -> list[Row]:
    """How the task was done, and the light on each camera's pictures."""
    done = Counter(episode.strategy for episode in session.episodes if episode.strategy)
    rows = [row("strategy", f"{name}: {plural(count, 'episode')}") for name, count in done.items()]
    cameras = dict.fromkeys(name for episode in session.episodes for name in episode.light)
    return rows + [row("light", *light_words(name, session.episodes)) for name in cameras]


def light_words(camera: str, episodes: Iterable[Episode]) -> list[str]:
    """`overhead 96 to 121 of 255`, and if the light was another one for some: `34 brighter (about 120), 47 darker`."""
    levels = sorted(episode.light[camera] for episode in episodes if camera in episode.light)
    if not levels:
        return []
    spread = f"{levels[0]} to {levels[-1]}" if levels[0] < levels[-1] else f"{levels[0]}"
    words = [f"{camera} {spread} of 255 bright"]
    groups = light_groups(levels)
    if len(groups) > 1:
        dark, bright = groups
        words.append(f"{plural(len(dark), 'episode')} darker (about {_mean(dark)})")
        words.append(f"{plural(len(bright), 'episode')} brighter (about {_mean(bright)})")
    return words


def light_groups(levels: Sequence[int]) -> list[list[int]]:
    """Levels of brightness in one group, or in two if the widest gap between them is a change of the light."""
    ordered = sorted(levels)
    gap, at = max(((after - before, n) for n, (before, after) in enumerate(pairwise(ordered), 1)), default=(0, 0))
    return [ordered[:at], ordered[at:]] if gap >= APART else [ordered] if ordered else []


def _mean(levels: Sequence[int]) -> int:
    return round(sum(levels) / len(levels))


def grasp_sections(session: Session) -> list[Section]:
    """The places where the arm grasped first, counted in cells seen from above; none if no place is known."""
    places = [episode.grasp for episode in session.episodes if episode.grasp is not None]
    if not places:
        return []
    xs, ys = [p.x for p in places], [p.y for p in places]
    found = f"in {len(places)} of {plural(len(session.episodes), 'episode')}"
    extent = f"x {min(xs):.0f} to {max(xs):.0f} mm ahead, y {min(ys):.0f} to {max(ys):.0f} mm to the left"
    return [section("grasp map", [row("grasped", found, quiet(extent)), *_map(places)])]


def _map(places: Sequence[Place]) -> list[Row]:
    """Rows of cells from far to near, each from left to right as the arm sees it, with how many lie in each."""
    xs, ys = [p.x for p in places], [p.y for p in places]
    widest = max(max(xs) - min(xs), max(ys) - min(ys))
    side = next((side for side in CELLS_MM if widest / side < MOST_CELLS - 1), 0)
    if not side:
        return []  # places that no arm reaches: the extent says it
    counts = Counter((int(p.x // side), int(p.y // side)) for p in places)
    rows, columns = {row for row, _ in counts}, {column for _, column in counts}
    across = range(max(columns), min(columns) - 1, -1)
    wide = max(len(str(count)) for count in counts.values())
    lines = [
        row(f"x {side * at}", " ".join(f"{counts[at, c] or EMPTY:>{wide}}" for c in across))
        for at in range(max(rows), min(rows) - 1, -1)
    ]
    return [
        *lines,
        row("cells", quiet(f"{side} mm wide, from y {side * (across[0] + 1)} on the left to {side * across[-1]}")),
    ]
