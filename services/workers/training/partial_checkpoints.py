"""Partial checkpoints: hidden folders that a killed trainer left beside the whole ones. Loads no torch.

They take gigabytes and are useless. Only their own training writes to them: once its trainer is gone they are removed
by its supervisor or, if that was killed too, by the next training's supervisor.
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


def partial_path(checkpoint: Path) -> Path:
    """The folder in which a checkpoint is written until it is whole."""
    return checkpoint.with_name(f".{checkpoint.name}.partial")


def remove_partial(output: Path) -> None:
    """Remove the partial checkpoints of a training whose trainer is gone; what cannot be removed stays."""
    _remove(output.glob("checkpoints/.[0-9]*.partial"))


def remove_abandoned(folder: DataFolder) -> None:
    """Remove the partial checkpoints of every training that is not running.

    A folder that belongs to no live run is safe to clean: a new training takes only a free name. If a live run's
    request cannot be read, or it is unknown whether a run is live, all stay.
    """
    try:
        requests = [read_request(run) for run in run_folders(folder) if is_held(run.events)]
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        logger.exception("partial checkpoints stay")
        return
    running = {request.name for request in requests if isinstance(request, TrainRequest)}
    partial = folder.trainings.glob("*/checkpoints/.[0-9]*.partial")
    _remove(path for path in partial if path.parents[1].name not in running)


def _remove(partial: Iterable[Path]) -> None:
    try:
        for path in partial:
            logger.info("removing a partial checkpoint: %s", path)
            shutil.rmtree(path, ignore_errors=True)
    except OSError:  # an unreadable folder is no reason to end a training
        logger.exception("partial checkpoints stay")
