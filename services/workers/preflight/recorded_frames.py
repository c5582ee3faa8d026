"""Recorded frames as a policy's process takes them: which are asked about, and their observations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.checkpoints.checkpoint import ACTION, JOINTS, Checkpoint
from services.checkpoints.compatibility import taken
from services.checkpoints.wiring import main_name
from services.datasets.cameras import IMAGES, camera_name
from services.workers.inference.protocol import Frame, Loaded
from services.workers.preflight.reading import Wanted, show
from services.workers.preflight.training_data import Episode, TrainingData, Unreachable, Values

Images = Mapping[str, Sequence[NDArray[np.uint8]]]
ASKED = 3
"""How many episodes the policy is asked about."""
PAIRS = 2
"""Places in each of them; at each, the inference after the first one is asked for, too."""
IN_A_ROW = 6
"""Frames in a row that a policy is shown which looks back."""
ROWS = 60
"""Actions of an inference that are compared, at most."""


@dataclass(frozen=True)
class RecordedFrame:
    """One observation, and what was done from it on. `begins`: the policy forgets what it saw before."""

    episode: int
    at: int
    begins: bool
    frame: Frame
    recorded: Values
    before: Values


@dataclass(frozen=True)
class Shown:
    """What of the bench the policy is shown: all its `features`, and by feature the `names` that the policy knows."""

    features: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]


class Differs(Exception):
    """The data do not have what the policy is shown here; the message says what."""


def frames_to_ask(data: TrainingData, checkpoint: Checkpoint, shown: Shown, loaded: Loaded) -> list[RecordedFrame]:
    """Observations of several episodes, as the bench would show them to the policy. Raises Differs."""
    episodes = [e for e in data.episodes if ACTION in e.values and JOINTS in e.values]
    chosen = [episodes[round(at)] for at in np.linspace(0, len(episodes) - 1, min(ASKED, len(episodes)))]
    places = [_places(episode.frames, loaded) for episode in chosen]
    images = _images(
        data.root, [(e, [at for at, _ in p]) for e, p in zip(chosen, places, strict=True)], checkpoint, shown
    )
    return [frame for each in zip(chosen, places, images, strict=True) for frame in _of_episode(data, *each, shown)]


def _of_episode(
    data: TrainingData, episode: Episode, places: Sequence[tuple[int, bool]], images: Images, shown: Shown
) -> Iterator[RecordedFrame]:
    actions = _ordered(data, episode.values[ACTION], ACTION, shown.features[ACTION])
    for n, (at, begins) in enumerate(places):
        frame: Frame = {}
        for key, name in shown.names.items():
            frame[name] = images[key][n] if key in images else _value(data, episode, at, key, shown)
        recorded, before = actions[at : at + ROWS], actions[max(0, at - 1)]
        yield RecordedFrame(episode.number, at, begins, frame, recorded, before)


def _value(data: TrainingData, episode: Episode, at: int, key: str, shown: Shown) -> Values:
    if key not in episode.values:
        raise Differs(f"the data have no {key}")
    found: Values = _ordered(data, episode.values[key][at : at + 1], key, shown.features[key])[0]
    return found


def _places(frames: int, loaded: Loaded) -> list[tuple[int, bool]]:
    """Frames to ask about, each with whether the policy begins there."""
    if not loaded.chunked:
        first = max(0, frames // 3)
        return [(at, at == first) for at in range(first, min(frames, first + IN_A_ROW))]
    last = max(0, frames - 1 - 2 * loaded.steps)
    starts = dict.fromkeys(np.linspace(0, last, PAIRS).astype(int).tolist())
    places = [at + n * loaded.steps for at in starts for n in (0, 1)]
    return [(at, True) for at in dict.fromkeys(places) if at < frames]


def _ordered(data: TrainingData, values: Values, key: str, feature: Mapping[str, Any]) -> Values:
    """The values in the order in which the bench has them. Raises Differs."""
    theirs, ours = data.names.get(key, ()), tuple(feature.get("names") or ())
    if not theirs or theirs == ours:
        size = int(feature["shape"][0])
        if values.shape[1] != size:
            raise Differs(f"{key} has {values.shape[1]} values in the data and {size} on this bench")
        return values
    if lacking := [name for name in ours if name not in theirs]:
        raise Differs(f"the data have no {', '.join(lacking[:3])} in {key}")
    return np.ascontiguousarray(values[:, [theirs.index(name) for name in ours]])


def _images(
    root: Path, chosen: Sequence[tuple[Episode, Sequence[int]]], checkpoint: Checkpoint, shown: Shown
) -> list[Images]:
    """The pictures of each episode's frames by the bench's feature, in its size. Raises Differs."""
    cameras = cameras_of(checkpoint, shown)
    if not cameras:
        return [{} for _ in chosen]
    wanted = [_wanted(episode, frames, camera, shown.features[name])
              for episode, frames in chosen for name, camera in cameras.items()]  # fmt: skip
    try:
        found = [_whole(each, pictures) for each, pictures in zip(wanted, show(root, wanted), strict=True)]
    except Unreachable as problem:
        raise Differs(str(problem)) from problem
    size = len(cameras)
    return [dict(zip(cameras, found[n * size : (n + 1) * size], strict=True)) for n in range(len(chosen))]


def _wanted(episode: Episode, frames: Sequence[int], camera: str, feature: Mapping[str, Any]) -> Wanted:
    height, width = feature["shape"][:2]
    return Wanted(episode=episode.number, camera=camera, width=int(width), height=int(height), frames=tuple(frames))


def _whole(wanted: Wanted, pictures: list[NDArray[np.uint8]] | str) -> list[NDArray[np.uint8]]:
    if isinstance(pictures, str):
        raise Differs(f"camera {wanted.camera}: {pictures}")
    if len(pictures) != len(wanted.frames):
        raise Differs(f"the data have no camera {wanted.camera}")
    return pictures


def cameras_of(checkpoint: Checkpoint, shown: Shown) -> dict[str, str]:
    """The bench's features that are pictures for the policy, each with the camera's name in its training."""
    inputs = {name: main_name(checkpoint, key) for key, name in taken(checkpoint, shown.features).items()}
    return {name: inputs.get(name, camera_name(name)) for name in shown.names if name.startswith(IMAGES)}
