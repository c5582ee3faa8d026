"""The runs of trainings: which one to show, and how one ended. Reads the disk: do not call it on an event loop."""

from __future__ import annotations

import msgspec

from services.folders import DataFolder, RunFolder
from services.live.crashes import close_crashed
from services.live.event_log import is_live
from services.live.launch import log_tail
from services.live.requests import TrainRequest, read_request
from services.live.snapshots import Snapshot
from sessions.models import SessionStatus


def request_of(run: RunFolder) -> TrainRequest | None:
    """A training's request; None if the run is no training or its request cannot be read."""
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


def final_state(run: RunFolder) -> tuple[Snapshot, tuple[str, ...]]:
    """The state of a run whose worker is gone, and its log's last lines, raw, if it did not finish.

    Writes the end of a worker that wrote none. Raises OSError.
    """
    snapshot = close_crashed(run)
    return snapshot, () if snapshot.status is SessionStatus.FINISHED else tuple(log_tail(run))
