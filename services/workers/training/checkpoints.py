"""A checkpoint that is whole or absent, and what the console writes beside the policy."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as pads

from services.checkpoints.checkpoint import JOINTS, PRETRAINED, Provenance, missing, write_provenance
from services.workers.training.partial_checkpoints import half_of
from sessions.files import sync_folder

LAST = "last"
"""The link to the newest checkpoint (LeRobot: utils/constants.py)."""

logger = logging.getLogger(__name__)


def save_whole(write: Callable[[Path], None], checkpoint: Path, provenance: Provenance) -> int:
    """Write into a hidden folder beside `checkpoint`, make it durable, give it its name; returns its bytes.

    Whatever `write` raises is raised, and the half that it wrote is removed. Once it is whole under its name it is
    saved, whatever the disk says afterwards.
    """
    half = half_of(checkpoint)
    shutil.rmtree(half, ignore_errors=True)
    try:
        write(half)
        write_provenance(half / PRETRAINED, provenance)
        size = _sync(half)
        _name(half, checkpoint)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    for folder in (checkpoint.parent, *checkpoint.parents[1:3]):  # they may be new, too
        _keep_name(folder)
    return size


def _name(half: Path, checkpoint: Path) -> None:
    """Give it its name. What has that name already is an earlier try's, of the same step: it stays if it is whole."""
    if checkpoint.exists() and missing(checkpoint):
        shutil.rmtree(checkpoint)
    try:
        half.rename(checkpoint)
    except OSError:  # a network's file system may do it, and report that it failed
        if missing(checkpoint):
            raise
        shutil.rmtree(half, ignore_errors=True)


def link_last(checkpoint: Path) -> None:
    """Point `last` at the checkpoint, with no moment in which there is none. Raises OSError."""
    link, fresh = checkpoint.parent / LAST, checkpoint.parent / f".{LAST}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(checkpoint.name)
    os.replace(fresh, link)
    _keep_name(checkpoint.parent)


def _keep_name(folder: Path) -> None:
    """Fsync the folder of something that is whole already: without it only a power cut could take the name away."""
    try:
        sync_folder(folder)
    except OSError:
        logger.exception("%s could not be synced", folder)


def _sync(folder: Path) -> int:
    """Fsync everything below; returns the bytes."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            fd = os.open(Path(root, name), os.O_RDONLY)
            try:
                os.fsync(fd)
                total += os.fstat(fd).st_size
            finally:
                os.close(fd)
        sync_folder(Path(root))
    return total


def value_names(features: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The names of the values of the numeric features, where the dataset names them one by one."""
    numeric = {key: f.get("names") for key, f in features.items() if f["dtype"] not in ("video", "image")}
    return {
        key: tuple(map(str, names))
        for key, names in numeric.items()
        if isinstance(names, list | tuple) and len(names) == features[key]["shape"][0]
    }


def start_pose(root: Path, episodes: Sequence[int], joints: Sequence[str]) -> dict[str, float]:
    """The median pose, by motor, of the first frames of these episodes; empty where the dataset has no such state.

    `joints` name the values of `observation.state`; those of a pose end in `.pos` (LeRobot: robots/so_follower).
    """
    if not joints or any(not name.endswith(".pos") for name in joints):
        return {}
    first = (pc.field("frame_index") == 0) & pc.field("episode_index").isin(list(episodes))
    rows = pads.dataset(root / "data", format="parquet").to_table(columns=[JOINTS], filter=first)
    if not rows.num_rows:
        return {}
    median = np.median(np.array(rows[JOINTS].to_pylist(), dtype=float), axis=0)
    return {name.removesuffix(".pos"): float(value) for name, value in zip(joints, median, strict=True)}
