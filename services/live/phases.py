"""The phases of a session, their properties, and one table: which command is obeyed in which phase.

The worker refuses by this table, and the screens grey out by it. The worker also refuses for reasons that only it
knows: a key too soon after a stop, a device in trouble, a number that is not the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from services.live import protocol
from services.live.preflights import unconfirmed
from services.live.protocol import Code, Command
from sessions.blinding import blind
from sessions.models import SessionKind, Verdict
from sessions.requests import BenchRequest, EvalRequest, Purpose
from sessions.resets import Reset

if TYPE_CHECKING:
    from services.live.snapshots import Snapshot


class Phase(StrEnum):
    """What a session is doing."""

    STARTING = "starting"
    IDLE = "idle"
    ALIGNING = "aligning"
    READY = "ready"
    RECORDING = "recording"
    RESET = "reset"
    DONE = "done"
    RUNNING = "running"
    JUDGING = "judging"
    TRAINING = "training"
    SAVING = "saving"
    HELD = "held"
    RESTING = "resting"
    RESTED = "rested"
    RELEASING = "releasing"
    RELEASED = "released"
    LIMP = "limp"
    """Some or all motors lost their torque by themselves."""
    ENDED = "ended"

    @property
    def moving(self) -> bool:
        """Whether the arm may move by itself or by following the leader."""
        return self in MOVING

    @property
    def following(self) -> bool:
        """Whether the follower follows the leader."""
        return self in FOLLOWING


# --- sets of phases ---------------------------------------------------------------------------------

ALL = frozenset(Phase)
LIVE = ALL - {Phase.ENDED}
"""A worker is running."""
OPEN = LIVE - {Phase.STARTING}
"""The worker takes commands."""
FOLLOWING = frozenset({Phase.READY, Phase.RECORDING, Phase.RESET, Phase.DONE})
MOVING = FOLLOWING | {Phase.ALIGNING, Phase.RUNNING, Phase.RESTING, Phase.RELEASING}
BUSY = frozenset(
    {Phase.ALIGNING, Phase.RECORDING, Phase.RUNNING, Phase.JUDGING, Phase.RESTING, Phase.RELEASING, Phase.STARTING}
)
"""Phases without text entry: no note, no filter, no form."""
AT_REST = {SessionKind.EVAL: frozenset({Phase.DONE})}
"""Exceptions from MOVING: an evaluation that is done is at rest, whereas a recording keeps following the leader."""


def moves(kind: SessionKind | None, phase: Phase) -> bool:
    """Whether the arm may move in this phase of such a session."""
    return phase.moving and not (kind is not None and phase in AT_REST.get(kind, ()))


# --- the table --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A command is obeyed in `phases`, except under one of the obstacles in `unless`.

    In `unoffered`, a subset of `phases`, no key offers it: it would change nothing, or Esc comes first.
    """

    phases: frozenset[Phase]
    unless: tuple[Code, ...] = ()
    unoffered: frozenset[Phase] = frozenset()


STILL = frozenset({Phase.IDLE, Phase.HELD, Phase.RESTED})
"""The arm holds, with torque on."""
_RESTING = frozenset({Phase.RESTING})
_ALIGNING = frozenset({Phase.ALIGNING})
_GUIDED = STILL | _RESTING | _ALIGNING | {Phase.READY, Phase.RESET, Phase.DONE}
"""Phases from which an arm with a leader may go to rest or be released."""
_DRIVEN = STILL | _RESTING | {Phase.JUDGING, Phase.DONE, Phase.RESET}
"""Phases from which an arm with a policy may."""
_LAST_TRIAL = OPEN - {Phase.ALIGNING, Phase.RUNNING}
"""Phases in which the verdict of the last trial may still change."""

Rules = Mapping[type[Command], tuple[Rule, ...]]

