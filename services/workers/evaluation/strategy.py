"""Evaluation: how a trial begins, what ends it, and what a verdict does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import AlarmSource, StopCause
from services.live.requests import ORACLE, EvalRequest
from services.workers.arm.arm import Mode
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose, distance, step_towards
from services.workers.arm.strategy import Strategy
from services.workers.evaluation.approach import Approach, Stranded
from services.workers.evaluation.oracle import Oracle
from services.workers.evaluation.trials import Trials
from services.workers.inference.action_source import ActionSource, PolicyFailed
from services.workers.process.mailbox import Refused
from services.workers.recording.recorder import Recorder
from services.workers.recording.takes import Takes
from sessions.models import EndedBy, SessionKind, SessionStatus, Verdict

BETWEEN = (Phase.RUNNING, Phase.JUDGING, Phase.IDLE, Phase.RESTED, Phase.DONE)
"""Phases that a verdict, or its undoing, changes at once: nothing moves by itself in them."""


class EvaluateStrategy(Strategy):
    """Trials, each started by a command: the arm goes to where it begins, then follows the policy."""

    kind = SessionKind.EVAL
    guided_by = "the policy"
    recovery_hint = "g goes to rest when it is back"
    needs_driver = frozenset({Phase.ALIGNING, Phase.RUNNING, Phase.RESTING, Phase.RELEASING})
    """Nobody watches: whatever moves holds, and the trial is left pending."""

    def __init__(self, request: EvalRequest, *, takes: Takes, action_source: ActionSource, start: Pose) -> None:
        """`start` is where trials begin, empty where that is not known."""
        self._request, self._takes, self._action_source, self._start_pose = request, takes, action_source, start
        self.trials = Trials(request.trials)
        self._oracle = Oracle(request.fps) if request.judge == ORACLE else None
        self._length = max(1, round(request.trial_seconds * request.fps))
        self._alarmed = self._ramped = False

    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Policy and dataset are open already."""
        self._context, self._recorder = context, Recorder(context, self._takes)
        trusting = self._oracle is not None
        motion = context.profile.motion
        self._approach = Approach(context.arm, self._action_source, motion, self._start_pose, trusting=trusting)
        return None

    # --- commands ---------------------------------------------------------------------------------

    def reasons(self, command: protocol.Command) -> Mapping[Code, str]:
        """What the number of the trial says, else what the phase does."""
        try:
            self.trials.check(command)
        except Refused as refused:
            return {refused.code: str(refused), Code.WRONG_PHASE: str(refused)}
        match command:
            case protocol.Follow():
                return {Code.MEANINGLESS: "in an evaluation the arm follows the policy: space starts the next trial"}
            case protocol.StartTrial():
                return {Code.WRONG_PHASE: f"the arm is {self._context.phase.value}: a trial starts when it rests"}
            case protocol.UndoVerdict():
                return {Code.WRONG_PHASE: f"trial {self.trials.next} has begun: the verdict before it stays"}
            case protocol.GoToRest() | protocol.Release() if self._context.phase is Phase.ALIGNING:
                return {Code.WRONG_PHASE: "a trial begins: stop it first"}
        return {}

    def command(self, command: protocol.Command, done: Callable[[], None]) -> bool:
        """Start and end trials; verdicts are answered when they are on disk."""
        self.trials.check(command)
        match command:
            case protocol.StartTrial(trial=trial):
                self._check_start(trial)
                self._context.start(trial)
                return True
            case protocol.EndTrial(trial=trial):
                self._finish_trial(EndedBy.KEY, f"trial {trial} waits for its verdict")
                return True
            case protocol.JudgeTrial(trial=trial, verdict=verdict, judge=judge):
                self._judge(trial, verdict, judge or self._request.operator, done)
            case protocol.UndoVerdict(trial=trial):
                self._undo(trial, done)
            case protocol.AnnotateTrial(trial=trial, failure_mode=mode):
                self._context.tell(ev.TrialAnnotated(trial=trial, failure_mode=mode), then=done)
            case _:
                return super().command(command, done)
        return False

    def _check_start(self, trial: int) -> None:
        self._recorder.check()
        if self._context.guard.trouble:
            raise Refused(self._context.guard.trouble, Code.TROUBLE)
        self._context.haste.check_after_stop()
        self._context.haste.check_burst()
        if not self._context.driven:
            raise Refused("no console drives: a trial needs somebody who watches", Code.NOT_DRIVING)
        if self._context.waiting:
            raise Refused(f"trial {trial} starts as soon as the one before is saved", Code.WAITS)

    def _judge(self, trial: int, verdict: Verdict, judge: str, done: Callable[[], None] | None = None) -> None:
        """The verdict on the running trial, which ends by it, or the pending one; the arm then goes to rest."""
        if self.trials.running:
            self._context.hold()
            self._end_take(EndedBy.VERDICT)
        self.trials.verdicts[trial] = verdict
        self._context.tell(ev.TrialJudged(trial=trial, verdict=verdict, judge=judge), then=done)
        self._takes.judge(trial, verdict)
        if self._context.ending is not None:
            return
        if self._context.phase in (Phase.RUNNING, Phase.JUDGING) and self._context.arm.can_rest:
            self._context.rest(f"trial {trial} is judged: the arm goes to rest")
        else:
            self._say_what_comes()

    def _undo(self, trial: int, done: Callable[[], None]) -> None:
        if self._context.waiting:
            raise Refused(f"trial {self.trials.next} has begun: the verdict before it stays", Code.WAITS)
        del self.trials.verdicts[trial]
        self._context.tell(ev.VerdictUndone(trial=trial), then=done)
        self._takes.judge(trial, None)
        self._say_what_comes()

    def _say_what_comes(self) -> None:
        if self._context.phase in BETWEEN:
            self._context.enter(*self.settle(Phase.RESTED))

    def settle(self, phase: Phase) -> tuple[Phase, str]:
        """Done, or what the next key means."""
        if self.trials.pending:
            detail = f"trial {self.trials.pending} waits for its verdict"
        elif self.trials.reached:
            return Phase.DONE, f"{self.trials.judged} trials are judged"
        else:
            detail = f"trial {self.trials.next} comes next"
        return Phase.RESTED if self._context.arm.at_rest else Phase.IDLE, detail

    # --- how a trial begins -----------------------------------------------------------------------

    def begin(self, number: int) -> bool:
        """Once the trial before is saved: the scene is laid out, the arm sets out."""
        if self._takes.problem:  # the trial before could not be saved, and neither could this one
            return True
        if not self._recorder.free:
            return False
        if self._alarmed:
            self._alarmed = False
            self._context.tell(ev.AlarmCleared(source=AlarmSource.POLICY))
        self._context.tell_devices("take_started", number)
        measured = self._context.guard.call("follower", self._context.arm.measure)
        if measured is not None:  # else that has stopped everything
            seed = self._request.seed
            self._approach.set_out(measured, None if seed is None else seed + number)
            self._say_how_far()
        return True

    def _say_how_far(self) -> None:
        loads, moves = "the policy is being loaded again", "the arm moves to where the trial begins"
        self._context.enter(Phase.ALIGNING, loads if self._approach.reloads else moves)

    def _come_near(self, observation: dict[str, Any]) -> None:
        """On the way to where the trial begins."""
        try:
            ramped = self._approach.step(observation, self._context.pose)
        except Stranded as why:
            self._cannot_begin(str(why), why.answer)
            return
        if ramped is not None:
            self._begin_trial(ramped=ramped)
        else:
            self._say_how_far()

    def _begin_trial(self, *, ramped: bool) -> None:
        """The first recorded frame is the observation that the first actions were made from.

        `ramped`: the arm moves below its speed limit until it agrees with the policy, then follows it.
        """
        self._ramped = ramped
        trial = self.trials.begin()
        checkpoint = str(self._action_source.policy.checkpoint.path)
        started = ev.TrialStarted(trial=trial, checkpoint=checkpoint, condition=self._request.condition)
        self._recorder.start(trial, started, accepted=False)  # until it is judged a success
        if self._oracle is not None:
            self._oracle.begin()
        self._context.arm.follow()
        self._context.enter(Phase.RUNNING, f"trial {trial}")

    def _cannot_begin(self, why: str, answer: str) -> None:
        self._alarm(why, answer)
        self._context.stop(StopCause.STRANDED, why)
        self._context.haste.stopped()  # a key that was on its way agrees to nothing
        if self._oracle is not None:
            self._context.finish(SessionStatus.ABORTED, why)

    def _alarm(self, why: str, answer: str) -> None:
        self._alarmed = True
        self._context.tell(ev.AlarmRaised(source=AlarmSource.POLICY, text=why, answer=answer))

    # --- each period ------------------------------------------------------------------------------

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """What the policy says while a trial runs; the goal stays where it says nothing yet."""
        if observation is None:
            return {}
        try:
            if self._context.phase is Phase.ALIGNING:
                self._come_near(observation)
            if self._context.phase is Phase.RUNNING:
                return self._paced(self._action_source.act(observation) or dict(self._context.arm.goal))
        except PolicyFailed as failure:
            self._policy_failed(failure)
        return {}

    def _paced(self, action: Pose) -> Pose:
        """The action, or while a trial begins ramped one speed-limited step towards it."""
        arm, motion = self._context.arm, self._context.profile.motion
        if self._ramped and distance(action, arm.goal, but=motion.gripper)[0] <= motion.agree_within:
            self._ramped = False
        return step_towards(arm.goal, action, arm.limits) if self._ramped else action

    def tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Record, and see whether the trial is over."""
        if self.trials.running and self._context.arm.mode is Mode.FOLLOW:
            first, self._approach.first = self._approach.first, None
            self._recorder.add(observation if first is None else first, action)
            self._see_the_end()

    def _see_the_end(self) -> None:
        trial, oracle = self.trials.running, self._oracle
        if self._takes.trouble:
            why = f"the trial cannot be saved: {self._takes.trouble}"
            self._finish_trial(EndedBy.FAILED, why, why)
        elif oracle is not None and self._context.guard.call(ORACLE, oracle.success):
            self._finish_trial(EndedBy.ORACLE, "the cube is in the bowl")
            self._judge(trial, Verdict.SUCCESS, ORACLE)
        elif self._takes.frames >= self._length and self.trials.running:
            self._finish_trial(EndedBy.TIME, f"the time is over: trial {trial} waits for its verdict")
            if oracle is not None:
                self._judge(trial, Verdict.FAILURE, ORACLE)

    # --- how it ends ------------------------------------------------------------------------------

    def _finish_trial(self, reason: EndedBy, detail: str, why: str = "") -> None:
        """Hold; the verdict is pending."""
        self._context.hold()
        if self.trials.running:  # else holding failed, and that ended it
            self._end_take(reason, why)
            self._context.enter(Phase.JUDGING, detail)

    def _end_take(self, reason: EndedBy, why: str = "") -> None:
        if not self.trials.running:
            return
        ended = ev.TrialEnded(trial=self.trials.running, frames=self._takes.frames, reason=reason, why=why)
        self.trials.running = 0
        self._recorder.end(reason, ended)

    def _policy_failed(self, failure: PolicyFailed) -> None:
        """The arm holds first. What the policy did wrong is a failure to the oracle; its death nobody can judge."""
        trial, policy = self.trials.running, self._action_source.policy
        why = str(failure)
        if not why:
            self._context.hold()
            why = policy.last_words()
        self._finish_trial(EndedBy.FAILED, f"{why}: trial {trial} waits for its verdict", why)
        self._alarm(why, "judge the trial; the next one loads the policy again" if policy.dead else "see the log")
        if self._oracle is not None and failure.died:
            self._context.finish(SessionStatus.ABORTED, why)
        elif self._oracle is not None and self.trials.pending == trial:
            self._judge(trial, Verdict.FAILURE, ORACLE)

    def on_leap(self, why: str) -> None:
        """The policy jumped."""
        self._policy_failed(PolicyFailed(why))

    def on_stop(self, why: str, ended_by: EndedBy) -> str:
        """A trial that runs ends here and waits for its verdict; one that was about to begin does not."""
        if self._context.phase is Phase.ALIGNING:
            self._context.tell_devices("take_ended", self.trials.next)
        if not self.trials.running:
            return ""
        self._end_take(ended_by, why if ended_by is EndedBy.FAILED else "")
        return f"trial {self.trials.started} waits for its verdict"

    # --- what the loop asks -----------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """A trial is being saved."""
        return not self._recorder.free

    @property
    def needs_steps(self) -> bool:
        """Time passes while the policy drives, and stands still while anybody decides."""
        return self._context.phase is Phase.RUNNING

    def telemetry(self) -> dict[str, Any]:
        """The trial's clock, the policy's pace and the encoder's queue."""
        queue = self._action_source.queue
        return self._recorder.telemetry() | {
            "infer_ms": self._action_source.policy.infer_ms,
            "action_queue": len(queue),
            "starved": queue.starved,
        }

    def end(self) -> None:
        """Save what is left and close the dataset."""
        self._end_take(EndedBy.ENDED)
        self._takes.close()
        if self._oracle is not None:
            self._oracle.close()
