"""The phase panel's content, from a snapshot and the telemetry. Pure."""

from __future__ import annotations

from screens.views import keys
from screens.views.phase_view import HOLD_AGAIN, SENTENCES, TONES, PhaseView, ended, word
from screens.views.signs import clean, signs
from services.live.intents import ALIGNS, last_take_accepted, mark, pause, take
from services.live.phases import Phase, offered
from services.live.protocol import GoToRest, Telemetry
from services.live.snapshots import Snapshot
from services.tone import Tone
from services.units import number
from sessions.models import SessionKind, SessionStatus


def phase_view(
    snapshot: Snapshot, telemetry: Telemetry | None, *, driving: bool, now: float, fresh: int = 0
) -> PhaseView:
    """What the phase panel shows; `fresh` is the index of a trial that was judged within the last second."""
    started = snapshot.started
    if started is None or snapshot.phase is Phase.STARTING:
        return _starting(snapshot, now)
    if started.kind is SessionKind.EVAL:
        from screens.views.trial_phase import evaluating

        return evaluating(snapshot, telemetry, driving=driving, fresh=fresh)
    if started.kind is not SessionKind.RECORD:
        return _bench(snapshot, driving)
    match snapshot.phase:
        case Phase.RECORDING:
            return _recording(snapshot, telemetry, driving)
        case Phase.READY | Phase.RESET | Phase.DONE:
            return _between(snapshot, telemetry, driving)
        case Phase.ENDED:
            return _ended(snapshot)
        case phase:
            sentence = _with_key(snapshot, SENTENCES[phase], driving)
            return PhaseView(word(snapshot), TONES.get(phase, Tone.PLAIN), sentence, *_count(snapshot))


def _with_key(snapshot: Snapshot, sentence: str, driving: bool) -> str:
    """The worker's own message, else the phase's sentence, and the key to continue with."""
    detail = clean(snapshot.detail) or sentence
    rejected = mark(snapshot) is not None and not last_take_accepted(snapshot)
    if rejected and snapshot.phase is Phase.HELD:
        saved = "being saved" if snapshot.unsaved_take == snapshot.take else "saved"
        detail = f"{detail}; take {snapshot.take} is {saved} as rejected"
    if driving and pause(snapshot) and snapshot.phase is Phase.HELD:
        rests = f"; {keys.REST} goes to rest" if offered(snapshot, GoToRest) else ""
        accepts = f"; {keys.REJECT} accepts take {snapshot.take}" if rejected else ""
        return f"{detail} {signs().dot} {keys.PAUSE} follows again, slowly{rests}{accepts}"
    if snapshot.phase is Phase.LIMP:
        return f"{detail} {signs().dot} {HOLD_AGAIN}"
    aligns = driving and snapshot.phase in ALIGNS and take(snapshot)
    return f"{detail} {signs().dot} {keys.TAKE} aligns with the leader" if aligns else detail


def _starting(snapshot: Snapshot, now: float) -> PhaseView:
    elapsed = f"{max(0.0, now - snapshot.phase_since):.0f}" if snapshot.phase_since else ""
    evaluates = snapshot.started is not None and snapshot.started.kind is SessionKind.EVAL
    least, most = (10, 20) if evaluates else (6, 10)  # the policy is loaded as well
    label = f"s (usually {least}-{most})" if elapsed else ""
    sentence = clean(snapshot.detail) or "starting the worker"
    part = min(0.95, float(elapsed) / most) if elapsed else 0.0
    return PhaseView("STARTING", Tone.ACCENT, sentence, right=elapsed, right_label=label, progress=part)


def _count(snapshot: Snapshot) -> tuple[str, str]:
    target = snapshot.started.target if snapshot.started else 0
    short = f"{snapshot.accepted}/{target}" if target < 100 else str(snapshot.accepted)
    return short, f"accepted of {target}"


