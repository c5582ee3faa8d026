"""Which keys of an evaluation act now, and what to say of one that does not. Pure: from the snapshot."""

from __future__ import annotations

from screens.views.signs import clean
from screens.views.trials import VERDICT_KEYS, modes, upcoming
from services.live.snapshots import Phase, Snapshot
from sessions.models import Verdict
from sessions.trials import place

UNDER_WAY = frozenset({Phase.STARTING, Phase.ALIGNING, Phase.RUNNING, Phase.ENDED})
"""Between these the last trial's verdict may still be changed."""


def trial(snapshot: Snapshot) -> bool:
    """Space starts the next trial, or ends the one that runs."""
    from services.evaluation.plan import can_start  # late: Bench reads these rules and needs no checkpoints

    return snapshot.phase is Phase.RUNNING or can_start(snapshot)


def judge(snapshot: Snapshot) -> bool:
    """There is a trial to judge: the one that runs, or one that waits for its verdict."""
    from services.evaluation.plan import can_judge

    return can_judge(snapshot)


def undo(snapshot: Snapshot) -> bool:
    """The last trial has a verdict, and the next one has not begun."""
    last = snapshot.trial
    return last is not None and last.verdict is not None and snapshot.phase not in UNDER_WAY


def annotate(snapshot: Snapshot) -> bool:
    """The last trial failed, and the next one has not begun."""
    last = snapshot.trial
    return last is not None and last.verdict is Verdict.FAILURE and snapshot.phase not in UNDER_WAY


def label(snapshot: Snapshot) -> str:
    """What space does now."""
    if snapshot.phase is Phase.RUNNING:
        return f"end trial {upcoming(snapshot)}"
    return f"start trial {upcoming(snapshot)}"


def mode(action: str, snapshot: Snapshot) -> str:
    """The failure mode that `annotate(3)` says; empty where there is none."""
    named = modes(snapshot)
    digit = int(action.removeprefix("annotate(").removesuffix(")"))
    return clean(named[digit - 1], 16) if digit <= len(named) else ""


def why_not(action: str, snapshot: Snapshot) -> str:
    """Why a key of the evaluation does nothing now, and what to press instead."""
    match action:
        case "trial":
            return _no_trial(snapshot)
        case "judge":
            return _no_verdict(snapshot)
        case "undo":
            if snapshot.trial is None:
                return "nothing to undo: no trial has been judged yet"
            if snapshot.phase in UNDER_WAY:
                return "the next trial has begun: the verdict before it stays"
            return "nothing to undo: the verdict is not given yet"
        case "annotate":
            return "a failure mode says how a trial failed: f first, then its number"
        case "note" if snapshot.pending is not None:
            return f"judge trial {place(snapshot.trials, snapshot.pending.index)} first: {VERDICT_KEYS}; then n"
        case "pause":
            return "an evaluation has no pause: Esc or x stops the arm, g goes to rest"
        case _:
            return ""


def _no_trial(snapshot: Snapshot) -> str:
    number = upcoming(snapshot)
    if snapshot.pending is not None:
        return f"judge trial {place(snapshot.trials, snapshot.pending.index)} first: {VERDICT_KEYS}"
    match snapshot.phase:
        case Phase.HELD:
            return f"the arm holds: g goes to rest, then space starts trial {number}"
        case Phase.RESTING:
            return f"the arm goes to rest first, then space starts trial {number}"
        case Phase.RELEASING:
            return "the arm is being lowered: wait until it is released"
        case Phase.ALIGNING:
            return f"trial {number} begins once the arm is where it starts"
        case _:
            return ""


def _no_verdict(snapshot: Snapshot) -> str:
    if snapshot.trial is None or snapshot.phase is Phase.ALIGNING:
        return "nothing to judge yet: no trial runs"
    return f"nothing to judge: trial {place(snapshot.trials, snapshot.trial.index)} has its verdict, u takes it back"
