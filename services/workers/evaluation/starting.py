"""From the key that starts a trial to where it begins: what refuses it, the scene, the way of the arm."""

from __future__ import annotations

from typing import Any

from services.live import events as ev
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import Advice, AlarmSource, StopCause
from services.live.requests import ORACLE, EvalRequest
from services.workers.arm.context import ArmContext
from services.workers.evaluation.approach import Approach, Stranded
from services.workers.evaluation.course import Course
from services.workers.evaluation.lineup import Lineup
from services.workers.evaluation.looking import WAITING, Looking
from services.workers.process.mailbox import Refused
from services.workers.recording.recorder import Recorder
from services.workers.recording.takes import Takes
from sessions.models import SessionStatus


class Starting:
    """The start of each trial. Use on the control loop's thread.

    `practice` is whether the trial that starts counts nowhere.
    """

    def __init__(
        self,
        request: EvalRequest,
        context: ArmContext,
        *,
        takes: Takes,
        recorder: Recorder,
        course: Course,
        lineup: Lineup,
        looking: Looking,
    ) -> None:
        """`course` says under which condition, `lineup` which policy; `takes` and `recorder` are the dataset's.

        `looking` is the preflight.
        """
        self._request, self._context, self._course, self._lineup = request, context, course, lineup
        self._takes, self._recorder = takes, recorder
        self._alarmed = self.practice = False
        self._looking = looking

    @property
    def _approach(self) -> Approach:
        """The way of the policy that is on."""
        assert self._lineup.current.approach is not None
        return self._lineup.current.approach

    @property
    def countdown(self) -> float:
        """Seconds that the arm still waits where the trial begins; 0 if it does not wait."""
        return self._approach.countdown

    def first(self) -> dict[str, Any] | None:
        """The observation that the trial's first actions were made from, once; then None."""
        first, self._approach.first = self._approach.first, None
        return first

    def check(self, trial: int) -> None:
        """Raises Refused where trial `trial` cannot start, whatever its number."""
        context = self._context
        self._recorder.check()
        if context.guard.trouble:
            raise Refused(context.guard.trouble, Code.TROUBLE)
        context.debounce.check_after_stop()
        context.debounce.check_burst()
        if not context.driven:
            raise Refused("no console drives: a trial needs somebody who watches", Code.NOT_DRIVING)
        if context.waiting:
            raise Refused(f"trial {trial} starts as soon as the one before is saved", Code.WAITS)

    def begin(self, number: int) -> bool:
        """Once the previous trial is saved, set up the scene and start moving to the start pose; False before."""
        if self._takes.problem:  # the previous trial could not be saved: drop this start
            return True
        if not self._recorder.free or self._looking.delays() or self._loads():
            return False
        self._clear_alarm()
        self._course.begin()
        self._context.notify_devices("take_started", number)
        if not self._course.set_scene():
            return True
        measured = self._context.guard.call("follower", self._context.arm.measure)
        if measured is not None:  # else the guard has stopped the arm
            seed = self._request.seed
            self._approach.begin(measured, None if seed is None else seed + self._request.attempt(number))
            self._announce()
        return True

    def _loads(self) -> bool:
        """Whether a blinded trial waits as long as any policy takes to load."""
        waits = self._lineup.waits
        if waits and self._context.phase in WAITING:
            self._context.enter(self._context.phase, "the next trial starts once its policy is loaded")
        return waits

    def step(self, observation: dict[str, Any]) -> bool | None:
        """Advance one period. None until the trial can begin; then whether it must begin ramped."""
        try:
            ramped = self._approach.step(observation, self._context.pose)
        except Stranded as why:
            self.abandon(str(why), why.answer, why.advice)
            return None
        if ramped is None:
            self._announce()
        return ramped

    def abandon(self, why: str, answer: str, advice: Advice) -> None:
        """Hold: the trial cannot begin."""
        self.alarm(why, answer, advice)
        self._context.stop(StopCause.STRANDED, why)
        self._context.debounce.note_stop()  # a key pressed before this was shown must not confirm it
        if self._request.judge == ORACLE:
            self._context.finish(SessionStatus.ABORTED, why)

    def alarm(self, why: str, answer: str, advice: Advice = Advice.NONE) -> None:
        """Something is wrong with the policy; the next start clears it."""
        self._alarmed = True
        self._context.emit(ev.AlarmRaised(source=AlarmSource.POLICY, text=why, answer=answer, advice=advice))

    def _clear_alarm(self) -> None:
        if self._alarmed:
            self._alarmed = False
            self._context.emit(ev.AlarmCleared(source=AlarmSource.POLICY))

    def _announce(self) -> None:
        what = "practice" if self.practice else "trial"
        detail = f"the arm moves to where the {what} begins"
        if self._approach.reloads:
            detail = "the policy is being loaded"
        elif self._approach.countdown:
            detail = f"the arm waits where the {what} begins: step back"
        self._context.enter(Phase.ALIGNING, detail)
