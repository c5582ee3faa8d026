"""What a policy's own training data look like, read without LeRobot's dataset class: in a process of its own.

Decodes few pictures of few episodes. Changes nothing: the dataset may be anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.checkpoints.checkpoint import ACTION, JOINTS
from services.datasets.cameras import COLOUR, camera_keys, channels
from services.datasets.episode_view import ShowFrames
from services.datasets.summary import INFO
from services.evaluation.preflight.pictures import HEIGHT, WIDTH, Look, Slot, look
from services.workers.dataset.survey import read_info
from services.workers.preflight.training_data import Episode, TrainingData, Unreachable, Values
from services.workers.training.checkpoints import value_names
from services.workers.viewing.dataset_files import UNREADABLE, Datasets, Found, Unreadable, unreadable
from services.workers.viewing.opened import OpenedEpisode
from sessions.files import check_file

EPISODES, FRAMES = 8, 6
"""How many episodes are looked into, and how many pictures of each."""
VALUES_FROM = 40
"""How many episodes' values are read, at most."""
ENVIRONMENT = "observation.environment_state"


def read(root: Path, learnt: Sequence[int], cameras: Sequence[str]) -> TrainingData:
    """The data's values, and looks at the pictures of the `cameras`. Raises Unreachable.

    `learnt` are the episodes that the policy learnt from, all if empty.
    """
    info = read_info(root)
    if not info:
        raise Unreachable(f"its training data in {root} cannot be read: {INFO} is missing, or no JSON")
    features: Mapping[str, Mapping[str, Any]] = info.get("features") or {}
    total = int(info.get("total_episodes") or 0)
    numbers = [number for number in learnt if number < total] or list(range(total))
    if not numbers or not features:
        raise Unreachable(f"its training data in {root} have no episodes")
    problems: list[str] = []
    found = list(_episodes(root, _spread(numbers, VALUES_FROM), problems))
    if not found:
        raise Unreachable(f"its training data in {root} cannot be read: {problems[0]}")
    slots, unseen = _slots(_spread(found, EPISODES), features, cameras)
    return TrainingData(
        root=root,
        fps=float(info.get("fps") or 0),
        episodes=[episode for episode, _ in found],
        names=value_names({key: _named(feature) for key, feature in features.items()}),
        tasks=_tasks(root, [place for _, place in found]),
        slots=slots,
        unseen=unseen,
    )


def _named(feature: Mapping[str, Any]) -> dict[str, Any]:
    """The feature with its values' names in a list: other tools keep them in groups, as {"motors": [...]}."""
    names = feature.get("names")
    lists = list(names.values()) if isinstance(names, Mapping) else []
    in_groups = bool(lists) and all(isinstance(each, list) for each in lists)
    return {**feature, "names": [name for each in lists for name in each] if in_groups else names}


def _spread[T](all_: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly."""
    if len(all_) <= most:
        return list(all_)
    return [all_[round(at)] for at in np.linspace(0, len(all_) - 1, most)]


def _episodes(root: Path, numbers: Sequence[int], problems: list[str]) -> Iterator[tuple[Episode, Found]]:
    """Each episode's values, and its place; one that cannot be read is left out, and `problems` get the reason."""
    datasets, tables = Datasets(), dict[Path, pa.Table]()
    for number in numbers:
        try:
            found = datasets.find(root, number)
            if found.data not in tables:
                tables[found.data] = _table(found)
            yield Episode(number, _values(tables[found.data], number, found)), found
        except Unreadable as error:
            problems.append(str(error))
        except UNREADABLE as error:
            problems.append(str(unreadable(root, found.data, error)))


def _table(found: Found) -> pa.Table:
    check_file(found.data)
    with pq.ParquetFile(found.data) as file:
        names = [
            n for n in ("episode_index", "frame_index", JOINTS, ACTION, ENVIRONMENT) if n in file.schema_arrow.names
        ]
        return file.read(columns=names)


def _values(table: pa.Table, number: int, found: Found) -> dict[str, Values]:
    """Raises ValueError where the table has another form."""
    rows = table.take(np.flatnonzero(np.asarray(table["episode_index"]) == number))
    if "frame_index" in rows.column_names:
        rows = rows.take(np.argsort(np.asarray(rows["frame_index"]), kind="stable"))
    if not rows.num_rows:
        raise ValueError(f"no rows of episode {number} in {found.data.name}")
    there = [key for key in (JOINTS, ACTION, ENVIRONMENT) if key in rows.column_names]
    return {key: np.asarray(rows[key].to_pylist(), np.float32).reshape(rows.num_rows, -1) for key in there}


def _tasks(root: Path, places: Sequence[Found]) -> list[str]:
    """What the episodes' rows say, else the dataset's table of tasks."""
    said = [task for each in places for task in each.row.get("tasks") or () if isinstance(task, str)]
    if said:
        return list(dict.fromkeys(said))
    try:
        check_file(root / "meta/tasks.parquet")
        rows = pq.ParquetFile(root / "meta/tasks.parquet").read().to_pylist()
    except UNREADABLE:
        return []
    return [next((value for value in row.values() if isinstance(value, str)), "") for row in rows]


# --- pictures ---------------------------------------------------------------------------------------


def _slots(
    episodes: Sequence[tuple[Episode, Found]], features: Mapping[str, Mapping[str, Any]], cameras: Sequence[str]
) -> tuple[dict[str, Slot], dict[str, str]]:
    """Each camera's looks, and why a camera has none."""
    keys, unseen = camera_keys(features), dict[str, str]()
    for name in cameras:
        if name not in keys:
            unseen[name] = "the data have no such camera"
        elif channels(features[keys[name]]) not in (0, COLOUR):
            unseen[name] = "it gives no picture in colour"
    wanted = [name for name in cameras if name not in unseen]
    looks: dict[str, list[Look]] = {name: [] for name in wanted}
    for episode, found in episodes if wanted else ():
        frames = tuple(dict.fromkeys(np.linspace(0, episode.frames - 1, FRAMES).astype(int).tolist()))
        for name, picture in pictures(found, frames, dict.fromkeys(wanted, (WIDTH, HEIGHT))):
            if isinstance(picture, str):
                unseen[name] = picture
            else:
                looks[name].append(look(picture))
    slots = {name: Slot(tuple(each)) for name, each in looks.items() if len(each) >= FRAMES}
    return slots, {name: why for name, why in unseen.items() if name not in slots}


def pictures(
    found: Found, frames: Sequence[int], sizes: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, NDArray[np.uint8] | str]]:
    """Each camera's pictures in the order of the frames, (height, width, 3); a sentence for one that cannot be read."""
    try:
        opened = OpenedEpisode(found)
    except Unreadable as error:
        yield from ((name, str(error)) for name in sizes)
        return
    try:
        for picture in opened.show(ShowFrames(frames=tuple(frames), sizes=dict(sizes))).pictures:
            rgb = np.frombuffer(picture.rgb, np.uint8)
            problem = picture.problem or ("" if rgb.size else "no picture")
            yield picture.camera, problem or rgb.reshape(picture.height, picture.width, 3)
    finally:
        opened.close()
