"""The one big thing of an evaluation: RUNNING, JUDGE IT, a verdict for a second, RESTING, READY, DONE. Pure."""

from __future__ import annotations

from screens.views import keys
from screens.views.phase_view import SAYS, TONES, PhaseView, ended, word
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
"""Phases in which a verdict that is missing is the one big thing."""


def evaluating(snapshot: Snapshot, telemetry: Telemetry | None, *, driving: bool, fresh: int = 0) -> PhaseView:
    """What the big panel shows of an evaluation; `fresh`: the attempt whose verdict was given a moment ago."""
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
    """The verdict that has just become durable."""
    verdict = judged.verdict
    assert verdict is not None
    name, tone = FRESH[verdict]
    sign = {Verdict.SUCCESS: signs().yes, Verdict.FAILURE: signs().no, Verdict.VOID: signs().void}[verdict]
    dot = signs().dot
    after = "it is repeated" if verdict is Verdict.VOID else "saved"
    says = f"{sign} {name} {dot} trial {place(snapshot.trials, judged.index)} {dot} {after}"
    return PhaseView(name, tone, says, *_judged(snapshot))


def _running(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    assert snapshot.started is not None
    whole = snapshot.started.request.attempt_seconds
    seconds = telemetry.take_seconds if telemetry else 0.0
    dot = signs().dot
    says = f"trial {upcoming(snapshot)} is running"
    if driving:
        says = f"{keys.verdicts()} judges and ends it {dot} {keys.TRIAL} ends it"
    if by_oracle(snapshot):
        says = f"the oracle judges {dot} Esc or x stops" if driving else "the oracle judges"
    return PhaseView(
        "RUNNING", Tone.ACCENT, says, *_trial(snapshot), f"{seconds:.1f}", f"of {number(whole)} s",
        seconds / whole if whole else None,
    )  # fmt: skip


def _judge(snapshot: Snapshot, pending: Trial, driving: bool) -> PhaseView:
    """A trial waits for its verdict: why it is over, and the keys."""
    dot = f" {signs().dot} "
    why = clean(pending.why, 120) or how_it_ended(pending) or "it is over"
    verdicts = f"{keys.SUCCESS} success, {keys.FAILURE} failure, {keys.VOID} void"
    says = f"{why}{dot}{verdicts}" if driving else f"{why}{dot}the driver judges it"
    return PhaseView("JUDGE IT", Tone.WARNING, says, *_trial(snapshot), f"{pending.seconds:.1f}", "s it ran")


def _next(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    """The arm is still, nothing waits for a verdict: the next trial, or the target is reached."""
    dot = f" {signs().dot} "
    comes = upcoming(snapshot)
    if telemetry and telemetry.start_pending:
        says = f"trial {comes} starts when the motion of the one before is saved"
        return PhaseView("SAVING", Tone.ACCENT, says, *_trial(snapshot))
    if snapshot.reached:
        reached = rate(snapshot.count(Verdict.SUCCESS), snapshot.judged)
        ways_on = f"{dot}{keys.FINISH} finishes, {keys.TRIAL} one more" if driving else ""
        return PhaseView("DONE", Tone.SUCCESS, f"{reached}{ways_on}", *_judged(snapshot), progress=1.0)
    key = f"{keys.TRIAL} starts trial {comes}" if driving else f"trial {comes} comes next"
    scene = "put the scene back" if snapshot.trials else "put the scene in place"
    if snapshot.phase is Phase.IDLE and snapshot.trials:
        scene = "the arm holds where it is: put the scene back"
    return PhaseView("READY", Tone.ACCENT, f"{scene}, {key}", *_trial(snapshot))


def _other(snapshot: Snapshot, driving: bool) -> PhaseView:
    """On the way, held or released; a trial that still waits for its verdict is not forgotten."""
    phase, dot = snapshot.phase, f" {signs().dot} "
    told = clean(snapshot.detail)
    says = told or SAYS.get(phase, "")
    if phase is Phase.HELD and not snapshot.ending:  # what it says of a verdict may be given by now
        says = SAYS[phase]
    match phase:
        case Phase.ALIGNING:
            says = told or "the arm moves to where the trial begins"
        case Phase.RESTING if snapshot.trials and not (snapshot.reached or snapshot.ending or snapshot.pending):
            says = f"the arm returns to rest{dot}then {keys.TRIAL} starts trial {upcoming(snapshot)}"
        case Phase.HELD | Phase.RELEASED if driving and offered(snapshot, StartTrial):
            says = f"{says}{dot}{keys.TRIAL} starts trial {upcoming(snapshot)}"
        case Phase.HELD if driving and offered(snapshot, GoToRest):
            says = f"{says}{dot}{keys.REST} goes to rest, then {keys.TRIAL} starts trial {upcoming(snapshot)}"
    if snapshot.pending is not None:
        number_of = place(snapshot.trials, snapshot.pending.index)
        says = f"{says}{dot}trial {number_of} waits for its verdict: {keys.verdicts()}"
    return PhaseView(word(snapshot), TONES.get(phase, Tone.PLAIN), says, *_trial(snapshot))


def _ended(snapshot: Snapshot) -> PhaseView:
    """How it ended, and what it came to."""
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
