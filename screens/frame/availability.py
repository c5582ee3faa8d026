"""Which keys act now and what each does, from the table of phases and what this console is attached to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from textual.actions import parse

from screens.desk.desk import Desk
from screens.frame import trial_availability
from screens.views import keys
from services.live import intents, protocol
from services.live.phases import BUSY, Phase, obstacles, why_refused
from services.live.preflights import newest
from services.live.protocol import Code
from services.live.snapshots import Snapshot
from services.training import resumable
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
    "next_alarm": lambda desk: len(desk.snapshot.alarms) + len(desk.training.snapshot.alarms) > 1,
    "take": _by(intents.take),
    "reject": _by(intents.mark),
    "mark_moment": _by(intents.moment),
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
    "ghost": lambda desk: (records(desk) or evaluates(desk)) and bool(desk.cameras) and not desk.works,
    "choose_ghost": lambda desk: may("ghost", desk) and may_type(desk),
    "look_at_last": lambda desk: bool(desk.snapshot.episodes) and not desk.works,
    "details": lambda desk: records(desk) or evaluates(desk),
    "choose_bench": lambda desk: not desk.live and len(desk.benches.profiles) > 1,
    "trial": _by(intents.trial),
    "practice": _by(intents.practice),
    "look_again": _by(intents.preflight),
    "confirm_preflight": _by(lambda snapshot: intents.confirm_preflight(snapshot, "")),
    "preflight": lambda desk: newest(desk.snapshot.preflights) is not None,
    "judge": _by(lambda snapshot: intents.judge(snapshot, Verdict.VOID, "")),
    "undo": _by(intents.undo),
    "annotate": _by(lambda snapshot: intents.annotate(snapshot, "")),
    "new_mode": lambda desk: _by(lambda snapshot: intents.annotate(snapshot, ""))(desk) and may_type(desk),
    "assist": _by(intents.assist),
    "unblind": _by(lambda snapshot: intents.unblind(snapshot, "")),
    "stage": _by(lambda snapshot: intents.stage(snapshot, 1) or intents.stage(snapshot, -1)),
    "new_run": may_type,
    "stop_training": lambda desk: desk.training.can_stop,
    "resume_run": lambda desk: desk.runs.shown.exists and not _no_resume(desk),
    "zoom": lambda desk: desk.runs.shown.exists,
    "log_axis": lambda desk: desk.runs.shown.exists,
    "compare": lambda desk: desk.runs.shown.exists,
    "axis": lambda desk: desk.runs.shown.points > 1,
    "further": lambda desk: desk.runs.shown.points > 0,
    "range": lambda desk: desk.runs.shown.points > 1,
    "panels": lambda desk: desk.runs.shown.exists,
    "smooth": lambda desk: desk.runs.shown.points > 1,
    "read_off": lambda desk: desk.runs.shown.points > 0,
    "whole_range": lambda desk: desk.runs.shown.points > 1,
    "walk": lambda desk: desk.runs.shown.exists,
    "other_list": lambda desk: desk.runs.shown.exists,
    "open_run": lambda desk: bool(desk.runs.runs),
    "overlay": lambda desk: len(desk.runs.runs) > 1,
    "evaluate_checkpoint": lambda desk: desk.runs.shown.evaluable,
    "keep_run": lambda desk: desk.runs.shown.watched is not None and desk.runs.shown.points > 0,
    "note_to_run": lambda desk: desk.training.run is not None and may_type(desk),
}


def may(action: str, desk: Desk) -> bool:
    """Whether `action` is available now; an action without a rule always is."""
    rule = RULES.get(parse(action)[1])
    return rule is None or rule(desk)


# --- the footer's places ------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Cells that the footer keeps for a label that changes; with its shorter wording, `short_room`."""

    room: int = 0
    short_room: int = 0


PLACES: Mapping[str, Place] = {
    "take": Place(len("start take 12"), len("start 12")),
    "trial": Place(len("start trial 12"), len("start 12")),
    "pause": Place(len("follow again"), len("follow")),
    "reject": Place(len("accept")),
}
SHORT = {
    "go to rest": "rest",
    "follow again": "follow",
    "hold, reject": "hold",
    "pause": "pause",
    "other bench": "bench",
    "stop and save": "stop",
    "take control": "control",
}
"""Labels that a narrow terminal shortens."""

SHARES: Mapping[str, str] = {"undo": "judge('void')", "mark_moment": "finish"}
"""Actions that never act at the same time share a place: a verdict is given or taken back, a take runs or does not."""

KEEPS_PLACE: Mapping[str, Rule] = {
    "take": lambda desk: drives(desk) and records(desk),
    "reject": lambda desk: drives(desk) and records(desk),
    "trial": lambda desk: drives(desk) and evaluates(desk),
    "judge": lambda desk: drives(desk) and evaluates(desk),
    "undo": lambda desk: drives(desk) and evaluates(desk),
    "pause": lambda desk: drives(desk) and Code.NO_LEADER not in obstacles(desk.snapshot),
    "rest": lambda desk: drives(desk) and Code.NO_REST_POSE not in obstacles(desk.snapshot),
    "release": drives,
    "finish": drives,
    "note": lambda desk: desk.live,
}
"""When a key that does not act now has its place in the footer all the same: another phase of this session needs it."""