_ALWAYS: Rules = {
    protocol.Attach: (Rule(LIVE),),
    protocol.TakeOver: (Rule(LIVE),),
    protocol.Heartbeat: (Rule(LIVE),),
    protocol.SetPreviews: (Rule(LIVE),),
    protocol.AddNote: (Rule(LIVE, unoffered=BUSY),),
    protocol.SetTag: (Rule(LIVE, unoffered=LIVE),),
}


def _arm(at_rest: frozenset[Phase], acting: Phase | None = None) -> Rules:
    """The rules of every arm session. A stop is never refused; a key offers it while the arm may move."""
    busy = frozenset({acting}) if acting else frozenset()
    return {
        **_ALWAYS,
        protocol.Stop: (Rule(ALL, unoffered=ALL - {Phase.STARTING, Phase.LIMP} - (MOVING - at_rest)),),
        protocol.Finish: (Rule(OPEN, unoffered=busy),),
    }


_GUIDED_ARM: Rules = {
    protocol.Follow: (Rule(STILL | {Phase.RELEASED}, unless=(Code.NO_LEADER, Code.ENDING)),),
    protocol.GoToRest: (Rule(_GUIDED, (Code.NO_REST_POSE,), unoffered=_ALIGNING | _RESTING | {Phase.RESTED}),),
    protocol.Release: (Rule(_GUIDED | {Phase.LIMP}, unoffered=_ALIGNING | _RESTING),),
}

TABLE: Mapping[SessionKind, Rules] = {
    SessionKind.BENCH: {**_arm(frozenset()), **_GUIDED_ARM},
    SessionKind.RECORD: {
        **_arm(frozenset(), Phase.RECORDING),
        **_GUIDED_ARM,
        protocol.StartTake: (Rule(frozenset({Phase.READY, Phase.RESET, Phase.DONE}), unless=(Code.ENDING,)),),
        protocol.EndTake: (Rule(frozenset({Phase.RECORDING})),),
        protocol.MarkMoment: (Rule(frozenset({Phase.RECORDING})),),
        protocol.MarkTake: (Rule(OPEN, unless=(Code.NO_TAKE,)),),
    },
    SessionKind.EVAL: {
        **_arm(AT_REST[SessionKind.EVAL], Phase.RUNNING),
        protocol.Follow: (Rule(STILL | {Phase.DONE, Phase.RELEASED}, unless=(Code.NO_LEADER, Code.ENDING)),),
        protocol.EndReset: (Rule(frozenset({Phase.RESET})),),
        protocol.GoToRest: (Rule(_DRIVEN, (Code.NO_REST_POSE,), unoffered=_RESTING | {Phase.RESTED, Phase.DONE}),),
        protocol.Release: (Rule(_DRIVEN | {Phase.LIMP}, unoffered=_RESTING),),
        protocol.StartTrial: (
            Rule(
                frozenset({Phase.IDLE, Phase.RESTED, Phase.DONE, Phase.RELEASED}),
                unless=(Code.PENDING_VERDICT, Code.ENDING, Code.PREFLIGHT),
            ),
            Rule(frozenset({Phase.HELD}), unless=(Code.PENDING_VERDICT, Code.REST_FIRST, Code.ENDING, Code.PREFLIGHT)),
        ),
        protocol.MakePreflight: (Rule(STILL | {Phase.DONE, Phase.RELEASED}, unless=(Code.ENDING,)),),
        protocol.ConfirmPreflight: (Rule(OPEN, unless=(Code.NO_PREFLIGHT,)),),
        protocol.Unblind: (Rule(_LAST_TRIAL, unless=(Code.NOT_BLINDED, Code.PENDING_VERDICT)),),
        protocol.EndTrial: (Rule(frozenset({Phase.RUNNING})),),
        protocol.JudgeTrial: (Rule(OPEN, unless=(Code.NO_TRIAL,)),),
        protocol.UndoVerdict: (Rule(_LAST_TRIAL, unless=(Code.NO_VERDICT,)),),
        protocol.AssistTrial: (Rule(OPEN, unless=(Code.NO_TRIAL,)),),
        protocol.ReachStage: (Rule(OPEN, unless=(Code.NO_TRIAL, Code.NO_STAGES)),),
        protocol.AnnotateTrial: (Rule(OPEN, (Code.NO_FAILURE,), unoffered=OPEN - _LAST_TRIAL),),
    },
    SessionKind.TRAIN: {
        **_ALWAYS,
        protocol.Stop: (Rule(ALL, unoffered=ALL),),  # nothing moves there, but a stop is never refused
        protocol.Finish: (Rule(LIVE),),
    },
}


