"""The phase panel's content in an evaluation: RUNNING, JUDGE IT, a verdict for a second, RESTING, READY, DONE. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from screens.views import keys, resets
from screens.views.advice import HOLD_AGAIN
from screens.views.measured import Part
from screens.views.phase_view import (
    SAVING,
    SENTENCES,
    TONES,
    WORDS,
    PhaseView,
    ended,
    from_outside,
    holds,
    may_hold,
    press,
    word,
)
from screens.views.second_opinion import second_parts
from screens.views.signs import clean, signs
from screens.views.start_scene import scene_parts
from screens.views.trials import by_oracle, how_it_ended, in_all, judged_in_all, ruled, target, upcoming
from services.live.phases import Phase, offered
from services.live.preflights import unconfirmed
from services.live.protocol import GoToRest, StartTrial, Telemetry
from services.live.snapshots import Snapshot
from services.log.headline import rate
from services.tone import Tone
from services.units import number
from sessions.models import SessionStatus, Trial, Verdict
from sessions.trials import place

FRESH = {
    Verdict.SUCCESS: ("SUCCESS", Tone.SUCCESS),
    Verdict.FAILURE: ("FAILURE", Tone.DANGER),
    Verdict.VOID: ("VOID", Tone.WARNING),
}
STILL = frozenset({Phase.IDLE, Phase.RESTED, Phase.DONE, Phase.JUDGING, Phase.HELD, Phase.RELEASED})
"""Phases in which a missing verdict takes the panel."""
NEXT = frozenset({Phase.IDLE, Phase.RESTED, Phase.DONE})
"""Phases in which the next trial can begin."""


def evaluating(snapshot: Snapshot, telemetry: Telemetry | None, *, driving: bool, fresh: int = 0) -> PhaseView:
    """What the phase panel shows of an evaluation; `fresh`: the trial that was judged within the last second."""
    phase, pending = snapshot.phase, snapshot.pending
    if phase is Phase.ENDED:
        return _ended(snapshot)
    judged = next((t for t in snapshot.trials if t.index == fresh and t.verdict is not None), None)
    if judged is not None and phase is not Phase.HELD:
        return _given(snapshot, judged)
    if phase is Phase.RUNNING:
        return _running(snapshot, telemetry, driving)
    if pending is not None and phase in STILL:
        return _judge(snapshot, pending, driving)
    if phase in NEXT:
        return _next(snapshot, telemetry, driving)
    if telemetry is not None and telemetry.countdown and phase is Phase.ALIGNING:
        return _counting_down(snapshot, telemetry.countdown, driving)
    return _other(snapshot, driving)


def state(snapshot: Snapshot) -> str:
    """The word of the panel's state without a fresh verdict, for header and log alike."""
    if snapshot.pending is not None and snapshot.phase in STILL:
        return WORDS[Phase.JUDGING]
    if snapshot.phase in NEXT:
        return "DONE" if snapshot.reached else "READY"
    return word(snapshot)


def _count(snapshot: Snapshot, counted: int, words: str) -> tuple[str, str]:
    """`6/20` and `trial 6 of 20`; beyond the target without a fraction."""
    wanted = target(snapshot)
    if counted > wanted:
        return str(counted), f"{words} {counted}, {wanted} wanted"
    of = ", max" if ruled(snapshot) else " of"  # 18 cells at 80x24
    return f"{counted}/{wanted}" if wanted < 100 else str(counted), f"{words} {counted}{of} {wanted}"


def _trial(snapshot: Snapshot) -> tuple[str, str]:
    """The trial that runs, is pending or comes next; once the target is reached and nothing runs, what was judged."""
    runs = snapshot.phase is Phase.RUNNING or snapshot.pending is not None or snapshot.phase is Phase.ALIGNING
    if snapshot.reached and not runs:
        return _judged(snapshot)
    practice = snapshot.trial is not None and snapshot.trial.practice
    if practice and (snapshot.phase is Phase.RUNNING or snapshot.pending is not None):
        return "", "not counted"
    return _count(snapshot, upcoming(snapshot), "trial")


def _judged(snapshot: Snapshot) -> tuple[str, str]:
    return _count(snapshot, snapshot.judged, "judged")


