"""A session that evaluates a policy: how a trial begins, what ends it, and what a verdict does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from services.live import events as ev
from services.live import protocol
from services.live.protocol import Code
from services.live.requests import ORACLE, EvalRequest
from services.live.snapshots import Phase
from services.workers.arm.arm import Mode
from services.workers.arm.control_loop import ArmSession
from services.workers.arm.devices import Devices
from services.workers.arm.motion import Pose, distance, step_towards
from services.workers.evaluation.approach import Approach, Stranded
from services.workers.evaluation.oracle import Oracle
from services.workers.evaluation.trials import Trials
from services.workers.inference.action_source import ActionSource, PolicyFailed
from services.workers.process.context import Context
from services.workers.process.mailbox import Refused
from services.workers.recording.takes import Takes
from sessions.models import SessionStatus, Verdict

BURST_S = 0.5
"""A start this soon after the last accepted key is not believed."""
DRIVER_GONE = "the driving console is gone"


class EvaluationSession(ArmSession):
    """Trials, each started by a command: the arm goes to where it begins, then follows the policy."""

    guided_by = "the policy"
    recovery_hint = "g goes to rest when it is back"

    def __init__(
        self,
        context: Context,
        devices: Devices,
        request: EvalRequest,
        *,
        takes: Takes,
        action_source: ActionSource,
        start: Pose,
    ) -> None:
        """`start` is where trials begin, empty where that is not known."""
        super().__init__(context, devices, request.profile, fps=request.fps, lockstep=request.lockstep)
        self.request, self.takes, self.action_source = request, takes, action_source
        self.trials = Trials(request.trials)
        self.oracle = Oracle(self.fps) if request.judge == ORACLE else None
        self.approach = Approach(self.arm, action_source, self.profile.motion, start, trusting=self.oracle is not None)
        self._length = max(1, round(request.trial_seconds * request.fps))
        self._wanted = 0
        self._alarmed = self._ramped = False
        self._key_at = float("-inf")

    # --- commands ---------------------------------------------------------------------------------

    def command(self, command: protocol.Command) -> None:
        """Start and end trials."""
        match command:
            case protocol.StartTrial(trial=trial):
                self._may_start(trial)
                self._wanted = trial
                self._start_when_possible()
            case protocol.EndTrial(trial=trial):
                self.trials.check_running(trial)
                self._finish_trial("key", f"trial {trial} waits for its verdict")
            case _:
                super().command(command)
        self._key_at = time.monotonic()

    def commit(self, command: protocol.Command, done: Callable[[], None]) -> bool:
        """Verdicts are answered when they are on disk."""
        match command:
            case protocol.JudgeTrial():
                self.judge(command.trial, command.verdict, command.judge or self.request.operator, done)
            case protocol.UndoVerdict(trial=trial):
                self._undo(trial, done)
            case protocol.AnnotateTrial():
                self.trials.check_annotate(command.trial)
                told = ev.TrialAnnotated(trial=command.trial, failure_mode=command.failure_mode)
                self.context.journal.tell(told, then=done)
            case _:
                return super().commit(command, done)
        self._key_at = time.monotonic()
        return True

    def _may_start(self, trial: int) -> None:
        if self.takes.problem:
            self.takes.try_again()
            raise Refused(f"{self.takes.problem}; trying again")
        self.trials.check_start(trial)
        startable = {Phase.IDLE, Phase.RESTED, Phase.DONE, Phase.RELEASED}
        if not self.arm.can_rest:
            startable.add(Phase.HELD)  # there is no other way on
        if self.phase not in startable or self.ending is not None:
            hint = "g goes to rest first" if self.phase is Phase.HELD else "a trial starts when it rests"
            raise Refused(f"the arm is {self.phase.value}: {hint}")
        if self.guard.trouble:
            raise Refused(self.guard.trouble)
        self._not_right_after_a_stop()
        if not self.lockstep and time.monotonic() - self._key_at < BURST_S:
            raise Refused("that came too soon after the last key: press again", Code.TOO_SOON)
        if not self.context.server.driven:
            raise Refused("no console drives: a trial needs somebody who watches")
        if self._wanted:
            raise Refused(f"trial {trial} starts as soon as the one before is saved")

    def judge(self, trial: int, verdict: Verdict, judge: str, done: Callable[[], None] | None = None) -> None:
        """The verdict on the running trial, which ends by it, or the pending one; the arm then goes to rest."""
        self.trials.check_judge(trial)
        if self.trials.running:
            self._hold()
            self._end_take("verdict")
        self.trials.verdicts[trial] = verdict
        self.context.journal.tell(ev.TrialJudged(trial=trial, verdict=verdict, judge=judge), then=done)
        self.takes.judge(trial, verdict)
        if self.ending is not None:
            return
        if self.phase in (Phase.RUNNING, Phase.JUDGING) and self.arm.can_rest:
            self.arm.rest(self._pose)
            self.enter(Phase.RESTING, f"trial {trial} is judged: the arm goes to rest")
        else:
            self._say_what_comes()

    def _undo(self, trial: int, done: Callable[[], None]) -> None:
        if self._wanted or self.phase is Phase.ALIGNING:
            raise Refused(f"trial {self.trials.next} has begun: the verdict before it stays")
        self.trials.check_undo(trial)
        del self.trials.verdicts[trial]
        self.context.journal.tell(ev.VerdictUndone(trial=trial), then=done)
        self.takes.judge(trial, None)
        self._say_what_comes()

    def _say_what_comes(self) -> None:
        """Between trials, where nothing moves."""
        if self.phase in (Phase.RUNNING, Phase.JUDGING, Phase.IDLE, Phase.RESTED, Phase.DONE):
            self.enter(*self.resting_phase())

    def resting_phase(self) -> tuple[Phase, str]:
        """Done, or what the next key means."""
        if self.trials.pending:
            detail = f"trial {self.trials.pending} waits for its verdict"
        elif self.trials.reached:
            return Phase.DONE, f"{self.trials.judged} trials are judged"
        else:
            detail = f"trial {self.trials.next} comes next"
        return Phase.RESTED if self.arm.at_rest else Phase.IDLE, detail

    # --- how a trial begins -----------------------------------------------------------------------

    def _start_when_possible(self) -> None:
        """Once the trial before is saved: the scene is laid out, the arm sets out."""
        if not self._wanted or self.takes.saving:
            return
        if self.takes.problem:  # the trial before could not be saved, and neither could this one
            self._wanted = 0
            return
        self._wanted = 0
        if self._alarmed:
            self._alarmed = False
            self.context.journal.tell(ev.AlarmCleared(source="policy"))
        self.tell_devices("take_started", self.trials.next)
        measured = self.guard.call("follower", self.arm.measure)
        if measured is None:  # and that has stopped everything
            return
        seed = self.request.seed
        self.approach.set_out(measured, None if seed is None else seed + self.trials.next)
        self._say_how_far()

    def _say_how_far(self) -> None:
        loads, moves = "the policy is being loaded again", "the arm moves to where the trial begins"
        self.enter(Phase.ALIGNING, loads if self.approach.reloads else moves)

    def _approach(self, observation: dict[str, Any]) -> None:
        """On the way to where the trial begins."""
        try:
            ramped = self.approach.step(observation, self._pose)
        except Stranded as why:
            self._cannot_begin(str(why), why.answer)
            return
        if ramped is not None:
            self._begin(ramped=ramped)
        else:
            self._say_how_far()

    def _begin(self, *, ramped: bool) -> None:
        """The first recorded frame is the observation that the first actions were made from.

        `ramped`: the arm moves below its speed limit until it agrees with the policy, then follows it.
        """
        self._ramped = ramped
        trial = self.trials.begin()
        self.watch.take = trial
        checkpoint = str(self.action_source.policy.checkpoint.path)
        started = ev.TrialStarted(trial=trial, checkpoint=checkpoint, condition=self.request.condition)
        self.takes.start(trial, started, accepted=False)  # until it is judged a success
        if self.oracle is not None:
            self.oracle.begin()
        self.arm.follow()
        self.enter(Phase.RUNNING, f"trial {trial}")

    def _cannot_begin(self, why: str, answer: str) -> None:
        self._alarm(why, answer)
        self.stop(why)
        self.stopped_at = time.monotonic()  # a key that was on its way agrees to nothing
        if self.oracle is not None:
            self.finish(SessionStatus.ABORTED, why)

    def _alarm(self, why: str, answer: str) -> None:
        self._alarmed = True
        self.context.journal.tell(ev.AlarmRaised(source="policy", text=why, answer=answer))

    # --- each period ------------------------------------------------------------------------------

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """What the policy says while a trial runs; the goal stays where it says nothing yet."""
        self._leader = {}
        if observation is None:
            return dict(self._pose)
        try:
            if self.phase is Phase.ALIGNING:
                self._approach(observation)
            if self.phase is Phase.RUNNING:
                self._leader = self._paced(self.action_source.act(observation) or dict(self.arm.goal))
        except PolicyFailed as failure:
            self._policy_failed(failure)
        return self._leader or dict(self._pose)

    def _paced(self, action: Pose) -> Pose:
        """The action, or while a trial begins ramped one speed-limited step towards it."""
        motion = self.profile.motion
        if self._ramped and distance(action, self.arm.goal, but=motion.gripper)[0] <= motion.agree_within:
            self._ramped = False
        return step_towards(self.arm.goal, action, self.arm.limits) if self._ramped else action

    def on_tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Record, and see whether the trial is over."""
        if self.trials.running and self.arm.mode is Mode.FOLLOW:
            first, self.approach.first = self.approach.first, None
            self.takes.add(observation if first is None else first, action)
            self._flag()
            self._see_the_end()

    def on_quiet(self) -> None:
        """A start that waits for a save, in lockstep."""
        self._start_when_possible()

    def _flag(self) -> None:
        for flag in self.watch.flags:
            self.takes.flag(flag)

    def _see_the_end(self) -> None:
        trial, oracle = self.trials.running, self.oracle
        if self.takes.trouble:
            why = f"the trial cannot be saved: {self.takes.trouble}"
            self._finish_trial("failed", why, why)
        elif oracle is not None and self.guard.call(ORACLE, oracle.success):
            self._finish_trial("oracle", "the cube is in the bowl")
            self.judge(trial, Verdict.SUCCESS, ORACLE)
        elif self.takes.frames >= self._length and self.trials.running:
            self._finish_trial("time", f"the time is over: trial {trial} waits for its verdict")
            if oracle is not None:
                self.judge(trial, Verdict.FAILURE, ORACLE)

    def _move_on(self) -> None:
        if self.phase is Phase.RUNNING and self.arm.mode is Mode.ALIGN:
            self._policy_failed(PolicyFailed(self.arm.trouble))
        super()._move_on()
        self._start_when_possible()

    # --- how it ends ------------------------------------------------------------------------------

    def _hold(self) -> None:
        self.guard.call("follower", self.arm.hold)

    def _finish_trial(self, reason: str, detail: str, why: str = "") -> None:
        """Hold; the verdict is pending."""
        self._hold()
        if self.trials.running:
            self._end_take(reason, why)
            self.enter(Phase.JUDGING, detail)

    def _end_take(self, reason: str, why: str = "") -> None:
        if not self.trials.running:  # holding failed, and that ended it
            return
        ended = ev.TrialEnded(trial=self.trials.running, frames=self.takes.frames, reason=reason, why=why)
        self.takes.end(reason, ended)
        self.trials.running = 0
        self.watch.take = 0
        self.tell_devices("take_ended", self.trials.started)

    def _policy_failed(self, failure: PolicyFailed) -> None:
        """The arm holds first. What the policy did wrong is a failure to the oracle; its death nobody can judge."""
        trial, policy = self.trials.running, self.action_source.policy
        why = str(failure)
        if not why:
            self._hold()
            why = policy.last_words()
        self._finish_trial("failed", f"{why}: trial {trial} waits for its verdict", why)
        self._alarm(why, "judge the trial; the next one loads the policy again" if policy.dead else "see the log")
        if self.oracle is not None and failure.died:
            self.finish(SessionStatus.ABORTED, why)
        elif self.oracle is not None and self.trials.pending == trial:
            self.judge(trial, Verdict.FAILURE, ORACLE)

    def forget_start(self) -> None:
        """The trial that waits for the one before to be saved."""
        self._wanted = 0

    def on_stop(self, cause: str) -> str:
        """A trial that runs ends here and waits for its verdict; one that was about to begin does not."""
        if self.phase is Phase.ALIGNING:
            self.tell_devices("take_ended", self.trials.next)
        if not self.trials.running:
            return ""
        ends = {"ended": "ended", DRIVER_GONE: "driver"}
        reason = ends.get(cause, "failed" if self.guard.trouble else "stopped")
        self._end_take(reason, cause if reason == "failed" else "")
        return f"trial {self.trials.started} waits for its verdict"

    def on_driver_lost(self) -> None:
        """Nobody watches: hold, and leave the trial pending; an end that was asked for goes on."""
        if self.phase.moving and self.phase is not Phase.DONE and self.ending is None:
            self.stop(DRIVER_GONE)

    # --- what the arm's part asks -----------------------------------------------------------------

    @property
    def moving(self) -> bool:
        """A stop while a verdict is due means that the verdict moves nothing; at rest it changes nothing."""
        return self.phase is Phase.JUDGING or (self.phase.moving and self.phase is not Phase.DONE)

    def _follow(self) -> None:
        raise Refused("in an evaluation the arm follows the policy: space starts the next trial")

    def _may_move_by_itself(self) -> None:
        if self.phase is Phase.ALIGNING:
            raise Refused("a trial begins: stop it first")
        super()._may_move_by_itself()

    def busy(self) -> bool:
        """A trial is being saved."""
        return bool(self.takes.saving)

    def quiet(self) -> bool:
        """In lockstep time passes while the arm moves, and stands still while anybody decides."""
        return self.phase is not Phase.RUNNING and super().quiet()

    def close(self) -> None:
        """Save what is left and close the dataset."""
        self._end_take("ended")
        self.takes.close()
        if self.oracle is not None:
            self.oracle.close()

    def telemetry(self) -> dict[str, Any]:
        """The trial's clock, the policy's pace and the encoder's queue."""
        depth, capacity = self.takes.queue_depth()
        return {
            "take_frames": self.takes.frames,
            "take_seconds": self.takes.frames / self.fps,
            "saving_take": self.takes.saving,
            "start_pending": bool(self._wanted),
            "encoder_queue": depth,
            "encoder_capacity": capacity,
            "dropped_frames": self.takes.dropped(),
            "infer_ms": self.action_source.policy.infer_ms,
            "action_queue": len(self.action_source.queue),
            "starved": self.action_source.queue.starved,
        }