def refusal(kind: SessionKind, command: type[Command], phase: Phase, obstacles: Collection[Code]) -> Code:
    """Why `command` is not obeyed: MEANINGLESS, WRONG_PHASE or the first obstacle; OK if it is."""
    rules = TABLE[kind].get(command)
    if rules is None:
        return Code.MEANINGLESS
    rule = next((r for r in rules if phase in r.phases), None)
    if rule is None:
        return Code.WRONG_PHASE
    return next((code for code in rule.unless if code in obstacles), Code.OK)


# --- by snapshot ------------------------------------------------------------------------------------


def arm_only(snapshot: Snapshot) -> bool:
    """Whether the session connects the follower and nothing else, to hold, rest or release it."""
    request = snapshot.started.request if snapshot.started else None
    return isinstance(request, BenchRequest) and request.purpose is not Purpose.TELEOPERATE


def _led(snapshot: Snapshot) -> bool:
    """Whether the session connects the leader: an evaluation does to be reset by it."""
    request = snapshot.started.request if snapshot.started else None
    return not isinstance(request, EvalRequest) or request.reset is Reset.LEADER


def obstacles(snapshot: Snapshot) -> frozenset[Code]:
    """The obstacles to a command that names the newest take or trial."""
    last, started = snapshot.trial, snapshot.started
    profile = started.profile if started else None
    rests = profile is not None and bool(profile.motion.rest)
    guided = profile is not None and bool(profile.teleop) and not arm_only(snapshot) and _led(snapshot)
    verdict, unfit = last.verdict if last else None, bool(unconfirmed(snapshot.preflights))
    found = {
        Code.ENDING: snapshot.ending,
        Code.NO_LEADER: not guided,
        Code.NO_REST_POSE: not rests,
        Code.REST_FIRST: rests,
        Code.NO_TAKE: not snapshot.take or any(lost.take == snapshot.take for lost in snapshot.lost),
        Code.PENDING_VERDICT: snapshot.pending is not None,
        Code.PREFLIGHT: unfit,
        Code.NO_PREFLIGHT: not unfit,
        Code.NOT_BLINDED: started is None or not blind(started.request),
        Code.NO_TRIAL: last is None or verdict is not None,
        Code.NO_STAGES: profile is None or started is None or not profile.stages(started.task),
        Code.NO_VERDICT: verdict is None,
        Code.NO_FAILURE: verdict is not Verdict.FAILURE,
    }
    return frozenset(code for code, applies in found.items() if applies)


def why_refused(snapshot: Snapshot, command: type[Command]) -> Code:
    """Why the session would not obey `command` now; OK if it would."""
    if snapshot.started is None:
        return Code.NOT_READY
    return refusal(snapshot.started.kind, command, snapshot.phase, obstacles(snapshot))


def obeyed(snapshot: Snapshot, command: type[Command]) -> bool:
    """Whether the session would obey `command` now, as far as the snapshot shows."""
    return why_refused(snapshot, command) is Code.OK


def offered(snapshot: Snapshot, command: type[Command]) -> bool:
    """Whether a key should offer `command` now: it is obeyed, and changes something."""
    started = snapshot.started
    if started is None or not obeyed(snapshot, command):
        return False
    return any(snapshot.phase in r.phases - r.unoffered for r in TABLE[started.kind][command])
