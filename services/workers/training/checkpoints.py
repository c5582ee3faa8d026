"""Writes checkpoints so that each is whole or absent, with the facts that the console keeps beside the policy."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as pads

from services.checkpoints.checkpoint import JOINTS, PRETRAINED, Provenance, missing, write_provenance
from services.checkpoints.weights import fingerprint
from services.datasets.content import data_files
from services.workers.training.partial_checkpoints import partial_path
from sessions.files import sync_folder, sync_tree

LAST = "last"
"""The link to the newest checkpoint (LeRobot: utils/constants.py)."""

logger = logging.getLogger(__name__)


def save_whole(write: Callable[[Path], None], checkpoint: Path, provenance: Provenance) -> int:
    """Write into a hidden folder beside `checkpoint`, make it durable, rename it; returns its size in bytes.

    If `write` raises, the partial folder is removed and the error raised again. Once the checkpoint has its name it
    is saved, whatever the disk reports afterwards.
    """
    partial = partial_path(checkpoint)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write(partial)
        weights = fingerprint(partial / PRETRAINED)
        write_provenance(partial / PRETRAINED, msgspec.structs.replace(provenance, weights=weights))
        size = sync_tree(partial)
        _rename(partial, checkpoint)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    for folder in (checkpoint.parent, *checkpoint.parents[1:3]):  # they may be new too
        _sync_name(folder)
    return size


def _rename(partial: Path, checkpoint: Path) -> None:
    """Rename it. A checkpoint of that name is from an earlier try at the same step: it stays if it is whole."""
    if checkpoint.exists() and missing(checkpoint):
        shutil.rmtree(checkpoint)
    try:
        partial.rename(checkpoint)
    except OSError:  # a network file system may rename and still report a failure
        if missing(checkpoint):
            raise
        shutil.rmtree(partial, ignore_errors=True)


def link_last(checkpoint: Path) -> None:
    """Point `last` at the checkpoint, atomically. Raises OSError."""
    link, fresh = checkpoint.parent / LAST, checkpoint.parent / f".{LAST}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(checkpoint.name)
    os.replace(fresh, link)
    _sync_name(checkpoint.parent)


def _sync_name(folder: Path) -> None:
    """Fsync a folder whose content is whole already: without this, a power cut could only lose the name."""
    try:
        sync_folder(folder)
    except OSError:
        logger.exception("%s could not be synced", folder)


def value_names(features: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The names of the numeric features' values, of features whose values the dataset names one by one."""
    numeric = {key: f.get("names") for key, f in features.items() if f.get("dtype") not in ("video", "image")}
    return {
        key: tuple(map(str, names))
        for key, names in numeric.items()
        if isinstance(names, list | tuple) and [len(names)] == list(features[key].get("shape", ()))[:1]
    }


def start_pose(root: Path, episodes: Sequence[int], joints: Sequence[str]) -> dict[str, float]:
    """The median pose, by motor, of these episodes' first frames; empty if `joints` are not motor positions.

    `joints` name the values of `observation.state`; positions end in `.pos` (LeRobot: robots/so_follower).
    """
    if not joints or any(not name.endswith(".pos") for name in joints):
        return {}
    first = (pc.field("frame_index") == 0) & pc.field("episode_index").isin(list(episodes))
    files = [str(path) for path in data_files(root)]
    rows = pads.dataset(files, format="parquet").to_table(columns=[JOINTS], filter=first)
    if not rows.num_rows:
        return {}
    median = np.median(np.array(rows[JOINTS].to_pylist(), dtype=float), axis=0)
    return {name.removesuffix(".pos"): float(value) for name, value in zip(joints, median, strict=True)}