def keeps_place(action: str, desk: Desk) -> bool:
    """Whether the footer keeps a blank place for this action while its key does nothing."""
    rule = KEEPS_PLACE.get(parse(action)[1])
    return rule is not None and rule(desk)


def short_label(action: str, label: str) -> str:
    """A shorter wording of a footer's label; empty if there is none."""
    match parse(action)[1]:
        case "take" | "trial":
            return label.replace(" take", "").replace(" trial", "")
        case _:
            return SHORT.get(label, "")


# --- why not, and what it does now --------------------------------------------------------------


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


DRIVER_ONLY = frozenset(
    {
        "take",
        "reject",
        "mark_moment",
        "pause",
        "rest",
        "release",
        "finish",
        "trial",
        "judge",
        "undo",
        "annotate",
        "new_mode",
        "assist",
        "unblind",
        "stage",
        "practice",
        "look_again",
        "confirm_preflight",
    }
)  # fmt: skip


def watches(desk: Desk) -> str:
    """Why a command of this console would be refused."""
    return f"{desk.driver or 'nobody'} drives, this console watches: {keys.TAKE_OVER} takes control"


def why_not(action: str, desk: Desk) -> str:
    """Why a key that is likely to be pressed does nothing now; empty if nothing should be shown."""
    name, snapshot = parse(action)[1], desk.snapshot
    if may(action, desk):
        return ""
    if name == "next_alarm":
        standing = snapshot.alarms or desk.training.snapshot.alarms
        return "no other alarm stands" if standing else "no alarm stands"
    if name == "resume_run":
        return _no_resume(desk)
    if not desk.live:
        return ""
    if name == "look_at_last":
        return desk.why_no_look
    if name in ("ghost", "choose_ghost"):
        return why_no_ghost(desk)
    if desk.watching:
        return watches(desk) if name in DRIVER_ONLY else ""
    if not drives(desk):
        return ""
    if evaluates(desk) and (why := trial_availability.why_not(name, snapshot)):
        return why
    if name == "note":
        return _no_note(desk)
    if name == "take" and records(desk) and snapshot.phase is Phase.HELD:
        return f"the arm holds: {keys.PAUSE} follows again, then {keys.TAKE} starts a take"
    return MISSING.get(why_refused(snapshot, COMMANDS[name]), "") if name in COMMANDS else ""


def why_no_ghost(desk: Desk) -> str:
    """Why no picture is laid over the live ones now; empty if one can be, or where nothing would be said."""
    if not (records(desk) or evaluates(desk)):
        return ""
    if not desk.cameras:
        return "this bench has no camera: a ghost needs one to lie over"
    what = "trial" if evaluates(desk) else "take"
    if desk.works:
        return f"a {what} runs: the ghost is for setting the scene between two of them"
    return "" if may_type(desk) else f"the {what} before needs its verdict first, or the arm moves"


def _no_resume(desk: Desk) -> str:
    """Why the shown run is not resumed; empty if it may be, or if none is shown."""
    run = desk.runs.shown
    if not run.exists:
        return ""
    if run.watched is not None:
        return "this run is only watched: it is resumed where it was started"
    if run.live:
        return f"this training is running: {keys.STOP_TRAINING} stops it"
    if not may_type(desk):
        return f"the arm moves: {keys.RESUME} resumes once it stands"
    why = resumable.why_not(run.snapshot, foreign=run.foreign)
    return f"the run that is shown cannot be resumed: {why}" if why else ""


def _no_note(desk: Desk) -> str:
    """A note takes the keys, so it waits until nothing moves: the words typed for it are keys until then."""
    if desk.snapshot.phase is Phase.RECORDING:
        return f"a take runs: {keys.MARK} marks this moment, {keys.NOTE} writes a note after it"
    if desk.snapshot.phase is Phase.RUNNING:
        return f"a trial runs: {keys.NOTE} writes a note once it is judged; the words typed for it now do nothing"
    return f"the arm moves: {keys.NOTE} writes a note once it stands"


def label(action: str, described: str, desk: Desk) -> str:
    """What a key does now, in a word or two; `described` is the label of its binding."""
    snapshot = desk.snapshot
    match parse(action):
        case (_, "take", _):
            return _take_label(snapshot)
        case (_, "trial", _):
            return trial_availability.label(snapshot)
        case (_, "reject", _) if not intents.last_take_accepted(snapshot):
            return "accept"
        case (_, "pause", _) if evaluates(desk):
            return trial_availability.lead(snapshot)
        case (_, "pause", _) if snapshot.phase is Phase.RECORDING:
            return "hold, reject"
        case (_, "pause", _) if snapshot.phase is Phase.HELD:
            return "follow again"
        case (_, "teleoperate", _) if desk.live:
            return "follow"
        case (_, "look_at_last", _) if snapshot.episodes:
            return f"look at {snapshot.episodes[-1].take}"
        case (_, "assist", _):
            return trial_availability.assist(snapshot)
        case (_, "annotate", (int(digit),)):
            return trial_availability.mode(digit, snapshot) or described
        case _:
            return described


def _take_label(snapshot: Snapshot) -> str:
    if snapshot.phase is Phase.RECORDING:
        return f"end take {snapshot.take}"
    return "align" if snapshot.phase in intents.ALIGNS else f"start take {intents.next_take(snapshot)}"
