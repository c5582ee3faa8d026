"""The phase panel's content, from a snapshot and the telemetry. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from screens.views import keys
from screens.views.advice import HOLD_AGAIN
from screens.views.measured import Part
from screens.views.phase_view import (
    SAVING,
    SENTENCES,
    TONES,
    PhaseView,
    ended,
    from_outside,
    may_hold,
    press,
    reset_left,
    word,
)
from screens.views.signs import signs
from services.live.intents import ALIGNS, last_take_accepted, mark, pause, take
from services.live.phases import Phase, offered
from services.live.protocol import GoToRest, Telemetry
from services.live.snapshots import Snapshot
from services.tone import Tone
from services.units import number, plural
from sessions.models import SessionKind, SessionStatus

USUAL_S = {SessionKind.EVAL: (10, 20)}
"""How long a start usually takes, least and most, in s: the policy is loaded as well."""
USUAL_ARM_S = (6, 10)


def phase_view(
    snapshot: Snapshot,
    telemetry: Telemetry | None,
    *,
    driving: bool,
    now: float,
    fresh: int = 0,
    stopped: bool = False,
) -> PhaseView:
    """What the phase panel shows.

    `fresh` is the index of a trial that was judged within the last second; `stopped`: the stop key was pressed while
    the session starts.
    """
    started = snapshot.started
    if started is None or snapshot.phase is Phase.STARTING:
        return _starting(snapshot, now, stopped=stopped)
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
            parts = tuple(_standing(snapshot, driving))
            return PhaseView(word(snapshot), TONES.get(phase, Tone.PLAIN), parts, *_count(snapshot))


def _standing(snapshot: Snapshot, driving: bool) -> Iterator[Part]:
    """The worker's own message, else the phase's sentence, and the keys to continue with."""
    yield from_outside(snapshot.detail or SENTENCES.get(snapshot.phase, ""))
    held = snapshot.phase is Phase.HELD
    rejected = held and mark(snapshot) is not None and not last_take_accepted(snapshot)
    if rejected:
        saved = "being saved" if snapshot.unsaved_take == snapshot.take else "saved"
        yield Part(f"take {snapshot.take} is {saved} as rejected", 1, short=f"take {snapshot.take} rejected")
    if driving and held and pause(snapshot):
        yield press(keys.PAUSE, "follows again, slowly", "follows again")
        if offered(snapshot, GoToRest):
            yield press(keys.REST, "goes to rest")
        if rejected:
            yield press(keys.REJECT, f"accepts take {snapshot.take}")
    elif driving and held and offered(snapshot, GoToRest):
        yield press(keys.REST, "goes to rest")
    if snapshot.phase is Phase.LIMP:
        yield HOLD_AGAIN
    if driving and snapshot.phase in ALIGNS and take(snapshot):
        yield press(keys.TAKE, "aligns with the leader", "aligns")


# -- starting ----------------------------------------------------------------------------------------


def _starting(snapshot: Snapshot, now: float, *, stopped: bool) -> PhaseView:
    """What it does, how long it takes, from when on that is late, and what a stop does."""
    kind = snapshot.started.kind if snapshot.started else None
    least, most = USUAL_S.get(kind, USUAL_ARM_S) if kind else USUAL_ARM_S
    elapsed = max(0.0, now - snapshot.phase_since) if snapshot.phase_since else None
    doing: tuple[Part, ...] = (from_outside(snapshot.detail or "starting the worker", 0),)
    if stopped:
        still = "stopped: nothing moves and nothing is recorded until you press a key for it"
        doing = (Part(still, tone=Tone.WARNING, short="stopped: nothing moves by itself"), *doing)
    if elapsed is None:
        return PhaseView("STARTING", Tone.ACCENT, doing, progress=0.0)
    late = elapsed - most
    if late >= 1:
        since = Part(f"{late:.0f} s late: it usually takes {least} to {most} s", tone=Tone.WARNING)
        stop = Part(f"{keys.stop_keys()} keeps everything still, {keys.LEAVE} leaves", 1)
        label = f"s, {late:.0f} s late"
        return PhaseView(
            "STARTING", Tone.WARNING, (*doing, since, stop), right=f"{elapsed:.0f}", right_label=label, progress=0.95
        )
    label = f"s (usually {least}-{most})"
    part = min(0.95, elapsed / most)
    return PhaseView("STARTING", Tone.ACCENT, doing, right=f"{elapsed:.0f}", right_label=label, progress=part)


# -- takes -------------------------------------------------------------------------------------------


def _count(snapshot: Snapshot) -> tuple[str, str]:
    """Accepted episodes of the target, and its label. A running take that was rejected is not among them."""
    target = snapshot.started.target if snapshot.started else 0
    short = f"{snapshot.accepted}/{target}" if target < 100 else str(snapshot.accepted)
    return short, f"accepted of {target}"


def _recording(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    assert snapshot.started is not None
    whole = snapshot.started.request.attempt_seconds
    seconds = telemetry.take_seconds if telemetry else 0.0
    number_of = snapshot.take
    tone = Tone.DANGER
    parts: tuple[Part, ...] = (Part(f"take {number_of} is running"),)
    if driving:
        parts = (
            press(keys.TAKE, f"ends take {number_of}"),
            press(keys.REJECT, "rejects it"),
            press(keys.MARK, "marks this moment", "marks", rank=2),
            Part(
                f"{keys.PAUSE} or Esc holds the arm and rejects it", 3, short=f"{keys.PAUSE} or Esc rejects it, holds"
            ),
        )
    if marked := snapshot.moments.get(snapshot.take):
        parts += (Part(plural(len(marked), "moment") + " marked", 1),)
    if not snapshot.take_accepted:
        tone = Tone.WARNING
        said = f"take {number_of} goes on, is saved as rejected and left out of training"
        parts = (Part(said, short=f"take {number_of} is saved as rejected"),)
        if driving:
            parts += (press(keys.TAKE, "ends it"), press(keys.REJECT, "accepts it again"))
    return PhaseView(
        word(snapshot), tone, parts, *_count(snapshot),
        f"{seconds:.1f}", f"of {number(whole)} s {signs().dot} take {number_of}",
        seconds / whole if whole else None,
    )  # fmt: skip


def _between(snapshot: Snapshot, telemetry: Telemetry | None, driving: bool) -> PhaseView:
    """Following without recording: ready, resetting, or target reached."""
    assert snapshot.started is not None
    upcoming = str(snapshot.take + 1)
    count = _count(snapshot)
    saving = (telemetry.saving_take if telemetry else 0) or snapshot.unsaved_take
    if telemetry and telemetry.start_pending:
        waits = (Part(f"take {upcoming} starts when take {saving} is saved"),)
        return PhaseView(SAVING, Tone.ACCENT, waits, *count, upcoming, "take that waits")
    starts = press(keys.TAKE, f"starts take {upcoming}") if driving else Part(f"take {upcoming} comes next")
    if snapshot.phase is Phase.DONE:
        ends = (press(keys.FINISH, "finishes"), press(keys.TAKE, "one more", rank=1)) if driving else ()
        return PhaseView(
            word(snapshot), Tone.SUCCESS, (Part("target reached"), *ends), *count, upcoming, "next take", 1.0
        )
    saves = (Part(f"saving take {saving}{signs().more}", 1),) if saving else ()
    left = reset_left(snapshot, telemetry)
    named = word(snapshot, telemetry)
    after = (starts, *_takes_back(snapshot, driving))
    if left > 0:
        part = 1 - left / max(snapshot.started.request.reset_seconds, 0.001)
        return PhaseView(named, Tone.PLAIN, (*saves, *after), *count, f"{left:.1f}", "s to reset", part)
    return PhaseView(SAVING if saving else named, Tone.ACCENT, (*saves, *after), *count, upcoming, "next take")


def _takes_back(snapshot: Snapshot, driving: bool) -> tuple[Part, ...]:
    """What the last take became, and the key that changes it."""
    if not snapshot.take or mark(snapshot) is None:
        return ()
    accepted = last_take_accepted(snapshot)
    became = Part(f"take {snapshot.take} is {'accepted' if accepted else 'rejected'}", 2)
    does = "rejects it" if accepted else "accepts it again"
    return (became, press(keys.REJECT, does, rank=2)) if driving else (became,)


# -- bench, and the end ------------------------------------------------------------------------------


def _bench(snapshot: Snapshot, driving: bool) -> PhaseView:
    if snapshot.phase is Phase.ENDED:
        return _ended(snapshot)
    if snapshot.phase.following:
        parts = (Part("the follower follows the leader, nothing is recorded", short="nothing is recorded"),)
        ends = (press(keys.PAUSE, "holds"), press(keys.REST, "goes to rest")) if driving else ()
        return PhaseView(word(snapshot), Tone.ACCENT, parts + ends)
    return PhaseView(word(snapshot), TONES.get(snapshot.phase, Tone.PLAIN), tuple(_standing(snapshot, driving)))


def _ended(snapshot: Snapshot) -> PhaseView:
    records = snapshot.started is not None and snapshot.started.kind is SessionKind.RECORD
    opens = press(keys.LOG, "log")
    starts = press(keys.NEW_RECORDING, "new session") if records else press(keys.RECORD, "records")
    after: tuple[Part, ...] = (starts, opens)
    if snapshot.status is SessionStatus.CRASHED and records:
        after = may_hold(keys.NEW_RECORDING, "saved takes are safe", "starts again and repairs the dataset first")
    return ended(snapshot, after, _count(snapshot) if records else ("", ""))
