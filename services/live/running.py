"""The running sessions of a data folder, and which of them holds the arm of a bench. Reads disk, so use a thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import msgspec

from services.folders import DataFolder, RunFolder
from services.live import metrics
from services.live.event_log import is_live, read_events
from services.live.requests import AnyRequest, TrainRequest, read_request
from services.live.snapshots import Snapshot, advance, replay
from sessions.locks import is_held
from sessions.models import SessionKind


@dataclass(frozen=True)
class Running:
    """A session whose worker is alive; `request` is None if it cannot be read."""

    run: RunFolder
    snapshot: Snapshot
    request: AnyRequest | None = None

    def holds_arm_of(self, bench: str | None) -> bool:
        """Whether it holds the arm of `bench` (None: any arm). A training holds none.

        A session whose bench is unknown counts as holding any.
        """
        started, request = self.snapshot.started, self.request
        if started is not None:
            return started.kind is not SessionKind.TRAIN and (bench in (None, started.bench) or not started.bench)
        if isinstance(request, TrainRequest):
            return False
        return request is None or bench in (None, request.profile.name)


@dataclass(frozen=True)
class UnreadableRun:
    """A run whose files cannot be read, so that it is unknown whether its worker is alive."""

    run: RunFolder
    why: str


@dataclass(frozen=True)
class Runs:
    """The running sessions, newest first, and the runs that cannot be read."""

    running: tuple[Running, ...] = ()
    unreadable: tuple[UnreadableRun, ...] = ()

    def holder_of_arm(self, bench: str | None, *, but: Collection[str] = ()) -> Running | None:
        """The newest session that holds the arm of `bench` (None: any arm), leaving out the session ids in `but`."""
        return next((r for r in self.running if r.run.id not in but and r.holds_arm_of(bench)), None)

    @property
    def problem(self) -> str:
        """A sentence on which runs cannot be read and why; empty if all can."""
        return unreadable_runs({item.run.id: item.why for item in self.unreadable})


def find_runs(folder: DataFolder) -> Runs:
    """Inspect every run of the folder; an unreadable one does not hide the others."""
    running: list[Running] = []
    unreadable: list[UnreadableRun] = []
    for run in run_folders(folder):
        try:
            if is_held(run.events):
                running.append(_running(run))
        except OSError as error:
            unreadable.append(UnreadableRun(run, error.strerror or str(error)))
    return Runs(tuple(running), tuple(unreadable))


def live_runs(folder: DataFolder) -> list[RunFolder]:
    """The runs whose worker is alive, newest first."""
    return [run for run in run_folders(folder) if is_live(run)]


def run_folders(folder: DataFolder) -> Iterator[RunFolder]:
    """Every run, newest first, live or not."""
    return map(RunFolder, sorted((path for path in folder.runs.glob("*") if path.is_dir()), reverse=True))


def unreadable_runs(why: dict[str, str]) -> str:
    """A sentence on the runs that are left out; `why` maps their ids to reasons. Empty if there are none."""
    if not why:
        return ""
    run, reason = max(why.items())
    more = f" and {len(why) - 1} more" if len(why) > 1 else ""
    return f"run {run}{more} cannot be read ({reason}) and is left out: see to its owner and permissions"


def _running(run: RunFolder) -> Running:
    """The run's state from its events and, for a training, its newest log point. Raises OSError."""
    snapshot = replay(read_events(run.events))
    if snapshot.training is not None:
        point = metrics.newest(run.metrics, after=snapshot.training.step)
        snapshot = advance(snapshot, point) if point else snapshot
    try:
        request = read_request(run)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        request = None
    return Running(run, snapshot, request)
