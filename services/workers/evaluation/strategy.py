"""The evaluation strategy: starts and ends trials, records them, handles verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.evaluation.preflight.facts import Setting
from services.health.cameras import Black, Frozen
from services.health.checks import ABSENT
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import Advice
from services.live.requests import ORACLE, EvalRequest
from services.workers.arm.arm import Mode
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose, distance, step_towards
from services.workers.arm.strategy import Strategy
from services.workers.evaluation.approach import Approach
from services.workers.evaluation.course import Course, timing
from services.workers.evaluation.lineup import Lineup
from services.workers.evaluation.looking import Looking
from services.workers.evaluation.measures import Measures
from services.workers.evaluation.oracle import Oracle
from services.workers.evaluation.resetting import FOLLOWS, Resetting
from services.workers.evaluation.second import Second
from services.workers.evaluation.starting import Starting
from services.workers.evaluation.trials import Trials
from services.workers.evaluation.verdicts import Verdicts
from services.workers.inference.action_source import PolicyFailed
from services.workers.inference.source import Source
from services.workers.preflight.preflight import Preflight
from services.workers.process.mailbox import Refused
from services.workers.process.replies import Reply
from services.workers.recording.recorder import Recorder
from services.workers.recording.takes import Takes
from sessions.models import EndedBy, SessionKind, SessionStatus, Verdict

BETWEEN = (Phase.RUNNING, Phase.JUDGING, Phase.IDLE, Phase.RESTED, Phase.DONE)
"""Phases that a verdict, or undoing one, changes at once, since the arm is not moving by itself."""
BLINDING = (Black.name, Frozen.name, ABSENT)
"""States of a camera in which it shows nothing new. One that is slow still shows what happens."""


class EvaluateStrategy(Strategy):
    """Runs trials, each started by a command: the arm moves to the start pose, then follows the policy."""

    kind = SessionKind.EVAL
    guided_by = "the policy"
    recovery = Advice.REST
    needs_driver = frozenset({Phase.ALIGNING, Phase.RUNNING, Phase.RESET, Phase.RESTING, Phase.RELEASING})
    """Nobody watches: a moving arm holds, and the trial is left pending."""

    def __init__(
        self,
        request: EvalRequest,
        *,
        takes: Takes,
        lineup: Lineup,
        preflight: Preflight | None = None,
    ) -> None:
        """`lineup` has the policies, each of which was loaded once; `preflight` looks at them, by default at none."""
        self._preflight = preflight or Preflight(request, (), Setting())
        self._request, self._takes, self._lineup = request, takes, lineup
        self.trials = Trials(request.trials)
        self._oracle = Oracle(request.fps) if request.judge == ORACLE else None
        self._length = max(1, round(request.trial_seconds * request.fps))
        self._ramped = False

    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Policy and dataset are open already; there is no first command."""
        self._context, self._recorder = context, Recorder(context, self._takes)
        context.takes_before = self._request.attempt(0)
        trusting = self._oracle is not None
        motion, stages = context.profile.motion, context.profile.stages(self._request.task)
        self._second = Second(self._request, context.emit)
        self._verdicts = Verdicts(self.trials, self._takes, context.emit, stages)
        self._measures = Measures(context.fps, motion.gripper)
        self._resetting = Resetting(self._request, context, self._lineup)
        countdown = 0.0 if context.lockstep else self._request.countdown  # in lockstep time stands still
        for each in self._lineup.entrants:
            each.approach = Approach(
                context.arm, each.source, motion, each.start, trusting=trusting, countdown=countdown
            )
        self._course = Course(self._request, context, self.trials, self._lineup)
        self._looking = Looking(self._request, context, self._preflight, self.settle)
        self._starting = Starting(
            self._request,
            context,
            takes=self._takes,
            recorder=self._recorder,
            course=self._course,
            lineup=self._lineup,
            looking=self._looking,
        )
        self._looking.look_at_once()
        return None

    @property
    def _action_source(self) -> Source:
        """What the arm follows in the trial that runs or comes next."""
        return self._lineup.current.source

    # --- commands ---------------------------------------------------------------------------------

    def reasons(self, command: protocol.Command) -> Mapping[Code, str]:
        """A wrong trial number is the reason, else the phase."""
        try:
            self.trials.check(command)
        except Refused as refused:
            return {refused.code: str(refused), Code.WRONG_PHASE: str(refused)}
        match command:
            case protocol.StartTrial() | protocol.ConfirmPreflight() if found := self._looking.reasons(command):
                return found
            case protocol.Follow() if self._context.devices.teleop is None:
                return {Code.NO_LEADER: "in an evaluation the arm follows the policy: start the next trial"}
            case protocol.StartTrial():
                return {Code.WRONG_PHASE: f"the arm is {self._context.phase.value}: a trial starts when it rests"}
            case protocol.ReachStage() if not self._verdicts.stages:
                return {Code.NO_STAGES: "the task has no stages: lab.toml gives them, `stages` under its [[tasks]]"}
            case protocol.Unblind():
                return self._course.why_blind
            case protocol.UndoVerdict():
                return {Code.WRONG_PHASE: f"trial {self.trials.next} has begun: the verdict before it stays"}
            case protocol.GoToRest() | protocol.Release() if (
                self._context.phase is Phase.ALIGNING and not self._resetting.led
            ):
                return {Code.WRONG_PHASE: "a trial begins: stop it first"}
        return {}

    def command(self, command: protocol.Command, reply: Reply) -> bool:
        """Start and end trials; verdicts are answered once they are on disk."""
        self.trials.check(command)
        match command:
            case protocol.StartTrial(trial=trial, practice=practice):
                self._starting.check(trial)
                self._starting.practice = practice
                self._context.start(trial)
                return True
            case protocol.EndReset():
                if self._resetting.end():
                    self._context.enter(*self.settle(Phase.RESTED))
                return True
            case protocol.EndTrial(trial=trial):
                self._finish_trial(EndedBy.KEY, f"trial {trial} waits for its verdict")
                return True
            case protocol.JudgeTrial(trial=trial, verdict=verdict, judge=judge):
                self._judge(trial, verdict, judge or self._request.operator, reply.accept)
            case protocol.UndoVerdict(trial=trial):
                self._undo(trial, reply.accept)
            case protocol.Unblind(by=by, reason=reason):
                self._course.unblind(by or self._request.operator, reason, reply.accept)
            case _:
                noted = self._verdicts.note(command, reply.accept) or self._looking.command(command, reply.accept)
                return not noted and super().command(command, reply)
        return False

    def _judge(self, trial: int, verdict: Verdict, judge: str, done: Callable[[], None] | None = None) -> None:
        """Record the verdict; it ends a running trial. The arm is then reset."""
        if self.trials.running:
            self._context.hold()
        with self._context.together():
            self._end_take(EndedBy.VERDICT)
            self._verdicts.give(trial, verdict, judge, done)
        self._second.speak(trial, verdict)
        if self._context.ending is not None:
            return
        self._course.turn()
        if self._context.phase not in (Phase.RUNNING, Phase.JUDGING) or not self._resetting.begin(trial):
            self._announce_next()

    def _undo(self, trial: int, done: Callable[[], None]) -> None:
        if self._context.waiting:
            raise Refused(f"trial {self.trials.next} has begun: the verdict before it stays", Code.WAITS)
        self._verdicts.take_back(trial, done)
        self._second.hush()
        self._course.turn()
        self._announce_next()

    def _announce_next(self) -> None:
        if self._context.phase in BETWEEN:
            self._context.enter(*self.settle(Phase.RESTED))

    def settle(self, phase: Phase) -> tuple[Phase, str]:
        """DONE if enough trials are judged, else the phase with what comes next; RESET once it follows the leader."""
        if phase is Phase.READY:
            return Phase.RESET, FOLLOWS
        if self.trials.pending:
            detail = f"trial {self.trials.pending} waits for its verdict"
        elif end := self._course.end:
            return Phase.DONE, end
        else:
            detail = f"trial {self.trials.next} comes next"
        return Phase.RESTED if self._context.arm.at_rest else Phase.IDLE, detail

    # --- starting a trial -------------------------------------------------------------------------

    def begin(self, number: int) -> bool:
        """Once the previous trial is saved, set up the scene and start moving to the start pose."""
        return self._starting.begin(number)

    def _begin_trial(self, *, ramped: bool) -> None:
        """Start the trial; its first recorded frame is the observation that the first actions were computed from.

        If `ramped`, the arm moves below its speed limit until it agrees with the policy, then follows it.
        """
        if blind := self._blind():
            self._starting.abandon(f"{blind}: the policy looks at it", "see to the camera", Advice.TRIAL)
            return
        self._ramped, practice = ramped, self._starting.practice
        self._measures.begin()
        trial = self.trials.begin(practice=practice)
        started = ev.TrialStarted(
            trial=trial,
            checkpoint=self._lineup.current.checkpoint,
            condition=self._course.condition,
            practice=practice,
        )
        self._course.begun(trial)
        self._recorder.start(trial, started, accepted=False)  # accepted only once judged a success
        if self._oracle is not None:
            self._oracle.begin()
        self._second.begin()
        self._context.arm.follow()
        self._context.enter(Phase.RUNNING, f"trial {trial}")

    # --- each period ------------------------------------------------------------------------------

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """The policy's action in a trial, or the unchanged goal before one comes; the leader in a reset; else {}."""
        self._looking.step(observation)
        self._second.listen()
        if self._resetting.leads():
            return self._context.read_leader()
        if observation is None:
            return {}
        try:
            if self._context.phase is Phase.ALIGNING and (ramped := self._starting.step(observation)) is not None:
                self._begin_trial(ramped=ramped)
            if self._context.phase is Phase.RUNNING:
                return self._paced(self._action_source.act(observation) or dict(self._context.arm.goal))
        except PolicyFailed as failure:
            self._policy_failed(failure)
        return {}

    def _paced(self, action: Pose) -> Pose:
        """The action, or during a ramped start one speed-limited step towards it."""
        arm, motion = self._context.arm, self._context.profile.motion
        if self._ramped and distance(action, arm.goal, but=motion.gripper)[0] <= motion.agree_within:
            self._ramped = False
        return step_towards(arm.goal, action, arm.limits) if self._ramped else action

    def tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Record the frame; end the trial on success, timeout or trouble."""
        if self.trials.running and self._context.arm.mode is Mode.FOLLOW:
            first = self._starting.first()
            self._recorder.add(observation if first is None else first, action)
            self._measures.add(action, self._action_source.queue, self._action_source.policy.infer_ms)
            self._second.step(observation)
            self._check_end()

    def _check_end(self) -> None:
        trial, oracle = self.trials.running, self._oracle
        if self._takes.trouble:
            why = f"the trial cannot be saved: {self._takes.trouble}"
            self._finish_trial(EndedBy.FAILED, why, why)
        elif blind := self._blind():
            self._finish_trial(EndedBy.FAILED, blind, blind)
            if self.trials.pending == trial:  # else the hold failed, which made it void
                self._verdicts.void(trial)
                self._context.enter(self.settle(Phase.RESTED)[0], f"trial {trial} is void: {blind}")
        elif oracle is not None and self._context.guard.call(ORACLE, oracle.success):
            self._finish_trial(EndedBy.ORACLE, "the cube is in the bowl")
            self._judge(trial, self._verdicts.success(trial), ORACLE)
        elif self._takes.frames >= self._length and self.trials.running:
            self._finish_trial(EndedBy.TIME, f"the time is over: trial {trial} waits for its verdict")
            if oracle is not None:
                self._judge(trial, Verdict.FAILURE, ORACLE)

    def _blind(self) -> str:
        """Which camera of the policy shows nothing new, if one does: what the arm does then says nothing of it."""
        bad = (
            (name, state) for name, state in self._context.monitor.bad_cameras if name in self._lineup.current.cameras
        )
        return next((f"camera {name} is {state}" for name, state in bad if state in BLINDING), "")

    # --- ending a trial ---------------------------------------------------------------------------

    def _finish_trial(self, reason: EndedBy, detail: str, why: str = "") -> None:
        """Hold and end the running trial; its verdict is pending."""
        self._context.hold()
        if self.trials.running:  # else the hold failed, which ended the trial
            self._end_take(reason, why)
            self._context.enter(Phase.JUDGING, detail)

    def _end_take(self, reason: EndedBy, why: str = "") -> None:
        if not self.trials.running:
            return
        measured = self._measures.read(self._action_source.queue, self._context.lapses)
        ended = ev.TrialEnded(
            trial=self.trials.running, frames=self._takes.frames, reason=reason, why=why, measured=measured
        )
        self._second.end(self.trials.running)
        self.trials.running = 0
        self._recorder.end(reason, ended)

    def _policy_failed(self, failure: PolicyFailed) -> None:
        """Hold and end the trial. The oracle judges a bad action a failure; a dead process ends its session."""
        trial, policy = self.trials.running, self._action_source.policy
        why = str(failure)
        if not why:
            self._context.hold()
            why = policy.last_words()
        self._finish_trial(EndedBy.FAILED, f"{why}: trial {trial} waits for its verdict", why)
        self._starting.alarm(
            why, "judge the trial; the next one loads the policy again" if policy.dead else "see the log"
        )
        if self._oracle is not None and failure.died:
            self._context.finish(SessionStatus.ABORTED, why)
        elif self._oracle is not None and self.trials.pending == trial:
            self._judge(trial, Verdict.FAILURE, ORACLE)

    def on_jump(self, why: str) -> None:
        """End the trial."""
        if not self._resetting.led:
            self._policy_failed(PolicyFailed(why))

    def on_stop(self, why: str, ended_by: EndedBy) -> str:
        """End a running trial, which then waits for its verdict, or is void; cancel one that was about to begin."""
        if self._context.phase is Phase.ALIGNING and not self._resetting.led:
            self._context.notify_devices("take_ended", self.trials.next)
        if not self.trials.running:
            return ""
        trial, failed = self.trials.running, ended_by is EndedBy.FAILED
        self._end_take(ended_by, why if failed else "")
        if failed:
            self._verdicts.void(trial)  # the arm stays where it is
        return f"trial {trial} is void" if failed else f"trial {trial} waits for its verdict"

    # --- queries of the loop ----------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a trial is being saved."""
        return not self._recorder.free

    @property
    def needs_steps(self) -> bool:
        """Whether policy or leader drives; time stands still while a person or the oracle decides."""
        return self._context.phase in (Phase.RUNNING, Phase.RESET)

    def telemetry(self) -> dict[str, Any]:
        """Trial time, policy timing and encoder queue."""
        return self._recorder.telemetry() | {
            **({} if self._course.blind else timing(self._action_source)),
            "preflight": self._preflight.running,
            "countdown": self._starting.countdown if self._context.phase is Phase.ALIGNING else 0.0,
        }

    def end(self) -> None:
        """End a running trial, wait until it is saved, and close the dataset and the oracle."""
        self._end_take(EndedBy.ENDED)
        self._takes.close()
        self._second.close()
        if self._oracle is not None:
            self._oracle.close()
