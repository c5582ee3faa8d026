"""What a name of a dataset or a checkpoint means in a data folder: the same here and on a target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.checkpoints import checkpoint as checkpoints
from services.datasets.names import check_dataset_name
from services.folders import DataFolder
from services.refusal import Refusal
from services.text import clean

DATASET, CHECKPOINT = "dataset", "checkpoint"


@dataclass(frozen=True)
class Found:
    """A dataset or a checkpoint, for people, and its `path` below the data folder."""

    what: str
    path: str


def find(folder: DataFolder, wanted: str) -> Found:
    """The dataset or the checkpoint (`TRAINING`, `TRAINING@STEP`, a session's id) that is meant. Raises Refusal.

    `dataset:NAME` and `checkpoint:NAME` tell one from the other.
    """
    kind, colon, name = wanted.strip().partition(":")
    if not colon or kind not in (DATASET, CHECKPOINT):
        kind, name = "", wanted.strip()
    dataset = _dataset(folder, name) if kind in ("", DATASET) else None
    checkpoint = _checkpoint(folder, name) if kind in ("", CHECKPOINT) else None
    if dataset and checkpoint:
        raise Refusal(f"{name} is a dataset and a training: write dataset:{name} or checkpoint:{name}")
    if found := dataset or checkpoint:
        return found
    raise Refusal(f"there is no dataset and no checkpoint {clean(name)!r} in {folder.root}")


def _dataset(folder: DataFolder, name: str) -> Found | None:
    try:
        check_dataset_name(name)
    except ValueError:
        return None
    return Found(f"dataset {name}", f"datasets/{name}") if (folder.datasets / name / "meta").is_dir() else None


def _checkpoint(folder: DataFolder, name: str) -> Found | None:
    if not name or Path(name).is_absolute():
        return None
    try:
        found = checkpoints.resolve(folder, name)
    except checkpoints.CheckpointProblem as problem:
        if (folder.trainings / name.partition("@")[0]).is_dir():
            raise Refusal(str(problem)) from problem
        return None
    whole = found.path.parent
    if not whole.is_relative_to(folder.root.resolve()):
        return None
    return Found(f"checkpoint {found.label}", str(whole.relative_to(folder.root.resolve())))
