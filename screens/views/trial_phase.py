"""The phase panel's content in an evaluation: RUNNING, JUDGE IT, a verdict for a second, RESTING, READY, DONE. Pure."""

from __future__ import annotations

from screens.views import keys
from screens.views.phase_view import HOLD_AGAIN, SENTENCES, TONES, PhaseView, ended, holds, word
from screens.views.signs import clean, signs
from screens.views.trials import by_oracle, how_it_ended, target, upcoming
from services.live.phases import Phase, offered
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
    if phase in (Phase.IDLE, Phase.RESTED, Phase.DONE):
        return _next(snapshot, telemetry, driving)
    return _other(snapshot, driving)


def _count(snapshot: Snapshot, counted: int, words: str) -> tuple[str, str]:
    wanted = target(snapshot)
    return f"{counted}/{wanted}" if wanted < 100 else str(counted), f"{words} {counted} of {wanted}"


def _trial(snapshot: Snapshot) -> tuple[str, str]:
    return _count(snapshot, upcoming(snapshot), "trial")


def _judged(snapshot: Snapshot) -> tuple[str, str]:
    return _count(snapshot, snapshot.judged, "judged")


def _given(snapshot: Snapshot, judged: Trial) -> PhaseView:
    """A verdict that has just been saved."""
    verdict = judged.verdict
    assert verdict is not None
    name, tone = FRESH[verdict]
    sign = {Verdict.SUCCESS: signs().yes, Verdict.FAILURE: signs().no, Verdict.VOID: signs().void}[verdict]
    dot = signs().dot
    after = "it is repeated" if verdict is Verdict.VOID else "saved"
    sentence = f"{sign} {name} {dot} trial {place(snapshot.trials, judged.index)} {dot} {after}"
    return PhaseView(name, tone, sentence, *_judged(snapshot))


def _running(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    assert snapshot.started is not None
    limit = snapshot.started.request.attempt_seconds
    seconds = telemetry.take_seconds if telemetry else 0.0
    dot = signs().dot
    sentence = f"trial {upcoming(snapshot)} is running"
    if driving:
        sentence = f"{keys.verdicts()} judges and ends it {dot} {keys.TRIAL} ends it"
    if by_oracle(snapshot):
        sentence = f"the oracle judges {dot} Esc or x stops" if driving else "the oracle judges"
    return PhaseView(
        "RUNNING", Tone.ACCENT, sentence, *_trial(snapshot), f"{seconds:.1f}", f"of {number(limit)} s",
        seconds / limit if limit else None,
    )  # fmt: skip


def _judge(snapshot: Snapshot, pending: Trial, driving: bool) -> PhaseView:
    """A trial waits for its verdict: why it ended, and the keys."""
    dot = f" {signs().dot} "
    why = clean(pending.why, 120) or how_it_ended(pending) or "it is over"
    verdicts = f"{keys.SUCCESS} success, {keys.FAILURE} failure, {keys.VOID} void"
    sentence = f"{why}{dot}{verdicts}" if driving else f"{why}{dot}the driver judges it"
    return PhaseView("JUDGE IT", Tone.WARNING, sentence, *_trial(snapshot), f"{pending.seconds:.1f}", "s it ran")


def _next(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    """The arm is still and no verdict is pending: the next trial, or the target is reached."""
    dot = f" {signs().dot} "
    comes = upcoming(snapshot)
    if telemetry and telemetry.start_pending:
        sentence = f"trial {comes} starts when the motion of the one before is saved"
        return PhaseView("SAVING", Tone.ACCENT, sentence, *_trial(snapshot))
    if snapshot.reached:
        reached = rate(snapshot.count(Verdict.SUCCESS), snapshot.judged)
        next_keys = f"{dot}{keys.FINISH} finishes, {keys.TRIAL} one more" if driving else ""
        return PhaseView("DONE", Tone.SUCCESS, f"{reached}{next_keys}", *_judged(snapshot), progress=1.0)
    key = f"{keys.TRIAL} starts trial {comes}" if driving else f"trial {comes} comes next"
    scene = "put the scene back" if snapshot.trials else "put the scene in place"
    if snapshot.phase is Phase.IDLE and snapshot.trials:
        scene = "the arm holds where it is: put the scene back"
    return PhaseView("READY", Tone.ACCENT, f"{scene}, {key}", *_trial(snapshot))


def _other(snapshot: Snapshot, driving: bool) -> PhaseView:
    """Moving, held or released; a pending verdict is mentioned."""
    phase, dot = snapshot.phase, f" {signs().dot} "
    detail = clean(snapshot.detail)
    sentence = detail or SENTENCES.get(phase, "")
    if phase is Phase.LIMP:
        sentence = f"{sentence}{dot}{HOLD_AGAIN}"
    if holds(snapshot) and not snapshot.ending:  # its detail may name a verdict that was given since
        sentence = SENTENCES[phase]
    match phase:
        case Phase.ALIGNING:
            sentence = detail or "the arm moves to where the trial begins"
        case Phase.RESTING if snapshot.trials and not (snapshot.reached or snapshot.ending or snapshot.pending):
            sentence = f"the arm returns to rest{dot}then {keys.TRIAL} starts trial {upcoming(snapshot)}"
        case Phase.HELD | Phase.RELEASED if driving and offered(snapshot, StartTrial):
            sentence = f"{sentence}{dot}{keys.TRIAL} starts trial {upcoming(snapshot)}"
        case Phase.HELD if driving and offered(snapshot, GoToRest):
            sentence = f"{sentence}{dot}{keys.REST} goes to rest, then {keys.TRIAL} starts trial {upcoming(snapshot)}"
    if snapshot.pending is not None:
        number_of = place(snapshot.trials, snapshot.pending.index)
        sentence = f"{sentence}{dot}trial {number_of} waits for its verdict: {keys.verdicts()}"
    return PhaseView(word(snapshot), TONES.get(phase, Tone.PLAIN), sentence, *_trial(snapshot))


def _ended(snapshot: Snapshot) -> PhaseView:
    """How the session ended, and its result."""
    left, label = _judged(snapshot)
    dot = signs().dot
    after = f"{keys.NEW_EVALUATION} new evaluation {dot} {keys.LOG} log"
    if snapshot.status is SessionStatus.CRASHED:
        holds = f"the arm may still hold: {keys.BENCH}, then {keys.HOLD} takes it over"
        after = f"{holds} {dot} shown verdicts are safe {dot} {keys.NEW_EVALUATION} starts again"
    elif snapshot.judged:
        after = f"{rate(snapshot.count(Verdict.SUCCESS), snapshot.judged)} {signs().dot} {after}"
    if snapshot.pending is not None:
        waits = f"trial {place(snapshot.trials, snapshot.pending.index)} has no verdict"
        after = f"{waits} {signs().dot} {after}"
    return ended(snapshot, after, (left, label))
