"""Where the object lay in a recorded episode, where its dataset or the log knows that: nothing is estimated.

Reads parquet (pyarrow), so import this only where a condition names an episode.
"""

from __future__ import annotations

from math import atan2, degrees, isfinite
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads

from services.bench.conditions import odd
from services.datasets.marks import peek_marks
from services.datasets.summary import summarize
from services.folders import DataFolder
from services.live.event_log import read_events
from services.live.snapshots import replay
from sessions.conditions import Place
from sessions.requests import EvalRequest

SCENE = "observation.environment_state"
"""What a simulated bench without cameras records of its cube, in metres."""


def place_in(folder: DataFolder, dataset: str, episode: int) -> Place | None:
    """Where the object lay as the episode began; None where neither its first frame nor its evaluation says it."""
    root = folder.datasets / dataset
    found = observed_place(root, episode) or evaluated_place(folder, root, episode)
    return None if found is None or odd(found) else found


def observed_place(root: Path, episode: int) -> Place | None:
    """By what the bench observed in its first frame, if it observes the object."""
    names = (summarize(root).features.get(SCENE) or {}).get("names")
    if not isinstance(names, list) or not {"cube.x", "cube.y"} <= set(map(str, names)):
        return None
    first = (pads.field("episode_index") == episode) & (pads.field("frame_index") == 0)
    try:
        rows = pads.dataset(root / "data", format="parquet").to_table(columns=[SCENE], filter=first).to_pylist()
        (seen,) = (dict(zip(map(str, names), map(float, row[SCENE]), strict=True)) for row in rows)
    except (OSError, pa.ArrowException, TypeError, ValueError):  # anybody's files
        return None
    if not all(map(isfinite, seen.values())):
        return None
    yaw = degrees(atan2(seen.get("cube.yaw_sin", 0.0), seen.get("cube.yaw_cos", 1.0)))
    return Place(_mm(seen["cube.x"]), _mm(seen["cube.y"]), round(yaw, 2) + 0.0)


def evaluated_place(folder: DataFolder, root: Path, episode: int) -> Place | None:
    """The place of the condition under which a trial was tried."""
    mark = peek_marks(root).by_episode.get(episode)
    if mark is None or not mark.session or Path(mark.session).name != mark.session:
        return None
    try:
        state = replay(read_events(folder.run(mark.session).events))
    except OSError:
        return None
    request = state.started.request if state.started else None
    trial = next((each for each in state.trials if each.index == mark.take), None)
    condition = request.condition_named(trial.condition) if isinstance(request, EvalRequest) and trial else None
    return condition.place if condition else None


def _mm(metres: float) -> float:
    return round(metres * 1000, 2) + 0.0
