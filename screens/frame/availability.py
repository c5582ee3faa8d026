"""Which keys act now: one rule per action, read by bindings, footer, key list and palette alike."""

from __future__ import annotations

from collections.abc import Callable

from screens.desk.desk import Desk
from screens.frame import trial_availability
from services.arm_commands import can_release
from services.live.snapshots import Phase, Snapshot
from sessions.models import SessionKind

BUSY = frozenset(
    {Phase.ALIGNING, Phase.RECORDING, Phase.RUNNING, Phase.JUDGING, Phase.RESTING, Phase.RELEASING, Phase.STARTING}
)
"""While one of these lasts nobody types: no note, no filter, no form."""
ALIGNS = frozenset({Phase.IDLE, Phase.RESTED, Phase.RELEASED})
STARTS = ALIGNS | {Phase.READY, Phase.RESET, Phase.DONE}
STILL = frozenset({Phase.IDLE, Phase.RESTED, Phase.HELD, Phase.RELEASED})
RESTS = frozenset({Phase.IDLE, Phase.HELD, Phase.JUDGING, Phase.READY, Phase.RESET, Phase.DONE})


def drives(desk: Desk) -> bool:
    """A session runs and this console drives it."""
    return desk.live and desk.driving


def records(desk: Desk) -> bool:
    """A recording session runs."""
    return desk.live and desk.kind is SessionKind.RECORD


def evaluates(desk: Desk) -> bool:
    """An evaluation runs."""
    return desk.live and desk.kind is SessionKind.EVAL


def may_type(desk: Desk) -> bool:
    """Between takes and trials only: keys may go to a text, and no verdict waits for its letter."""
    return not desk.live or (desk.snapshot.phase not in BUSY and desk.snapshot.pending is None)


def _take(desk: Desk) -> bool:
    return drives(desk) and records(desk) and desk.snapshot.phase in STARTS | {Phase.RECORDING}


def _reject(desk: Desk) -> bool:
    return drives(desk) and records(desk) and desk.snapshot.take > 0


def _pause(desk: Desk) -> bool:
    phase = desk.snapshot.phase
    return drives(desk) and not evaluates(desk) and (phase.following or phase is Phase.HELD)


def _teleoperate(desk: Desk) -> bool:
    if not desk.live:
        return bool(desk.profile.teleop)
    return drives(desk) and desk.kind is SessionKind.BENCH and desk.snapshot.phase in STILL


def _rest(desk: Desk) -> bool:
    phase = desk.snapshot.phase
    lies = evaluates(desk) and phase is Phase.DONE  # there it went to rest by itself
    return not desk.live or (drives(desk) and phase in RESTS and not lies)


def _release(desk: Desk) -> bool:
    phase = desk.snapshot.phase
    return not desk.live or (drives(desk) and (can_release(phase) or phase is Phase.JUDGING))


def _finish(desk: Desk) -> bool:
    return drives(desk) and desk.snapshot.phase not in (Phase.RECORDING, Phase.RUNNING, Phase.STARTING, Phase.ENDED)


def _in_eval(rule: Callable[[Snapshot], bool]) -> Callable[[Desk], bool]:
    return lambda desk: drives(desk) and evaluates(desk) and rule(desk.snapshot)


RULES: dict[str, Callable[[Desk], bool]] = {
    "stop": lambda desk: desk.can_move,
    "take": _take,
    "reject": _reject,
    "pause": _pause,
    "teleoperate": _teleoperate,
    "rest": _rest,
    "release": _release,
    "hold": lambda desk: not desk.live,
    "finish": _finish,
    "take_over": lambda desk: desk.watching,
    "note": lambda desk: desk.live and may_type(desk),
    "new": lambda desk: not desk.live,
    "enlarge": lambda desk: (records(desk) or evaluates(desk)) and bool(desk.cameras),
    "details": lambda desk: records(desk) or evaluates(desk),
    "choose_bench": lambda desk: not desk.live and len(desk.benches.profiles) > 1,
    "trial": _in_eval(trial_availability.trial),
    "judge": _in_eval(trial_availability.judge),
    "undo": _in_eval(trial_availability.undo),
    "annotate": _in_eval(trial_availability.annotate),
    "new_run": may_type,
    "stop_training": lambda desk: desk.training.can_stop,
    "zoom": lambda desk: desk.training.shown,
    "log_axis": lambda desk: desk.training.shown,
    "panels": lambda desk: desk.training.shown,
    "read_off": lambda desk: desk.training.curves is not None and len(desk.training.curves) > 0,
    "choose_checkpoint": lambda desk: desk.training.checkpoints > 1,
    "evaluate_checkpoint": lambda desk: desk.training.checkpoints > 0,
    "note_to_run": lambda desk: desk.training.run is not None and may_type(desk),
}


def may(action: str, desk: Desk) -> bool:
    """Whether `action` can be done now; an action without a rule always can."""
    rule = RULES.get(action.partition("(")[0])
    return rule is None or rule(desk)


def why_not(action: str, desk: Desk) -> str:
    """What to say of a key that does nothing now but is likely to be pressed; empty where silence is right."""
    if not drives(desk) or may(action, desk):
        return ""
    if evaluates(desk):
        return trial_availability.why_not(action.partition("(")[0], desk.snapshot)
    if action == "take" and records(desk) and desk.snapshot.phase is Phase.HELD:
        return "the arm holds: p follows again, then space starts a take"
    return ""


def label(action: str, described: str, desk: Desk) -> str:
    """What a key does now, in a word or two."""
    snapshot = desk.snapshot
    match action:
        case "take":
            return _take_label(snapshot)
        case "trial":
            return trial_availability.label(snapshot)
        case "reject" if not last_take_accepted(snapshot):
            return "take back"
        case "pause" if snapshot.phase is Phase.HELD:
            return "resume"
        case "teleoperate" if desk.live:
            return "follow"
        case _ if action.startswith("annotate("):
            return trial_availability.mode(action, snapshot) or described
        case _:
            return described


def _take_label(snapshot: Snapshot) -> str:
    if snapshot.phase is Phase.RECORDING:
        return f"end take {snapshot.take}"
    return "align" if snapshot.phase in ALIGNS else f"start take {snapshot.take + 1}"


def last_take_accepted(snapshot: Snapshot) -> bool:
    """As services.recording.plan says it; imported late, since Bench needs no datasets."""
    from services.recording import plan as recording

    return recording.last_take_accepted(snapshot)
