"""Which keys act now: one rule per action, read by bindings, footer, key list and palette alike."""

from __future__ import annotations

from collections.abc import Callable

from screens.desk import Desk
from services.sitting import can_release
from services.snapshots import Phase, Snapshot
from sessions.models import SessionKind

BUSY = frozenset({Phase.ALIGNING, Phase.RECORDING, Phase.RESTING, Phase.RELEASING, Phase.STARTING})
"""While one of these lasts nobody types: no note, no filter, no form."""
ALIGNS = frozenset({Phase.IDLE, Phase.RESTED, Phase.RELEASED})
STARTS = ALIGNS | {Phase.READY, Phase.RESET, Phase.DONE}
STILL = frozenset({Phase.IDLE, Phase.RESTED, Phase.HELD, Phase.RELEASED})
RESTS = frozenset({Phase.IDLE, Phase.HELD, Phase.READY, Phase.RESET, Phase.DONE})


def drives(desk: Desk) -> bool:
    """A sitting runs and this console drives it."""
    return desk.live and desk.driving


def records(desk: Desk) -> bool:
    """A recording sitting runs."""
    return desk.live and desk.kind is SessionKind.RECORD


def may_type(desk: Desk) -> bool:
    """Between takes only: keys may go to a text."""
    return not desk.live or desk.snapshot.phase not in BUSY


def _take(desk: Desk) -> bool:
    return drives(desk) and records(desk) and desk.snapshot.phase in STARTS | {Phase.RECORDING}


def _reject(desk: Desk) -> bool:
    return drives(desk) and records(desk) and desk.snapshot.take > 0


def _pause(desk: Desk) -> bool:
    phase = desk.snapshot.phase
    return drives(desk) and (phase.following or phase is Phase.HELD)


def _teleoperate(desk: Desk) -> bool:
    if not desk.live:
        return bool(desk.profile.teleop)
    return drives(desk) and desk.kind is SessionKind.BENCH and desk.snapshot.phase in STILL


def _rest(desk: Desk) -> bool:
    return not desk.live or (drives(desk) and desk.snapshot.phase in RESTS)


def _release(desk: Desk) -> bool:
    return not desk.live or (drives(desk) and can_release(desk.snapshot.phase))


def _finish(desk: Desk) -> bool:
    return drives(desk) and desk.snapshot.phase not in (Phase.RECORDING, Phase.STARTING, Phase.ENDED)


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
    "enlarge": records,
    "details": records,
    "choose_bench": lambda desk: not desk.live and len(desk.benches.profiles) > 1,
}


def may(action: str, desk: Desk) -> bool:
    """Whether `action` can be done now; an action without a rule always can."""
    rule = RULES.get(action)
    return rule is None or rule(desk)


def label(action: str, described: str, desk: Desk) -> str:
    """What a key does now, in a word or two."""
    snapshot = desk.snapshot
    match action:
        case "take":
            return _take_label(snapshot)
        case "reject" if not last_take_accepted(snapshot):
            return "take back"
        case "pause" if snapshot.phase is Phase.HELD:
            return "resume"
        case "teleoperate" if desk.live:
            return "follow"
        case _:
            return described


def _take_label(snapshot: Snapshot) -> str:
    if snapshot.phase is Phase.RECORDING:
        return f"end take {snapshot.take}"
    return "align" if snapshot.phase in ALIGNS else f"start take {snapshot.take + 1}"


def last_take_accepted(snapshot: Snapshot) -> bool:
    """As services.recording says it; imported late, since Bench needs no datasets."""
    from services import recording

    return recording.last_take_accepted(snapshot)
