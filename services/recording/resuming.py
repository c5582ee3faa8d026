"""Whether a dataset can be continued, as far as its info.json and lab.toml tell: before any device is opened.

The worker compares every feature with the robot itself; this needs neither LeRobot nor the bench.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any

from services.bench.profiles import Profile
from services.bench.robots import ROBOT_TYPES, known_pictures, value_names
from services.datasets.names import proposed_name
from services.datasets.summary import INFO, DatasetSummary, robot_of, version_problem
from services.refusal import Refusal

_IMAGES = "observation.images."


def check_resumable(summary: DatasetSummary, profile: Profile, fps: int) -> None:
    """Raises Refusal with every reason, if the bench cannot record into this dataset."""
    if summary.version and (old := version_problem(summary.version)):
        raise Refusal(f"dataset {summary.name} cannot be resumed: {old}")
    if not summary.version and (summary.root / INFO).exists():
        raise Refusal(f"dataset {summary.name} cannot be resumed: {summary.problem}")
    if not summary.episodes:
        return
    if found := [*_rate(summary, fps), *_robot(summary, profile)]:
        why = "; ".join(found)
        raise Refusal(
            f"dataset {summary.name} cannot be resumed with bench {profile.name}: {why}; choose another name or bench"
        )


def proposed_dataset(folder: Path, profile: Profile, task: str) -> str:
    """A name for the datasets in `folder` of a task: its own, or with a number where another robot's has that name.

    Of a robot that is not known here any dataset may be resumed.
    """
    name = proposed_name(task)
    wanted = ROBOT_TYPES.get(str(profile.robot.get("type")))
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(n for n in names if not n or wanted is None or robot_of(folder / n) in ("", wanted))


def _rate(summary: DatasetSummary, fps: int) -> Iterator[str]:
    if summary.fps != fps:
        yield f"it has {summary.fps:g} fps, and this would record at {fps} (--fps)"


def _robot(summary: DatasetSummary, profile: Profile) -> Iterator[str]:
    """What differs for robots that are known here."""
    wanted = ROBOT_TYPES.get(str(profile.robot.get("type")))
    if wanted is None:
        return
    if summary.robot_type != wanted:
        yield f"it is of robot {summary.robot_type}, the bench's is {wanted}"
    names = value_names(profile.robot)
    theirs = summary.features.get("action", {}).get("names")
    if theirs != names:
        yield f"its actions are {_listed(theirs)}, the bench's {_listed(names)}"
    yield from _cameras(summary, profile)


def _cameras(summary: DatasetSummary, profile: Profile) -> Iterator[str]:
    recorded = {k: f for k, f in summary.features.items() if k.startswith(_IMAGES)}
    bench = {_IMAGES + name: picture for name, picture in known_pictures(profile).items()}
    yield from (f"it has camera {_short(key)}, which the bench does not have" for key in recorded.keys() - bench.keys())
    yield from (f"it lacks camera {_short(key)}, which the bench has" for key in bench.keys() - recorded.keys())
    for key in recorded.keys() & bench.keys():
        size, shape = list(bench[key].get("shape", ()))[:2], list(recorded[key].get("shape") or ())[:2]
        if size and sorted(size) != sorted(shape):  # a turned camera swaps them
            yield f"its camera {_short(key)} has {shape[::-1]} pixels, the bench's {size[::-1]}"


def _short(key: str) -> str:
    return key.removeprefix(_IMAGES)


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) else str(names or "unnamed")
