"""Sessions that go on on another machine, whoever looks at them here: their follower is started again if it is gone."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import msgspec

from services.folders import RunFolder
from services.live import launch
from services.live.snapshots import Snapshot
from sessions.requests import TrainRequest
from sessions.target import Target

AGAIN_S = 15.0
"""Seconds between two starts of a session's follower."""


def target_of(snapshot: Snapshot) -> Target | None:
    """Where the session runs that is followed here; None if its worker is on this machine, or that is unknown."""
    request = snapshot.started.request if snapshot.started else None
    target = request.on if isinstance(request, TrainRequest) else None
    return target if target is not None and target.followed else None


def is_clusters(run: RunFolder) -> bool:
    """Whether only the cluster knows if the session's worker is gone: its nodes need not share file locks with others.

    The job itself, queued again, knows that its earlier worker is.
    """
    try:
        number = msgspec.json.decode(run.job.read_bytes(), type=dict)["job"]
    except FileNotFoundError:
        return False
    except (OSError, msgspec.MsgspecError, KeyError):
        return True
    return bool(number != os.environ.get("SLURM_JOB_ID"))


def follow_again(run: RunFolder) -> None:
    """Start the follower of a session whose follower is gone. Of two at once, one ends at the lock of the events."""
    mark = run.root / ".follower"
    with suppress(OSError):
        if time.time() - mark.stat().st_mtime < AGAIN_S:
            return
    with suppress(OSError):  # another user's run, or a read-only disk: it goes on there all the same
        mark.touch()
        launch.spawn(run, launch.FOLLOWER)
