"""Halves of checkpoints: hidden folders that a killed trainer left beside the whole ones. Loads no torch.

They are gigabytes, of use to nobody, and only their own training may write to them: once its trainer is gone they
are removed, by its supervisor or, where that was killed too, by the next training's.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from services.folders import DataFolder
from services.live.requests import TrainRequest, read_request
from services.live.running import run_folders
from sessions.locks import is_held

logger = logging.getLogger(__name__)


def half_of(checkpoint: Path) -> Path:
    """Where a checkpoint is written until it is whole."""
    return checkpoint.with_name(f".{checkpoint.name}.partial")


def remove_halves(output: Path) -> None:
    """Remove those of a training whose trainer is gone; what cannot be removed stays."""
    _remove(output.glob("checkpoints/.[0-9]*.partial"))


def remove_abandoned(folder: DataFolder) -> None:
    """Remove those of every training that nobody runs.

    A folder whose name no living run has is written to by none, and none will: a training takes only a name that is
    free. Where a living run cannot tell its name, or nobody can see whether it lives, all stay.
    """
    try:
        requests = [read_request(run) for run in run_folders(folder) if is_held(run.events)]
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        logger.exception("halves of checkpoints stay")
        return
    alive = {request.name for request in requests if isinstance(request, TrainRequest)}
    halves = folder.trainings.glob("*/checkpoints/.[0-9]*.partial")
    _remove(half for half in halves if half.parents[1].name not in alive)


def _remove(halves: Iterable[Path]) -> None:
    try:
        for half in halves:
            logger.info("removing half a checkpoint: %s", half)
            shutil.rmtree(half, ignore_errors=True)
    except OSError:  # a folder cannot be looked into: nothing to end a training for
        logger.exception("halves of checkpoints stay")
