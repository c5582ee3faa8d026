"""Intents: the command that a key would send now, or None if it is not offered. Pure functions of the snapshot.

Screens grey out a key whose intent is None; services send the command.
"""

from __future__ import annotations

from services.live import protocol
from services.live.phases import Phase, offered
from services.live.preflights import newest
from services.live.protocol import Command
from services.live.reasons import StopCause
from services.live.snapshots import Snapshot
from sessions.models import SessionKind, Verdict

ALIGNS = frozenset({Phase.IDLE, Phase.RESTED, Phase.RELEASED})
"""Phases in which the take key first aligns the follower to the leader. After a stop, the pause key does that."""


def _is_kind(snapshot: Snapshot, kind: SessionKind) -> bool:
    return snapshot.started is not None and snapshot.started.kind is kind


def _offer[Offered: Command](snapshot: Snapshot, command: Offered) -> Offered | None:
    return command if offered(snapshot, type(command)) else None


# --- any arm ----------------------------------------------------------------------------------------


def follow(snapshot: Snapshot) -> Command | None:
    """Teleoperate without recording."""
    return _offer(snapshot, protocol.Follow()) if _is_kind(snapshot, SessionKind.BENCH) else None


def pause(snapshot: Snapshot) -> Command | None:
    """Hold while following; follow again (ramped) when held. An evaluation does so to be reset by its leader."""
    if _is_kind(snapshot, SessionKind.EVAL):
        return _offer(snapshot, protocol.EndReset()) or _offer(snapshot, protocol.Follow())
    if snapshot.phase.following:
        return _offer(snapshot, protocol.Stop(cause=StopCause.PAUSED))
    return _offer(snapshot, protocol.Follow()) if snapshot.phase is Phase.HELD else None


def rest(snapshot: Snapshot) -> Command | None:
    """Open the gripper, lift, move to rest."""
    return _offer(snapshot, protocol.GoToRest())


def release(snapshot: Snapshot) -> Command | None:
    """Lower the arm and cut torque; only after a person confirmed it."""
    return _offer(snapshot, protocol.Release(confirmed=True))


def finish(snapshot: Snapshot) -> Command | None:
    """End the session in order; a training saves a checkpoint first."""
    return _offer(snapshot, protocol.Finish())


# --- takes ------------------------------------------------------------------------------------------


def next_take(snapshot: Snapshot) -> int:
    """The number of this session's next take."""
    return snapshot.take + 1


def last_take_accepted(snapshot: Snapshot) -> bool:
    """Whether the running take, or else the last one, is accepted."""
    for episode in reversed(snapshot.episodes):
        if episode.take == snapshot.take:
            return episode.accepted
    return snapshot.take_accepted


def take(snapshot: Snapshot) -> Command | None:
    """Align, start the next take, or end the running one."""
    if not _is_kind(snapshot, SessionKind.RECORD):
        return None
    if snapshot.phase in ALIGNS:
        return _offer(snapshot, protocol.Follow())
    ending = _offer(snapshot, protocol.EndTake(take=snapshot.take))
    return ending or _offer(snapshot, protocol.StartTake(take=next_take(snapshot)))


def mark(snapshot: Snapshot) -> Command | None:
    """Reject the running take, or else the last one; a second time undoes it."""
    return _offer(snapshot, protocol.MarkTake(take=snapshot.take, accepted=not last_take_accepted(snapshot)))


def moment(snapshot: Snapshot) -> Command | None:
    """Mark this moment of the running take."""
    return _offer(snapshot, protocol.MarkMoment(take=snapshot.take))


# --- trials -----------------------------------------------------------------------------------------


def next_trial(snapshot: Snapshot) -> int:
    """The number of this session's next trial."""
    return snapshot.trial.index + 1 if snapshot.trial else 1


def _last_trial(snapshot: Snapshot) -> int:
    return snapshot.trial.index if snapshot.trial else 0


def trial(snapshot: Snapshot) -> Command | None:
    """Start the next trial, or end the running one."""
    ending = _offer(snapshot, protocol.EndTrial(trial=_last_trial(snapshot)))
    return ending or _offer(snapshot, protocol.StartTrial(trial=next_trial(snapshot)))


def practice(snapshot: Snapshot) -> Command | None:
    """Start a trial that does not count; None while one runs."""
    if _offer(snapshot, protocol.EndTrial(trial=_last_trial(snapshot))):
        return None
    return _offer(snapshot, protocol.StartTrial(trial=next_trial(snapshot), practice=True))


def preflight(snapshot: Snapshot) -> Command | None:
    """Look at bench, policy and data again."""
    return _offer(snapshot, protocol.MakePreflight())


def confirm_preflight(snapshot: Snapshot, by: str) -> Command | None:
    """Let trials begin although the newest preflight is bad."""
    made = newest(snapshot.preflights)
    return _offer(snapshot, protocol.ConfirmPreflight(preflight=made.preflight if made else 0, by=by))


def unblind(snapshot: Snapshot, by: str, reason: str = "") -> Command | None:
    """Tell what the codes stand for."""
    return _offer(snapshot, protocol.Unblind(by=by, reason=reason))


def judge(snapshot: Snapshot, verdict: Verdict, judge: str) -> protocol.JudgeTrial | None:
    """Judge the running trial, which ends it, or the one that awaits its verdict."""
    return _offer(snapshot, protocol.JudgeTrial(trial=_last_trial(snapshot), verdict=verdict, judge=judge))


def undo(snapshot: Snapshot) -> Command | None:
    """Undo the last verdict, before the next trial."""
    return _offer(snapshot, protocol.UndoVerdict(trial=_last_trial(snapshot)))


def assist(snapshot: Snapshot) -> Command | None:
    """Note that a person helped in the running or the pending trial; a second time undoes it."""
    trial = snapshot.trial
    return _offer(snapshot, protocol.AssistTrial(trial=_last_trial(snapshot), assisted=not (trial and trial.assisted)))


def stage(snapshot: Snapshot, step: int) -> Command | None:
    """One stage more (`step` 1) or fewer (-1) of the running or the pending trial; None at the ends."""
    started = snapshot.started
    profile = started.profile if started else None
    if started is None or profile is None or snapshot.trial is None:
        return None
    wanted = len(snapshot.trial.stages) + step
    if not 0 <= wanted <= len(profile.stages(started.task)):
        return None
    return _offer(snapshot, protocol.ReachStage(trial=_last_trial(snapshot), stages=wanted))


def annotate(snapshot: Snapshot, failure_mode: str) -> Command | None:
    """Set the failure mode of the last trial, before the next one."""
    return _offer(snapshot, protocol.AnnotateTrial(trial=_last_trial(snapshot), failure_mode=failure_mode))
