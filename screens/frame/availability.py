"""Which keys act now and what each does, from the table of phases and what this console is attached to."""

from __future__ import annotations

from collections.abc import Callable

from textual.actions import parse

from screens.desk.desk import Desk
from screens.frame import trial_availability
from screens.views import keys
from services.live import intents, protocol
from services.live.phases import BUSY, Phase, why_refused
from services.live.protocol import Code
from services.live.snapshots import Snapshot
from sessions.models import SessionKind, Verdict


def drives(desk: Desk) -> bool:
    """Whether a session runs and this console drives it."""
    return desk.live and desk.driving


def records(desk: Desk) -> bool:
    """Whether a recording session runs."""
    return desk.live and desk.kind is SessionKind.RECORD


def evaluates(desk: Desk) -> bool:
    """Whether an evaluation runs."""
    return desk.live and desk.kind is SessionKind.EVAL


def may_type(desk: Desk) -> bool:
    """Whether keys may go to a text field: not during takes and trials, nor while a verdict is pending."""
    return not desk.live or (desk.snapshot.phase not in BUSY and desk.snapshot.pending is None)


Rule = Callable[[Desk], bool]


def _by(intent: Callable[[Snapshot], protocol.Command | None]) -> Rule:
    """Available while this console drives and the intent has a command."""
    return lambda desk: drives(desk) and intent(desk.snapshot) is not None


def _or_when_idle(rule: Rule, otherwise: Rule = lambda desk: True) -> Rule:
    """`rule` while a session runs; without one, where the key starts a session, `otherwise`."""
    return lambda desk: rule(desk) if desk.live else otherwise(desk)


RULES: dict[str, Rule] = {
    "stop": lambda desk: desk.can_move,
    "take": _by(intents.take),
    "reject": _by(intents.mark),
    "pause": _by(intents.pause),
    "teleoperate": _or_when_idle(_by(intents.follow), lambda desk: bool(desk.profile.teleop)),
    "rest": _or_when_idle(_by(intents.rest)),
    "release": _or_when_idle(_by(intents.release)),
    "hold": lambda desk: not desk.live,
    "finish": _by(intents.finish),
    "take_over": lambda desk: desk.watching,
    "note": lambda desk: desk.live and may_type(desk),
    "new": lambda desk: not desk.live,
    "enlarge": lambda desk: (records(desk) or evaluates(desk)) and bool(desk.cameras),
    "details": lambda desk: records(desk) or evaluates(desk),
    "choose_bench": lambda desk: not desk.live and len(desk.benches.profiles) > 1,
    "trial": _by(intents.trial),
    "judge": _by(lambda snapshot: intents.judge(snapshot, Verdict.VOID, "")),
    "undo": _by(intents.undo),
    "annotate": _by(lambda snapshot: intents.annotate(snapshot, "")),
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
    """Whether `action` is available now; an action without a rule always is."""
    rule = RULES.get(parse(action)[1])
    return rule is None or rule(desk)


COMMANDS: dict[str, type[protocol.Command]] = {
    "pause": protocol.Follow,
    "teleoperate": protocol.Follow,
    "rest": protocol.GoToRest,
}
MISSING = {
    Code.NO_LEADER: "this session has no leader to follow",
    Code.NO_REST_POSE: "no rest pose is taught for this bench: `lab-console rest --teach` says how",
}
"""Obstacles that do not pass by waiting."""


def why_not(action: str, desk: Desk) -> str:
    """Why a key that is likely to be pressed does nothing now; empty if nothing should be shown."""
    if not drives(desk) or may(action, desk):
        return ""
    name, snapshot = parse(action)[1], desk.snapshot
    if evaluates(desk) and (why := trial_availability.why_not(name, snapshot)):
        return why
    if name == "take" and records(desk) and snapshot.phase is Phase.HELD:
        return f"the arm holds: {keys.PAUSE} follows again, then {keys.TAKE} starts a take"
    return MISSING.get(why_refused(snapshot, COMMANDS[name]), "") if name in COMMANDS else ""


def label(action: str, described: str, desk: Desk) -> str:
    """What a key does now, in a word or two; `described` is the label of its binding."""
    snapshot = desk.snapshot
    match parse(action):
        case (_, "take", _):
            return _take_label(snapshot)
        case (_, "trial", _):
            return trial_availability.label(snapshot)
        case (_, "reject", _) if not intents.last_take_accepted(snapshot):
            return "take back"
        case (_, "pause", _) if snapshot.phase is Phase.HELD:
            return "resume"
        case (_, "teleoperate", _) if desk.live:
            return "follow"
        case (_, "annotate", (int(digit),)):
            return trial_availability.mode(digit, snapshot) or described
        case _:
            return described


def _take_label(snapshot: Snapshot) -> str:
    if snapshot.phase is Phase.RECORDING:
        return f"end take {snapshot.take}"
    return "align" if snapshot.phase in intents.ALIGNS else f"start take {intents.next_take(snapshot)}"
