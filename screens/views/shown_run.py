"""The training that Train shows: the one that is watched, or one that ended or was found on disk. A plain value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.live.requests import TrainRequest
from services.live.snapshots import Snapshot

if TYPE_CHECKING:
    from services.training.curves import Curves
    from services.training.watching.watched_run import Watched


@dataclass(frozen=True)
class ShownRun:
    """`id` is a session's, or a folder's path for one that no session names (`foreign`); empty before any training.

    `exists` also while a worker starts, whose session has no id yet. `curves` is None while they are not read.
    `watched` is how a run stands that `lab-console watch` follows: it was not started here, and is not stopped here.
    """

    id: str = ""
    snapshot: Snapshot = field(default_factory=Snapshot)
    asked: TrainRequest | None = None
    live: bool = False
    exists: bool = False
    foreign: bool = False
    curves: Curves | None = None
    last_lines: tuple[str, ...] = ()
    watched: Watched | None = None

    @property
    def points(self) -> int:
        """Log points that were read."""
        return len(self.curves) if self.curves is not None else 0

    @property
    def evaluable(self) -> bool:
        """Whether it is known where a checkpoint is: a log and an imported run tell only that there is one."""
        training = self.snapshot.training
        return training is not None and any(saved.path for saved in training.checkpoints)
