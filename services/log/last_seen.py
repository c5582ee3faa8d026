"""What is known of an arm that no session has: how the last session that had it left it. Reads disk: use a thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.bench.device_locks import arm_keys
from services.bench.profiles import Profile
from services.folders import DataFolder
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.snapshots import Snapshot, replay
from sessions.document import Session
from sessions.models import SessionStatus

NO_TORQUE = frozenset({Phase.RELEASED, Phase.LIMP})


@dataclass(frozen=True)
class LastSeen:
    """How an arm was left at `at` (Unix time): knowledge of then, not of now.

    `torque` is None if it was not known, or not the same at all motors. `at_rest`: it was measured at its rest pose.
    `phase` is the one in which the session ended.
    """

    session: Session
    at: float
    phase: Phase
    torque: bool | None
    at_rest: bool

    @property
    def crashed(self) -> bool:
        """Whether nothing was said at the end: the arm goes on as its motors were last told."""
        return self.session.status is SessionStatus.CRASHED


def last_seen(folder: DataFolder, listed: Iterable[Session], profile: Profile) -> LastSeen | None:
    """How the newest of the `listed` sessions (newest first) that connected the arm of `profile` left it.

    None if none is known. A session whose events cannot be read is passed over.
    """
    arm = arm_keys(profile.robot, folder.root)
    for session in listed:
        if session.ended is None or session.connected is None or not _has(session, profile, arm, folder):
            continue
        try:
            return left_by(session, replay(read_events(folder.run(session.id).events)))
        except OSError:
            continue
    return None


def left_by(session: Session, snapshot: Snapshot) -> LastSeen | None:
    """How a session, over by now, left its arm, from its events; None if they do not tell."""
    if snapshot.ended is None or snapshot.ended_in is None:
        return None
    phase, left = snapshot.ended_in, snapshot.left
    if left is not None:
        return LastSeen(session, left.at or snapshot.ended_at, phase, left.torque, left.at_rest)
    return LastSeen(session, snapshot.ended_at, phase, _torque_in(phase), phase is Phase.RESTED)


def _torque_in(phase: Phase) -> bool | None:
    """The torque in the last phase, where the end itself is not known."""
    return None if phase is Phase.STARTING else phase not in NO_TORQUE


def _has(session: Session, profile: Profile, arm: frozenset[str], folder: DataFolder) -> bool:
    """Whether the session has this arm, perhaps under another bench's name."""
    own = session.started.profile
    if own is None:
        return False
    return own.name == profile.name or bool(arm & arm_keys(own.robot, folder.root))
