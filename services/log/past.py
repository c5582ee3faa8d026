"""What a form shows of the past: the datasets and sessions there are, and the room on the disk."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from services.datasets.summary import DatasetSummary, list_datasets
from services.folders import DataFolder
from services.log import logbook
from services.log.problem import LogbookProblem
from sessions.document import Session
from sessions.models import SessionKind


@dataclass(frozen=True)
class Past:
    """Datasets and sessions, each newest first; `free` is the room on the data folder's disk in bytes, None if unknown.

    `message` says what of the log cannot be read.
    """

    datasets: tuple[DatasetSummary, ...] = ()
    sessions: tuple[Session, ...] = ()
    free: int | None = None
    message: str = ""

    @cached_property
    def accepted(self) -> Mapping[str, int]:
        """How many accepted episodes of each instruction the log has, counted once: a form asks at every key."""
        counts: Counter[str] = Counter()
        for session in self.sessions:
            if session.kind is SessionKind.RECORD:
                counts[session.task] += session.accepted
        return counts

    def dataset(self, name: str) -> DatasetSummary | None:
        """The dataset of this name, if there is one."""
        return next((d for d in self.datasets if d.name == name), None)


def read_past(folder: DataFolder) -> Past:
    """Read all of it. Reads disk: do not call it on an event loop."""
    message = ""
    listed: tuple[Session, ...] = ()
    free: int | None = None
    with suppress(OSError):
        free = shutil.disk_usage(folder.root).free
    try:
        listed = logbook.sessions(folder).sessions
    except (LogbookProblem, OSError) as problem:
        message = str(problem)
    return Past(tuple(list_datasets(folder.datasets)), listed, free, message)
