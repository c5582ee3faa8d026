"""Bench's view of the arm: one word, pose and torque in words, and what to do. What is not known now is said so. Pure.

Of an arm that no session has, only how it was left is known: "last seen" says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from screens.views import keys
from screens.views.measured import Part
from screens.views.phase import phase_view
from screens.views.signs import clean, signs
from screens.views.times import when
from services.live.phases import Phase
from services.live.protocol import Telemetry
from services.live.reasons import AlarmSource
from services.live.running import Running
from services.live.snapshots import Snapshot
from services.log.last_seen import NO_TORQUE, LastSeen
from services.tone import Tone
from sessions.bench import Profile
from sessions.document import Session
from sessions.models import SessionStatus
from sessions.requests import AnyRequest, BenchRequest, EvalRequest, RecordRequest
from sessions.resets import Reset


@dataclass(frozen=True)
class Offer:
    """A key and what it does."""

    key: keys.NamedKey | str
    does: str
    short: str


@dataclass(frozen=True)
class ArmView:
    """A word with its tone, the arm's `state` in words with its tone, and in parts what happened and what to press.

    `offers` are keys that start something, each with what it does.
    """

    word: str
    tone: Tone
    state: str
    state_tone: Tone
    parts: tuple[Part, ...]
    offers: tuple[Offer, ...] = ()

    @property
    def sentence(self) -> tuple[Part, ...]:
        """The parts, and the offers in the same sentence; the look at the arm is never dropped."""
        said = [Part(f"{o.key} {o.does}", rank, short=f"{o.key} {o.short}") for rank, o in enumerate(self.offers)]
        return (*self.parts, *said)


POSES = {
    Phase.STARTING: "not connected yet",
    Phase.IDLE: "held where it stands",
    Phase.ALIGNING: "moving to the leader",
    Phase.READY: "following the leader",
    Phase.RECORDING: "following the leader",
    Phase.RESET: "following the leader",
    Phase.DONE: "following the leader",
    Phase.RUNNING: "driven by the policy",
    Phase.JUDGING: "held where the trial ended",
    Phase.HELD: "held where it stands",
    Phase.RESTING: "moving to rest",
    Phase.RESTED: "at rest",
    Phase.RELEASING: "being lowered",
    Phase.RELEASED: "limp",
    Phase.LIMP: "limp",
}
EVALUATING = {Phase.ALIGNING: "moving to its start pose", Phase.DONE: "at rest"}
"""Of an evaluation, whose arm returns to rest between trials."""
RESETTING = {
    Reset.HOME: {Phase.DONE: POSES[Phase.IDLE], Phase.RESTING: "moving to rest or home"},
    Reset.LEADER: {Phase.DONE: POSES[Phase.IDLE], Phase.ALIGNING: "moving to its start pose or to the leader"},
}
"""Of one that resets its arm otherwise."""


def pose(phase: Phase, request: AnyRequest | None) -> str:
    """Where the arm is or what it does in this phase of such a session."""
    if isinstance(request, EvalRequest):
        where = RESETTING.get(request.reset, {}).get(phase) or EVALUATING.get(phase)
        if where:
            return where
    return POSES.get(phase, phase.value)


def state_now(snapshot: Snapshot, telemetry: Telemetry | None) -> tuple[str, Tone]:
    """`at rest, torque on`: of a running session, by its events and, if there is any, its telemetry."""
    phase = snapshot.phase
    if snapshot.started is None or phase is Phase.STARTING:
        return "not connected yet: torque not known", Tone.QUIET
    if any(alarm.source == AlarmSource.FOLLOWER for alarm in snapshot.alarms):
        return "it does not answer: pose and torque not known", Tone.DANGER
    where = pose(phase, snapshot.started.request)
    if phase is Phase.LIMP:
        return f"{where}, torque lost", Tone.DANGER
    on = telemetry.torque if telemetry is not None else phase not in NO_TORQUE
    if on:
        return f"{where}, torque on", Tone.PLAIN
    if phase in NO_TORQUE:
        return f"{where}, torque off", Tone.PLAIN
    return f"{where}, torque not on at every motor", Tone.WARNING


def state_then(seen: LastSeen, now: float) -> str:
    """`last seen at rest, torque off, 14:02`."""
    return f"last seen {_left(seen)}, {_torque(seen.torque)}, {when(seen.at, now)}"


def _left(seen: LastSeen) -> str:
    """Where it was left: at rest as measured, limp where there is no torque, else what its last phase says."""
    if seen.at_rest:
        return "at rest"
    if seen.torque is False or seen.phase in NO_TORQUE:
        return "limp"
    return pose(seen.phase, seen.session.request)


def _torque(torque: bool | None) -> str:
    return "torque not known" if torque is None else f"torque {'on' if torque else 'off'}"


# --- the whole panel --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """What the panel is drawn from. `holder` is a session that has the arm and is not attached here."""

    profile: Profile
    snapshot: Snapshot
    telemetry: Telemetry | None
    live: bool
    driving: bool
    holder: Running | None
    last: LastSeen | None
    read: bool
    """Whether the log has been looked at."""
    now: float


def arm_view(bench: Bench) -> ArmView:
    """The panel of a session that is attached, of another one that has the arm, or of an arm that none has."""
    if bench.live:
        return _attached(bench)
    if bench.holder is not None:
        return _in_use(bench.holder, bench.now)
    return _free(bench)


def _attached(bench: Bench) -> ArmView:
    view = phase_view(bench.snapshot, bench.telemetry, driving=bench.driving, now=bench.now)
    state, tone = state_now(bench.snapshot, bench.telemetry)
    return ArmView(view.word, view.tone, state, tone, view.parts)


def _in_use(holder: Running, now: float) -> ArmView:
    """Who has the arm, and how to get at it."""
    snapshot = holder.snapshot
    state, tone = state_now(snapshot, None)
    offers = (
        Offer(keys.ATTACH, f"attaches to it, then {keys.PAUSE}, {keys.REST} and {keys.RELEASE} act on it", "attaches"),
        Offer(keys.stop_keys(), "stops it", "stops it"),
    )
    return ArmView("IN USE", Tone.WARNING, state, tone, (Part(who_has(holder, now)),), offers)


def who_has(holder: Running, now: float) -> str:
    """`tg records cubes since 14:02: ready`."""
    started = holder.snapshot.started
    request = started.request if started else holder.request
    if request is None:
        return "a session that is starting has this arm"
    since = when(started.at, now) if started else ""
    who = clean(request.operator, 40) or "somebody"
    return f"{who} {_does(request)}{f' since {since}' if since else ''}"


def _does(request: AnyRequest) -> str:
    match request:
        case RecordRequest():
            return f"records {clean(request.dataset, 60)}"
        case EvalRequest():
            from services.log.trials.results import policy_name

            if (several := len(request.checkpoints)) > 1:
                return f"compares {several} policies"
            return f"evaluates {clean(policy_name(request.checkpoint), 60)}"
        case BenchRequest():
            return f"has the arm ({clean(request.purpose.value) or 'bench'})"
        case _:
            return "has the arm"


def _free(bench: Bench) -> ArmView:
    """No session has the arm as far as this data folder knows: how it was left, and the key that looks."""
    seen = bench.last
    ended = _how_it_ended(bench.snapshot)
    word, tone = ended[:2] if ended else ("NO SESSION", Tone.QUIET)
    parts = [ended[2]] if ended else []
    offers = _offers(bench.profile)
    if seen is None:
        unknown = "not known: no session here has had this arm yet" if bench.read else f"reading the log{signs().more}"
        return ArmView(word, tone, unknown, Tone.QUIET, tuple(parts), offers)
    if seen.crashed:
        parts = [Part("it may still hold", tone=Tone.WARNING), *(parts or [Part("its worker vanished", rank=1)])]
    parts.append(Part(f"after {_after(seen.session)}", rank=6, tone=Tone.QUIET))
    safe = seen.torque is False or seen.at_rest
    return ArmView(word, tone, state_then(seen, bench.now), Tone.PLAIN if safe else Tone.WARNING, tuple(parts), offers)


def _how_it_ended(snapshot: Snapshot) -> tuple[str, Tone, Part] | None:
    """The word, and the reason, of the session that was attached here and did not end as it should."""
    if snapshot.started is None or snapshot.ended is None or snapshot.status is SessionStatus.FINISHED:
        return None
    why = clean(snapshot.end_reason) or "no reason was given"
    return snapshot.status.value.upper(), Tone.DANGER, Part(why, rank=1, tone=Tone.WARNING)


def _after(session: Session) -> str:
    who = f" by {clean(session.operator, 40)}" if session.operator else ""
    match session.request:
        case RecordRequest(dataset=dataset):
            return f"recording {clean(dataset, 60)}{who}"
        case EvalRequest(checkpoint=checkpoint):
            from services.log.trials.results import policy_name

            return f"evaluating {clean(policy_name(checkpoint), 60)}{who}"
        case BenchRequest(purpose=purpose):
            return f"a bench session ({clean(purpose.value) or 'hold'}){who}"
        case _:
            return "a session"


def _offers(profile: Profile) -> tuple[Offer, ...]:
    """What starts a session with the arm; the look at it comes first."""
    offers = [Offer(keys.HOLD, "starts a session that holds it and looks", "holds and looks")]
    if profile.teleop:
        offers.append(Offer(keys.TELEOPERATE, "teleoperates, nothing is recorded", "teleoperates"))
    if profile.motion.rest:
        offers.append(Offer(keys.REST, "goes to rest", "rests"))
        offers.append(Offer(keys.RELEASE, "lowers it and cuts torque", "releases"))
    return tuple(offers)
