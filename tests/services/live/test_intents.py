"""What a key asks for, from the snapshot alone."""

from __future__ import annotations

from services.live import events as ev
from services.live import intents
from services.live.protocol import AnnotateTrial, EndTake, EndTrial, Follow, JudgeTrial, MarkTake, StartTake, StartTrial
from services.live.protocol import Stop as Hold
from services.live.snapshots import Snapshot, replay
from sessions.bench import Motion, Profile
from sessions.models import SessionKind, Verdict
from tests.support.runs import numbered, started


def state(*events: ev.Event, kind: SessionKind = SessionKind.EVAL, rest: bool = True) -> Snapshot:
    motion = Motion(rest={"gripper": 5.0} if rest else {})
    profile = Profile(robot={}, teleop={"type": "so101_leader"}, motion=motion)
    return replay(numbered(started("20260217-142000-abcd", kind=kind, profile=profile), *events))


def phase(name: str) -> ev.PhaseChanged:
    return ev.PhaseChanged(phase=name)


BEGUN = ev.TakeStarted(take=1)
ENDED = (BEGUN, ev.TakeEnded(take=1, frames=9, reason="key"))


def test_space_starts_a_trial_at_rest_with_nothing_pending_and_ends_the_one_that_runs() -> None:
    void = ev.TrialJudged(trial=1, verdict=Verdict.VOID)
    assert intents.trial(state(phase("idle"))) == StartTrial(trial=1)
    assert intents.trial(state(phase("running"), BEGUN)) == EndTrial(trial=1)
    assert intents.trial(state(*ENDED, phase("rested"))) is None
    assert intents.trial(state(*ENDED, void, phase("rested"))) == StartTrial(trial=2)
    assert intents.trial(state(*ENDED, void, phase("held"))) is None
    assert intents.trial(state(*ENDED, void, phase("held"), rest=False)) == StartTrial(trial=2)
    assert intents.trial(state(ev.PhaseChanged(phase="idle", detail="ending the session"))) is None


def test_a_verdict_is_for_the_running_or_the_pending_trial() -> None:
    judged = ev.TrialJudged(trial=1, verdict=Verdict.FAILURE)
    wanted = JudgeTrial(trial=1, verdict=Verdict.SUCCESS, judge="anna")

    def verdict(*events: ev.Event) -> object:
        return intents.judge(state(*events), Verdict.SUCCESS, "anna")

    assert verdict(phase("idle")) is None
    assert verdict(BEGUN, phase("running")) == wanted
    assert verdict(*ENDED, judged, phase("rested")) is None
    assert verdict(*ENDED, judged, ev.VerdictUndone(trial=1), phase("rested")) == wanted
    mode = AnnotateTrial(trial=1, failure_mode="drops it")
    assert intents.annotate(state(*ENDED, judged, phase("rested")), "drops it") == mode
    assert intents.annotate(state(*ENDED, judged, phase("aligning")), "drops it") is None


def test_space_aligns_starts_and_ends_takes_and_p_answers_a_stop() -> None:
    def recording(*events: ev.Event) -> Snapshot:
        return state(*events, kind=SessionKind.RECORD)

    assert intents.take(recording(phase("idle"))) == Follow()
    assert intents.take(recording(phase("ready"))) == StartTake(take=1)
    assert intents.take(recording(BEGUN, phase("recording"))) == EndTake(take=1)
    assert intents.take(recording(phase("held"))) is None
    assert intents.pause(recording(phase("held"))) == Follow()
    assert isinstance(intents.pause(recording(phase("ready"))), Hold)
    assert intents.mark(recording(phase("ready"))) is None
    assert intents.mark(recording(BEGUN, phase("recording"))) == MarkTake(take=1, accepted=False)
    lost = ev.TakeLost(take=1, reason="a full disk")
    assert intents.mark(recording(*ENDED, lost, phase("ready"))) is None
