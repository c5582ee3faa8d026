"""Where a policy's own training data lie, and what is known of them once they are read (`data_files`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.checkpoints.checkpoint import Checkpoint
from services.error_text import whole_reason
from services.evaluation.preflight.pictures import Slot
from sessions.files import read_file

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Episode:
    """One episode's values: `states`, `actions` and what else is numeric by feature, (frames, numbers)."""

    number: int
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


def why_unreadable(error: BaseException) -> str:
    """The sentence for what a library raised."""
    return f"its training data cannot be read: {whole_reason(error)}"
