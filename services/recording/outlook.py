"""What a recording will take and meet, as far as the past tells: room on the disk, calibration, dark cameras. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.bench.profiles import Profile
from services.datasets.names import ROLLOUT
from services.datasets.summary import DatasetSummary
from services.log import headline
from sessions.document import Session
from sessions.models import SessionKind


@dataclass(frozen=True)
class Rate:
    """Bytes on disk per second of episodes, as in the dataset called `dataset`."""

    bytes_per_second: float
    dataset: str


def rate(datasets: Iterable[DatasetSummary], name: str, cameras: Iterable[str]) -> Rate | None:
    """The rate of the dataset of this name, else of the newest recorded one with the same cameras; None if unknown."""
    known = [
        d for d in datasets if d.frames and d.fps > 0 and d.bytes and not d.name.rpartition("/")[2].startswith(ROLLOUT)
    ]
    same = [d for d in known if set(d.cameras) == set(cameras)]
    found = next((d for d in known if d.name == name), same[0] if same else None)
    return Rate(found.bytes / found.seconds, found.name) if found else None


def recalibrated(sessions: Sequence[Session], dataset: str, profile: Profile) -> tuple[str, ...]:
    """The arms whose calibration changed since the dataset's newest session at this bench, as far as the log tells."""
    before = _calibration(s for s in sessions if s.dataset == dataset and s.kind is SessionKind.RECORD)
    now = _calibration(s for s in sessions if s.bench == profile.name)
    return tuple(sorted(arm for arm in before.keys() & now.keys() if before[arm] != now[arm]))


def _calibration(sessions: Iterable[Session]) -> Mapping[str, str]:
    """The calibrations of the newest session that has some."""
    return next((s.connected.calibration for s in sessions if s.connected and s.connected.calibration), {})


def camera_alarms(sessions: Iterable[Session], profile: Profile) -> tuple[str, ...]:
    """The alarms about cameras in the newest session at this bench that had an arm, each once."""
    last = next((s for s in sessions if s.bench == profile.name and s.kind is not SessionKind.TRAIN), None)
    found = headline.camera_alarms(last) if last else ()
    return tuple(text for camera, text in found if camera in profile.pictures)
