"""Where a policy's own training data lie, and what they look like, read without LeRobot's dataset class.

Decodes few pictures of few episodes. Changes nothing: the dataset may be anybody's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.checkpoints.checkpoint import ACTION, JOINTS, Checkpoint
from services.datasets.cameras import COLOUR, camera_keys, channels
from services.datasets.episode_view import ShowFrames
from services.datasets.summary import INFO
from services.error_text import whole_reason
from services.evaluation.preflight.pictures import HEIGHT, WIDTH, Look, Slot, look
from services.workers.dataset.survey import read_info
from services.workers.training.checkpoints import value_names
from services.workers.viewing.dataset_files import UNREADABLE, Datasets, Found, Unreadable, unreadable
from services.workers.viewing.opened import OpenedEpisode
from sessions.files import check_file, read_file

EPISODES, FRAMES = 8, 6
"""How many episodes are looked into, and how many pictures of each."""
VALUES_FROM = 40
"""How many episodes' values are read, at most."""
ENVIRONMENT = "observation.environment_state"

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Episode:
    """One episode's values: `states`, `actions` and what else is numeric by feature, (frames, numbers)."""

    number: int
    found: Found
    values: Mapping[str, Values]

    @property
    def frames(self) -> int:
        """How many it has."""
        return next((len(values) for values in self.values.values()), 0)


@dataclass(frozen=True)
class TrainingData:
    """What was read. `names` are those of each numeric feature's values; `slots` and `unseen` as in Reference."""

    root: Path
    fps: float
    episodes: Sequence[Episode]
    names: Mapping[str, tuple[str, ...]]
    tasks: Sequence[str] = ()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)

    def named(self, feature: str) -> list[str]:
        """The motors of a feature's values."""
        return [name.removesuffix(".pos") for name in self.names.get(feature, ())]

    def all_of(self, feature: str) -> Values:
        """The values of every episode, (frames, numbers); none where the data do not have it."""
        there = [episode.values[feature] for episode in self.episodes if feature in episode.values]
        return np.concatenate(there) if there else np.zeros((0, 0), np.float32)


class Unreachable(Exception):
    """The data cannot be looked at; the message is a sentence."""


def root_of(checkpoint: Checkpoint, datasets: Path) -> Path:
    """The folder of the data that it learnt from. Raises Unreachable."""
    known = checkpoint.provenance
    if checkpoint.scripted:
        raise Unreachable("the scripted person learnt from no data")
    places = [Path(known.dataset_root)] if known.dataset_root else []
    places += [datasets / known.dataset] if known.dataset else []
    places += list(_elsewhere(checkpoint))
    if not places:
        raise Unreachable("the checkpoint does not say which data it learnt from")
    found = next((place for place in places if (place / "meta").is_dir()), None)
    if found is None:
        raise Unreachable(f"its training data are not on this machine: {places[0]} is not there")
    return found


def _elsewhere(checkpoint: Checkpoint) -> Iterator[Path]:
    """As LeRobot's own training wrote it (train_config.json) and keeps it (HF_LEROBOT_HOME), or has downloaded it."""
    dataset = _of_training(checkpoint)
    root, repo_id, revision = (dataset.get(key) for key in ("root", "repo_id", "revision"))
    if isinstance(root, str) and root:
        yield Path(root)
    if isinstance(repo_id, str) and repo_id and ".." not in repo_id:
        cache = Path(os.environ.get("HF_HOME") or Path.home() / ".cache/huggingface") / "lerobot"
        home = Path(os.environ.get("HF_LEROBOT_HOME") or cache)
        yield home / repo_id
        yield from _downloaded(home / "hub" / f"datasets--{repo_id.replace('/', '--')}", revision)


def _downloaded(kept: Path, revision: object) -> Iterator[Path]:
    """The snapshot of the revision that LeRobot asks for (0.6.1: datasets/dataset_metadata.py), else the only one."""
    if isinstance(revision, str) and revision and ".." not in revision:
        yield kept / "snapshots" / revision
    with suppress(OSError, UnicodeDecodeError):
        ref = revision if isinstance(revision, str) and revision and ".." not in revision else "v3.0"
        yield kept / "snapshots" / read_file(kept / "refs" / ref).decode().strip()
    found = list((kept / "snapshots").glob("*"))
    if len(found) == 1:
        yield found[0]


def _of_training(checkpoint: Checkpoint) -> dict[str, Any]:
    """What LeRobot's own training wrote of its dataset; nothing where it did not."""
    try:
        dataset = json.loads(read_file(checkpoint.path / "train_config.json"))["dataset"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return dataset if isinstance(dataset, dict) else {}


def learnt_of(checkpoint: Checkpoint) -> tuple[int, ...]:
    """The episodes that it learnt from, as far as it says; none for all of them."""
    told = checkpoint.provenance.episodes or _of_training(checkpoint).get("episodes")
    return tuple(n for n in told if isinstance(n, int)) if isinstance(told, list | tuple) else ()


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
    episodes = list(_episodes(root, _spread(numbers, VALUES_FROM), problems))
    if not episodes:
        raise Unreachable(f"its training data in {root} cannot be read: {problems[0]}")
    slots, unseen = _slots(_spread(episodes, EPISODES), features, cameras)
    return TrainingData(
        root=root,
        fps=float(info.get("fps") or 0),
        episodes=episodes,
        names=value_names({key: _named(feature) for key, feature in features.items()}),
        tasks=_tasks(root, episodes),
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


def _episodes(root: Path, numbers: Sequence[int], problems: list[str]) -> Iterator[Episode]:
    """Each episode's values; one that cannot be read is left out, and `problems` get the reason."""
    datasets, tables = Datasets(), dict[Path, pa.Table]()
    for number in numbers:
        try:
            found = datasets.find(root, number)
            if found.data not in tables:
                tables[found.data] = _table(found)
            yield Episode(number, found, _values(tables[found.data], number, found))
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


def _tasks(root: Path, episodes: Sequence[Episode]) -> list[str]:
    """What the episodes' rows say, else the dataset's table of tasks."""
    said = [task for each in episodes for task in each.found.row.get("tasks") or () if isinstance(task, str)]
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
    episodes: Sequence[Episode], features: Mapping[str, Mapping[str, Any]], cameras: Sequence[str]
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
    for episode in episodes if wanted else ():
        frames = tuple(dict.fromkeys(np.linspace(0, episode.frames - 1, FRAMES).astype(int).tolist()))
        for name, picture in pictures(episode, frames, dict.fromkeys(wanted, (WIDTH, HEIGHT))):
            if isinstance(picture, str):
                unseen[name] = picture
            else:
                looks[name].append(look(picture))
    slots = {name: Slot(tuple(each)) for name, each in looks.items() if len(each) >= FRAMES}
    return slots, {name: why for name, why in unseen.items() if name not in slots}


def pictures(
    episode: Episode, frames: Sequence[int], sizes: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, NDArray[np.uint8] | str]]:
    """Each camera's pictures in the order of the frames, (height, width, 3); a sentence for one that cannot be read."""
    try:
        opened = OpenedEpisode(episode.found)
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


def why_unreadable(error: BaseException) -> str:
    """The sentence for what a library raised."""
    return f"its training data cannot be read: {whole_reason(error)}"