def _recording(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    assert snapshot.started is not None
    whole = snapshot.started.request.attempt_seconds
    seconds = telemetry.take_seconds if telemetry else 0.0
    sentence = (
        f"{keys.TAKE} ends take {snapshot.take}, {keys.REJECT} rejects it"
        if driving
        else f"take {snapshot.take} is running"
    )
    if not snapshot.take_accepted:
        sentence = f"take {snapshot.take} is marked as rejected: it is saved, and left out of training"
    return PhaseView(
        "RECORDING", Tone.DANGER, sentence, *_count(snapshot),
        f"{seconds:.1f}", f"of {number(whole)} s {signs().dot} take {snapshot.take}",
        seconds / whole if whole else None,
    )  # fmt: skip


def reset_left(snapshot: Snapshot, telemetry: Telemetry | None) -> float:
    """Seconds left of the reset time; 0 outside of a reset."""
    if snapshot.phase is not Phase.RESET or snapshot.started is None or telemetry is None:
        return 0.0
    return max(0.0, snapshot.started.request.reset_seconds - telemetry.phase_seconds)


def _between(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    """Following without recording: ready, resetting, or target reached."""
    assert snapshot.started is not None
    upcoming = snapshot.take + 1
    count = _count(snapshot)
    saving = (telemetry.saving_take if telemetry else 0) or snapshot.unsaved_take
    if telemetry and telemetry.start_pending:
        sentence = f"take {upcoming} starts when take {saving} is saved"
        return PhaseView("SAVING", Tone.ACCENT, sentence, *count, str(upcoming), "take that waits")
    key = f"{keys.TAKE} starts take {upcoming}" if driving else f"take {upcoming} comes next"
    if snapshot.phase is Phase.DONE:
        sentence = (
            f"target reached {signs().dot} {keys.TAKE} one more, {keys.FINISH} finishes"
            if driving
            else "target reached"
        )
        return PhaseView("DONE", Tone.SUCCESS, sentence, *count, str(upcoming), "next take", 1.0)
    left = reset_left(snapshot, telemetry)
    if left > 0:
        if saving:
            key = f"saving take {saving}{signs().more} {signs().dot} {key}"
        part = 1 - left / max(snapshot.started.request.reset_seconds, 0.001)
        return PhaseView("RESET", Tone.PLAIN, key, *count, f"{left:.1f}", "s to reset the scene", part)
    if saving:
        return PhaseView(
            "SAVING", Tone.ACCENT, f"take {saving} {signs().dot} {key}", *count, str(upcoming), "next take"
        )
    return PhaseView("READY", Tone.ACCENT, key, *count, str(upcoming), "next take")


def _bench(snapshot: Snapshot, driving: bool) -> PhaseView:
    if snapshot.phase is Phase.ENDED:
        return _ended(snapshot)
    if snapshot.phase.following:
        next_keys = f" {signs().dot} {keys.PAUSE} pauses, {keys.REST} goes to rest" if driving else ""
        return PhaseView("FOLLOWING", Tone.ACCENT, f"the follower follows the leader, nothing is recorded{next_keys}")
    sentence = clean(snapshot.detail) or SENTENCES.get(snapshot.phase, "")
    return PhaseView(word(snapshot), TONES.get(snapshot.phase, Tone.PLAIN), sentence)


def _ended(snapshot: Snapshot) -> PhaseView:
    records = snapshot.started is not None and snapshot.started.kind is SessionKind.RECORD
    after = f"{keys.NEW_RECORDING} new session, {keys.LOG} log" if records else f"{keys.RECORD} records, {keys.LOG} log"
    if snapshot.status is SessionStatus.CRASHED and records:
        after = (
            f"the arm may still hold: {keys.BENCH}, then {keys.HOLD} takes it over {signs().dot} "
            f"saved takes are safe {signs().dot} "
            f"{keys.NEW_RECORDING} starts again and repairs the dataset first"
        )
    return ended(snapshot, after, _count(snapshot) if records else ("", ""))
