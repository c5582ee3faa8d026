"""What a key asks for now: the command that it sends, or None where no key offers one. Pure: from the snapshot.

Screens grey a key out where its intent is None; the services send what it is.
"""

from __future__ import annotations

from services.live import protocol
from services.live.phases import Phase, offered
from services.live.protocol import Command
from services.live.reasons import StopCause
from services.live.snapshots import Snapshot
from sessions.models import SessionKind, Verdict

ALIGNS = frozenset({Phase.IDLE, Phase.RESTED, Phase.RELEASED})
"""Here the key of a take first brings the follower to the leader; after a stop that is for the key of a pause."""


def _of(snapshot: Snapshot, kind: SessionKind) -> bool:
    return snapshot.started is not None and snapshot.started.kind is kind


def _offer[Asked: Command](snapshot: Snapshot, command: Asked) -> Asked | None:
    return command if offered(snapshot, type(command)) else None


# --- any arm ----------------------------------------------------------------------------------------


def follow(snapshot: Snapshot) -> Command | None:
    """Teleoperate without recording."""
    return _offer(snapshot, protocol.Follow()) if _of(snapshot, SessionKind.BENCH) else None


def pause(snapshot: Snapshot) -> Command | None:
    """Hold while following; follow again (ramped) when held. An evaluation does not resume."""
    if _of(snapshot, SessionKind.EVAL):
        return None
    if snapshot.phase.following:
        return _offer(snapshot, protocol.Stop(cause=StopCause.PAUSED))
    return _offer(snapshot, protocol.Follow()) if snapshot.phase is Phase.HELD else None


def rest(snapshot: Snapshot) -> Command | None:
    """Open the gripper, lift, move to rest."""
    return _offer(snapshot, protocol.GoToRest())


def release(snapshot: Snapshot) -> Command | None:
    """Lower the arm and cut torque; for a person who has confirmed it."""
    return _offer(snapshot, protocol.Release(confirmed=True))


def finish(snapshot: Snapshot) -> Command | None:
    """End the session in order; of a training, with a checkpoint."""
    return _offer(snapshot, protocol.Finish())


# --- takes ------------------------------------------------------------------------------------------


def next_take(snapshot: Snapshot) -> int:
    """The number that the next take of this session gets."""
    return snapshot.take + 1


def last_take_accepted(snapshot: Snapshot) -> bool:
    """Whether the running take, or the last one, stands as accepted."""
    for episode in reversed(snapshot.episodes):
        if episode.take == snapshot.take:
            return episode.accepted
    return snapshot.take_accepted


def take(snapshot: Snapshot) -> Command | None:
    """Align, start the next take, or end the one that runs."""
    if not _of(snapshot, SessionKind.RECORD):
        return None
    if snapshot.phase in ALIGNS:
        return _offer(snapshot, protocol.Follow())
    ending = _offer(snapshot, protocol.EndTake(take=snapshot.take))
    return ending or _offer(snapshot, protocol.StartTake(take=next_take(snapshot)))


def mark(snapshot: Snapshot) -> Command | None:
    """Reject the running take, or the last one afterwards; once more takes it back."""
    return _offer(snapshot, protocol.MarkTake(take=snapshot.take, accepted=not last_take_accepted(snapshot)))


# --- trials -----------------------------------------------------------------------------------------


def next_trial(snapshot: Snapshot) -> int:
    """The number that the next trial of this session gets."""
    return snapshot.trial.index + 1 if snapshot.trial else 1


def _last(snapshot: Snapshot) -> int:
    return snapshot.trial.index if snapshot.trial else 0


def trial(snapshot: Snapshot) -> Command | None:
    """Start the next trial, or end the one that runs."""
    ending = _offer(snapshot, protocol.EndTrial(trial=_last(snapshot)))
    return ending or _offer(snapshot, protocol.StartTrial(trial=next_trial(snapshot)))


def judge(snapshot: Snapshot, verdict: Verdict, judge: str) -> Command | None:
    """The verdict on the trial that runs, which it ends, or on the one that waits."""
    return _offer(snapshot, protocol.JudgeTrial(trial=_last(snapshot), verdict=verdict, judge=judge))


def undo(snapshot: Snapshot) -> Command | None:
    """Take the last verdict back, before the next trial."""
    return _offer(snapshot, protocol.UndoVerdict(trial=_last(snapshot)))


def annotate(snapshot: Snapshot, failure_mode: str) -> Command | None:
    """Say how the last trial failed, before the next one."""
    return _offer(snapshot, protocol.AnnotateTrial(trial=_last(snapshot), failure_mode=failure_mode))
