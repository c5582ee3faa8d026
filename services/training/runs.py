"""Which trainings there are: the one to watch, and what is known of one that ended. Reads disk: not on a loop."""

from __future__ import annotations

import msgspec

from services.folders import DataFolder, RunFolder
from services.live.crashes import close_crashed
from services.live.event_log import is_live
from services.live.launch import log_tail
from services.live.requests import TrainRequest, read_request
from services.live.snapshots import Snapshot
from sessions.models import SessionStatus


def asked(run: RunFolder) -> TrainRequest | None:
    """What a training was asked to do; None where the run is none, or its request cannot be read."""
    try:
        request = read_request(run)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return request if isinstance(request, TrainRequest) else None


def to_watch(folder: DataFolder) -> RunFolder | None:
    """The newest training whose worker lives, else the newest one; None where nobody ever trained."""
    runs = sorted((p for p in folder.runs.glob("*") if p.is_dir()), reverse=True)
    trainings = [run for run in map(RunFolder, runs) if asked(run) is not None]
    return next((run for run in trainings if is_live(run)), trainings[0] if trainings else None)


def ended(run: RunFolder) -> tuple[Snapshot, tuple[str, ...]]:
    """The state of a run whose worker is gone (its end is written if it told none), and what it said last.

    Only a run that did not finish has last words: raw lines of its log. Raises OSError.
    """
    snapshot = close_crashed(run)
    return snapshot, () if snapshot.status is SessionStatus.FINISHED else tuple(log_tail(run))
