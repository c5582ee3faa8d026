"""What to do about an alarm, with the keys that this console has for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from screens.views import keys
from screens.views.signs import clean
from services.live import intents
from services.live.reasons import Advice
from services.live.snapshots import Alarm, Snapshot
from sessions.models import Verdict

SENTENCES: Mapping[Advice, Callable[[], str]] = {
    Advice.RESUME: lambda: f"{keys.PAUSE} resumes when it is back",
    Advice.REST: lambda: f"{keys.REST} goes to rest when it is back",
    Advice.REST_OR_RELEASE: lambda: f"{keys.REST} goes to rest, {keys.RELEASE} releases",
    Advice.REST_AGAIN: lambda: f"{keys.REST} or {keys.FINISH} again",
    Advice.RELEASE_AGAIN: lambda: f"{keys.RELEASE} tries again; else cut the power",
    Advice.FINISH: lambda: f"{keys.FINISH} ends the session",
    Advice.REJECT: lambda: f"{keys.REJECT} rejects the take, {_enlarges()}",
    Advice.VOID: lambda: f"{keys.VOID} voids the trial, {_enlarges()}",
    Advice.TRIAL: lambda: f"{keys.TRIAL} lets it go there slowly",
    Advice.REST_THEN_TRIAL: lambda: f"{keys.REST}, then {keys.TRIAL} lets it go there slowly",
    Advice.KILL_TRAINER: lambda: f"{keys.STOP_TRAINING} again kills the trainer",
}


def advice(alarm: Alarm, snapshot: Snapshot) -> str:
    """The alarm's own answer, then the key, where it does that now; empty if there is neither."""
    sentence = SENTENCES.get(alarm.advice) if _applies(alarm, snapshot) else _enlarges
    return "; ".join(filter(None, [clean(alarm.answer), sentence() if sentence else ""]))


def _enlarges() -> str:
    return f"{keys.ENLARGE} enlarges the picture"


def _applies(alarm: Alarm, snapshot: Snapshot) -> bool:
    """Whether the key acts on the take or trial of the alarm, and as its sentence says: a second `r` accepts again."""
    match alarm.advice:
        case Advice.REJECT:
            rejects = intents.mark(snapshot) is not None and intents.last_take_accepted(snapshot)
            return rejects and alarm.take == snapshot.take
        case Advice.VOID:
            judged = intents.judge(snapshot, Verdict.VOID, "")
            return judged is not None and judged.trial == alarm.take
        case _:
            return True