def _given(snapshot: Snapshot, judged: Trial) -> PhaseView:
    """A verdict that has just been saved."""
    verdict = judged.verdict
    assert verdict is not None
    name, tone = FRESH[verdict]
    sign = {Verdict.SUCCESS: signs().yes, Verdict.FAILURE: signs().no, Verdict.VOID: signs().void}[verdict]
    after = "it is repeated" if verdict is Verdict.VOID else "saved"
    number_of = place(snapshot.trials, judged.index)
    parts = (Part(f"{sign} {name}"), Part(f"trial {number_of}"), Part(after), *second_parts(snapshot))
    return PhaseView(name, tone, parts, *_judged(snapshot))


def _running(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    assert snapshot.started is not None
    limit = snapshot.started.request.attempt_seconds
    seconds = telemetry.take_seconds if telemetry else 0.0
    parts: tuple[Part, ...] = (Part(f"trial {upcoming(snapshot)} is running"),)
    if by_oracle(snapshot):
        stops = (Part(f"{keys.stop_keys()} stops"),) if driving else ()
        parts = (Part("the oracle judges"), *stops)
    elif driving:
        verdicts = Part(f"{keys.verdicts()} judges and ends it")
        helped = snapshot.trial is not None and snapshot.trial.assisted
        if helped:
            verdicts = Part(f"helped: {keys.FAILURE} or {keys.VOID} judges and ends it")
        parts = (verdicts, press(keys.TRIAL, "ends it"))
    practice = snapshot.trial is not None and snapshot.trial.practice
    return PhaseView(
        "PRACTICE" if practice else word(snapshot), Tone.ACCENT, parts, *_trial(snapshot), f"{seconds:.1f}",
        f"of {number(limit)} s",
        seconds / limit if limit else None,
    )  # fmt: skip


def _counting_down(snapshot: Snapshot, seconds: float, driving: bool) -> PhaseView:
    """The arm waits where the trial begins: whole seconds, the last of which is 1."""
    stops = (Part(f"{keys.stop_keys()} stops"),) if driving else ()
    parts = (from_outside(snapshot.detail), *stops)
    return PhaseView("STANDS BY", Tone.WARNING, parts, *_trial(snapshot), str(ceil(seconds)), "s left")


def _judge(snapshot: Snapshot, pending: Trial, driving: bool) -> PhaseView:
    """A trial waits for its verdict: why it ended, and the keys."""
    why = clean(pending.why, 200) or how_it_ended(pending) or "it is over"
    verdicts = Part(f"{keys.SUCCESS} success, {keys.FAILURE} failure, {keys.VOID} void", short=keys.verdicts())
    if pending.assisted:
        verdicts = Part(f"helped: {keys.FAILURE} failure or {keys.VOID} void")
    parts = (from_outside(why), verdicts if driving else Part("the driver judges it"))
    return PhaseView(WORDS[Phase.JUDGING], Tone.WARNING, parts, *_trial(snapshot), f"{pending.seconds:.1f}", "s it ran")


def _next(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    """The arm is still and no verdict is pending: the next trial, or the target is reached."""
    comes = upcoming(snapshot)
    if telemetry and telemetry.start_pending:
        if telemetry.preflight:
            after = (Part(f"trial {comes} starts once the preflight is through"), Part("nothing moves yet"))
            return PhaseView("LOOKS", Tone.ACCENT, after, *_trial(snapshot))
        waits = (Part(f"trial {comes} starts when the motion of the one before is saved"),)
        return PhaseView(SAVING, Tone.ACCENT, waits, *_trial(snapshot))
    if telemetry and telemetry.preflight:
        looks = (Part("the preflight looks at bench, policy and data: nothing moves"),)
        return PhaseView("LOOKS", Tone.ACCENT, looks, *_trial(snapshot))
    if found := unconfirmed(snapshot.preflights):
        what = Part(clean(f"{found[0].name}: {found[0].found}", 120), 1)
        more = (Part(f"and {len(found) - 1} more", 1),) if len(found) > 1 else ()
        shows = (press(keys.PREFLIGHT, "shows what mends it"),) if driving else ()
        return PhaseView("PREFLIGHT BAD", Tone.DANGER, (what, *more, *shows), *_trial(snapshot))
    if snapshot.reached:
        reached = Part(rate(in_all(snapshot, Verdict.SUCCESS), judged_in_all(snapshot)), 1)
        ends = (press(keys.FINISH, "finishes"), press(keys.TRIAL, "one more", rank=1)) if driving else ()
        parts = (reached, *ends, *second_parts(snapshot))
        return PhaseView(state(snapshot), Tone.SUCCESS, parts, *_judged(snapshot), progress=1.0)
    starts = press(keys.TRIAL, f"starts trial {comes}") if driving else Part(f"trial {comes} comes next")
    scene = scene_parts(snapshot) or (Part("put the scene back" if snapshot.trials else "put the scene in place", 1),)
    holds_where = snapshot.phase is Phase.IDLE and snapshot.trials
    arm = (Part("the arm holds where it is", 2),) if holds_where else ()
    leads = resets.offered_lead(snapshot) if driving and snapshot.trials else ()
    parts = (*arm, *scene, *leads, starts, *second_parts(snapshot))
    return PhaseView(state(snapshot), Tone.ACCENT, parts, *_trial(snapshot))


def _other(snapshot: Snapshot, driving: bool) -> PhaseView:
    """Moving, held or released; a pending verdict is mentioned."""
    parts = tuple(_standing(snapshot, driving))
    if snapshot.pending is not None:
        number_of = place(snapshot.trials, snapshot.pending.index)
        waits = f"trial {number_of} waits for its verdict"
        parts += (Part(f"{waits}: {keys.verdicts()}" if driving else waits),)
    return PhaseView(word(snapshot), TONES.get(snapshot.phase, Tone.PLAIN), parts, *_trial(snapshot))


def _standing(snapshot: Snapshot, driving: bool) -> Iterator[Part]:
    """What the arm does, and how the next trial starts."""
    phase, comes = snapshot.phase, upcoming(snapshot)
    detail = clean(snapshot.detail)
    if holds(snapshot) and not snapshot.ending:  # its detail may name a verdict that was given since
        detail = ""
    if phase is Phase.RESTING and snapshot.trials and not (snapshot.reached or snapshot.ending or snapshot.pending):
        yield resets.on_the_way(snapshot)
        yield from scene_parts(snapshot)
        yield Part(f"then {keys.TRIAL} starts trial {comes}" if driving else f"then comes trial {comes}")
        yield from second_parts(snapshot)
        return
    if phase is Phase.ALIGNING:
        detail = detail or "the arm moves to where the trial begins"
    yield from_outside(detail or SENTENCES.get(phase, ""))
    yield from scene_parts(snapshot)
    if phase is Phase.LIMP:
        yield HOLD_AGAIN
    starts = press(keys.TRIAL, "one more trial" if snapshot.reached else f"starts trial {comes}")
    if driving:
        yield from resets.offered_lead(snapshot)
    if not driving or phase not in (Phase.HELD, Phase.RELEASED):
        return
    if offered(snapshot, StartTrial):
        yield starts
    elif phase is Phase.HELD and offered(snapshot, GoToRest):
        if snapshot.reached:
            yield press(keys.REST, "goes to rest")
            yield press(keys.FINISH, "finishes")
        else:
            yield Part(f"{keys.REST} goes to rest, then {keys.TRIAL} starts trial {comes}",
                       short=f"{keys.REST} goes to rest")  # fmt: skip


def _ended(snapshot: Snapshot) -> PhaseView:
    """How the session ended, and its result."""
    after: tuple[Part, ...] = (press(keys.NEW_EVALUATION, "new evaluation"), press(keys.LOG, "log"))
    if snapshot.status is SessionStatus.CRASHED:
        after = may_hold(keys.NEW_EVALUATION, "shown verdicts are safe", "starts again")
    elif snapshot.judged:
        result = Part(rate(in_all(snapshot, Verdict.SUCCESS), judged_in_all(snapshot)), 1)
        after = (result, Part(resets.reset_words(snapshot), 2), *after)
    if snapshot.pending is not None:
        waits = f"trial {place(snapshot.trials, snapshot.pending.index)} has no verdict"
        after = (Part(waits, 1), *after)
    return ended(snapshot, after, _judged(snapshot))
