"""What to do about an alarm, with the keys that this console has for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from screens.views import keys
from screens.views.measured import Part
from screens.views.signs import clean
from services.live import intents
from services.live.alarms import Alarm
from services.live.reasons import Advice
from services.live.snapshots import Snapshot
from sessions.models import Verdict

HOLD_AGAIN = Part("support the arm, then Esc holds it where it is", short="support it, Esc holds it")

SENTENCES: Mapping[Advice, Callable[[], tuple[Part, ...]]] = {
    Advice.RESUME: lambda: (Part(f"{keys.PAUSE} follows again when it is back", short=f"then {keys.PAUSE} follows"),),
    Advice.REST: lambda: (Part(f"{keys.REST} goes to rest when it is back", short=f"then {keys.REST} rests"),),
    Advice.REST_OR_RELEASE: lambda: (Part(f"{keys.REST} goes to rest"), Part(f"{keys.RELEASE} releases")),
    Advice.REST_AGAIN: lambda: (Part(f"{keys.REST} or {keys.FINISH} again"),),
    Advice.RELEASE_AGAIN: lambda: (Part(f"{keys.RELEASE} tries again"), Part("else cut the power")),
    Advice.FINISH: lambda: (Part(f"{keys.FINISH} ends the session"),),
    Advice.REJECT: lambda: (Part(f"{keys.REJECT} rejects the take", short=f"{keys.REJECT} rejects"), _enlarges()),
    Advice.VOID: lambda: (Part(f"{keys.VOID} voids the trial", short=f"{keys.VOID} voids"), _enlarges()),
    Advice.TRIAL: lambda: (Part(f"{keys.TRIAL} lets it go there slowly"),),
    Advice.REST_THEN_TRIAL: lambda: (
        Part(
            f"{keys.REST}, then {keys.TRIAL} lets it go there slowly",
            short=f"{keys.REST}, then {keys.TRIAL} goes slowly",
        ),
    ),
    Advice.KILL_TRAINER: lambda: (Part(f"{keys.STOP_TRAINING} again kills the trainer"),),
    Advice.STOP: lambda: (Part("Esc holds"),),
    Advice.SUPPORT_THEN_STOP: lambda: (HOLD_AGAIN,),
}


ANYBODY = frozenset({Advice.STOP, Advice.SUPPORT_THEN_STOP})
"""What a console that watches may command as well."""


def answers(alarm: Alarm, snapshot: Snapshot, *, driving: bool = True) -> tuple[Part, ...]:
    """The alarm's own answer, then the key, where it does that now and this console may; empty if there is neither."""
    does = Part(clean(alarm.answer), 1, cut=True)
    sentence = SENTENCES.get(alarm.advice)
    if alarm.advice in (Advice.REJECT, Advice.VOID) and not (driving and _applies(alarm, snapshot)):
        return does, _enlarges()
    if sentence is None or not (driving or alarm.advice in ANYBODY):
        return (does,)
    return does, *sentence()


def _enlarges() -> Part:
    return Part(f"{keys.ENLARGE} enlarges the picture", 1, short=f"{keys.ENLARGE} enlarges")


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
