"""What the keys of an evaluation do now, and why one does nothing. Pure: from the snapshot."""

from __future__ import annotations

from screens.views import keys
from screens.views.signs import clean
from screens.views.trials import modes, upcoming
from services.live import intents, protocol
from services.live.phases import Phase, obstacles, why_refused
from services.live.protocol import Code
from services.live.snapshots import Snapshot
from sessions.models import Trial
from sessions.trials import place


def label(snapshot: Snapshot) -> str:
    """What the trial key does now."""
    if snapshot.phase is Phase.RUNNING:
        return f"end trial {upcoming(snapshot)}"
    return f"start trial {upcoming(snapshot)}"


def lead(snapshot: Snapshot) -> str:
    """What the key of the leader does now."""
    return "hold" if snapshot.phase is Phase.RESET else "follow"


def assist(snapshot: Snapshot) -> str:
    """What the key of help does now."""
    return "not helped" if snapshot.trial is not None and snapshot.trial.assisted else "helped"


def mode(digit: int, snapshot: Snapshot) -> str:
    """The failure mode of a digit; empty if there is none."""
    named = modes(snapshot)
    return clean(named[digit - 1], 16) if digit <= len(named) else ""


def _no_preflight(snapshot: Snapshot) -> str:
    if snapshot.running:
        return f"the preflight is not through yet: {keys.PREFLIGHT} shows it then"
    return "there is no preflight to show"


def why_not(name: str, snapshot: Snapshot) -> str:
    """Why a key of the evaluation does nothing now, and what to press instead."""
    match name:
        case "practice" if snapshot.phase is Phase.RUNNING:
            return "a trial runs: it counts or not from its start on"
        case "trial" | "practice" | "preflight":
            return _no_preflight(snapshot) if name == "preflight" else _no_trial(snapshot)
        case "judge":
            return _no_verdict(snapshot)
        case "undo":
            return _no_undo(snapshot)
        case "annotate" | "new_mode":
            return _no_mode(snapshot)
        case "unblind":
            return _no_unblinding(snapshot)
        case "stage" if why_refused(snapshot, protocol.ReachStage) is Code.NO_STAGES:
            return "this task has no stages: `stages` under its [[tasks]] in lab.toml names them"
        case "stage" | "assist":
            return "no trial runs, and none waits for its verdict"
        case "note" if snapshot.pending is not None:
            return f"{_judge_first(snapshot.pending, snapshot)}; then {keys.NOTE}"
        case "pause":
            return _no_lead(snapshot)
        case _:
            return ""


def _no_undo(snapshot: Snapshot) -> str:
    if snapshot.trial is None:
        return "nothing to undo: no trial has been judged yet"
    if why_refused(snapshot, protocol.UndoVerdict) is Code.WRONG_PHASE:
        return "the next trial has begun: the verdict before it stays"
    return "nothing to undo: the verdict is not given yet"


def _no_unblinding(snapshot: Snapshot) -> str:
    if why_refused(snapshot, protocol.Unblind) is Code.NOT_BLINDED:
        return "no policy is hidden here"
    if snapshot.pending is not None:
        return _judge_first(snapshot.pending, snapshot)
    return "a trial runs: which policy is which can be told after it"


def _no_mode(snapshot: Snapshot) -> str:
    if intents.annotate(snapshot, "") is not None:  # a digit would act, but the arm moves
        return f"the arm moves: {keys.NEW_MODE} types a failure mode once it stands"
    return f"a failure mode says how a trial failed: {keys.FAILURE} first, then its number"


def _no_lead(snapshot: Snapshot) -> str:
    if Code.NO_LEADER in obstacles(snapshot):
        return f"an evaluation has no pause: Esc or x stops the arm, {keys.REST} goes to rest"
    return f"the leader resets the arm between trials: {keys.PAUSE} follows it once the arm stands"


def _judge_first(pending: Trial, snapshot: Snapshot) -> str:
    return f"judge trial {place(snapshot.trials, pending.index)} first: {keys.verdicts()}"


def _no_trial(snapshot: Snapshot) -> str:
    number = upcoming(snapshot)
    if why_refused(snapshot, protocol.StartTrial) is Code.PREFLIGHT:
        return f"the preflight is bad: {keys.PREFLIGHT} shows what, and what mends it"
    if snapshot.pending is not None:
        return _judge_first(snapshot.pending, snapshot)
    match snapshot.phase:
        case Phase.HELD:
            return f"the arm holds: {keys.REST} goes to rest, then {keys.TRIAL} starts trial {number}"
        case Phase.RESTING:
            return f"the arm goes to rest first, then {keys.TRIAL} starts trial {number}"
        case Phase.RESET:
            return f"the arm follows the leader: {keys.PAUSE} holds it, then {keys.TRIAL} starts trial {number}"
        case Phase.RELEASING:
            return "the arm is being lowered: wait until it is released"
        case Phase.ALIGNING:
            return f"trial {number} begins once the arm is where it starts"
        case _:
            return ""


def _no_verdict(snapshot: Snapshot) -> str:
    if snapshot.trial is None or snapshot.phase is Phase.ALIGNING:
        return "nothing to judge yet: no trial runs"
    number = place(snapshot.trials, snapshot.trial.index)
    return f"nothing to judge: trial {number} has its verdict, {keys.UNDO} takes it back"
