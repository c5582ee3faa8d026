"""Finding the runs of trainings, and the one to show. Reads the disk: do not call it on an event loop."""

from __future__ import annotations

import msgspec

from services.folders import DataFolder, RunFolder
from services.live.event_log import is_live
from services.live.requests import TrainRequest, read_request


def request_of(run: RunFolder) -> TrainRequest | None:
    """A training's request; None if the run is not a training or its request cannot be read."""
    try:
        request = read_request(run)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return request if isinstance(request, TrainRequest) else None


def newest(folder: DataFolder) -> RunFolder | None:
    """The newest training whose worker is alive, else the newest one; None if there is none."""
    runs = sorted((p for p in folder.runs.glob("*") if p.is_dir()), reverse=True)
    trainings = [run for run in map(RunFolder, runs) if request_of(run) is not None]
    return next((run for run in trainings if is_live(run)), trainings[0] if trainings else None)
