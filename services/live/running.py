"""The running sessions of a data folder, and which of them holds the arm of a bench. Reads disk, so use a thread.

Benches may share an arm: it is known by its device, not by the name of the bench.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.bench.device_locks import arm_keys
from services.bench.profiles import Profile
from services.folders import DataFolder, RunFolder
from services.live import metrics
from services.live.event_log import is_live, read_events
from services.live.requests import AnyRequest, EvalRequest, TrainRequest, read_request
from services.live.snapshots import Snapshot, advance, replay
from sessions.blinding import hidden
from sessions.locks import is_held
from sessions.models import SessionKind


@dataclass(frozen=True)
class Running:
    """A session whose worker is alive; `request` is None if it cannot be read.

    `arm` has the device keys of its arm; it is empty if they are unknown.
    """

    run: RunFolder
    snapshot: Snapshot
    request: AnyRequest | None = None
    arm: frozenset[str] = frozenset()

    @property
    def profile(self) -> Profile | None:
        """The bench that it runs on; None for a training, or if that is unknown."""
        return _profile(self.snapshot, self.request)

    def holds_arm_of(self, profile: Profile | None, arm: frozenset[str] = frozenset()) -> bool:
        """Whether it holds the arm of `profile`, whose device keys are `arm` (None: any arm). A training holds none.

        A session whose bench is unknown counts as holding any.
        """
        started, request = self.snapshot.started, self.request
        if started.kind is SessionKind.TRAIN if started is not None else isinstance(request, TrainRequest):
            return False
        bench = self.profile.name if self.profile else started.bench if started else ""
        return profile is None or not bench or bench == profile.name or bool(self.arm & arm)


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
    data_dir: Path = Path()

    def holder_of_arm(self, profile: Profile | None, *, but: Collection[str] = ()) -> Running | None:
        """The newest session that holds the arm of `profile` (None: any arm), leaving out the session ids in `but`."""
        others = [item for item in self.running if item.run.id not in but]
        arm = arm_keys(profile.robot, self.data_dir) if profile and others else frozenset()
        return next((item for item in others if item.holds_arm_of(profile, arm)), None)

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
                running.append(_running(run, folder.root))
        except OSError as error:
            unreadable.append(UnreadableRun(run, error.strerror or str(error)))
    return Runs(tuple(running), tuple(unreadable), folder.root)


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


def _running(run: RunFolder, data_dir: Path) -> Running:
    """The run's state from its events and, for a training, its newest log point. Raises OSError."""
    snapshot = replay(read_events(run.events))
    if snapshot.training is not None:
        point = metrics.newest(run.metrics, after=snapshot.training.step)
        snapshot = advance(snapshot, point) if point else snapshot
    try:
        request = read_request(run)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        request = None
    request = hidden(request) if isinstance(request, EvalRequest) and request.blinded else request
    profile = _profile(snapshot, request)
    return Running(run, snapshot, request, arm_keys(profile.robot, data_dir) if profile else frozenset())


def _profile(snapshot: Snapshot, request: AnyRequest | None) -> Profile | None:
    if snapshot.started is not None and snapshot.started.profile is not None:
        return snapshot.started.profile
    return None if request is None or isinstance(request, TrainRequest) else request.profile
