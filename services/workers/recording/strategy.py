"""The recording strategy: starts and ends takes, and decides what follows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.datasets.lock import DatasetProblem
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import Advice, AlarmSource
from services.live.requests import RecordRequest
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose
from services.workers.arm.strategy import Strategy
from services.workers.process.mailbox import Refused
from services.workers.process.replies import Reply
from services.workers.recording.recorder import Recorder
from services.workers.recording.takes import Takes
from sessions.models import EndedBy, SessionKind

SHORT_S = 1.0
"""A take that a key ends sooner than this is no demonstration: it is rejected until a person accepts it."""


class RecordStrategy(Strategy):
    """Records takes of limited length, each started by a command; between them the arm follows unrecorded."""

    kind = SessionKind.RECORD
    needs_driver = Strategy.needs_driver - {Phase.RECORDING}
    """A take continues to its end, since a person holds the leader; then the arm holds."""

    def __init__(self, request: RecordRequest, open_takes: Callable[[], Takes]) -> None:
        """`open_takes` opens the dataset, or raises DatasetProblem or OSError."""
        self._request, self._open_takes = request, open_takes
        self._recorder: Recorder | None = None
        self._problem = ""
        self._length = max(1, round(request.episode_seconds * request.fps))
        self._last_take = 0
        self._reset_left = 0

    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Open the dataset. A problem becomes an alarm and later refusals: ending here would drop the arm."""
        self._context = context
        try:
            self._recorder = Recorder(context, self._open_takes())
        except (DatasetProblem, OSError) as error:
            self._problem = str(error)
            context.emit(ev.AlarmRaised(source=AlarmSource.DATASET, text=self._problem, advice=Advice.FINISH))
        return None

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """The leader's pose."""
        return self._context.read_leader()

    # --- commands ---------------------------------------------------------------------------------

    def reasons(self, command: protocol.Command) -> Mapping[Code, str]:
        """Why a take cannot start, end or be marked."""
        match command:
            case protocol.StartTake():
                wrong = f"the arm is {self._context.phase.value}: a take starts while the follower follows"
                return {Code.WRONG_PHASE: self._problem or wrong}
            case protocol.EndTake(take=take) | protocol.MarkMoment(take=take):
                return {Code.WRONG_PHASE: f"take {take} is not running"}
            case protocol.MarkTake(take=take) if self._recorder is None or not self._recorder.takes.has(take):
                return {Code.NO_TAKE: f"there is no take {take} in this session"}
        return {}

    def command(self, command: protocol.Command, reply: Reply) -> bool:
        """Start, end and mark takes."""
        if self._recorder is None:
            raise Refused(self._problem, Code.TROUBLE)
        match command:
            case protocol.StartTake(take=take):
                self._check_start(self._recorder, take)
                self._context.start(take)
            case protocol.EndTake(take=take):
                if self._recorder.running != take:
                    raise Refused(f"take {take} is not running", Code.WRONG_NUMBER)
                self._context.debounce.check_bounce(self._context.since)
                short = self._recorder.takes.frames < SHORT_S * self._context.fps
                self._end_take(self._recorder, EndedBy.SHORT if short else EndedBy.KEY)
            case protocol.MarkMoment(take=take):
                if self._recorder.running != take:
                    raise Refused(f"take {take} is not running", Code.WRONG_NUMBER)
                self._recorder.takes.mark_moment(reply)
                return False
            case protocol.MarkTake(take=take, accepted=accepted, why=why, by=by):
                self._recorder.takes.mark(take, accepted, reply, why=why, by=by)
                return False
            case _:
                return super().command(command, reply)
        return True

    def _check_start(self, recorder: Recorder, take: int) -> None:
        recorder.check()
        if take != self._last_take + 1:
            raise Refused(f"take {self._last_take + 1} comes next, not {take}", Code.WRONG_NUMBER)
        self._context.debounce.check_burst()
        if self._context.waiting:
            raise Refused(f"take {take} starts as soon as the one before is saved", Code.WAITS)

    # --- takes ------------------------------------------------------------------------------------

    def begin(self, number: int) -> bool:
        """Start once the previous take is saved and, in lockstep, the scene is reset."""
        recorder = self._recorder
        if recorder is None or recorder.takes.problem:  # the previous take could not be saved: drop this start
            return True
        if not recorder.free or (self._context.lockstep and self._reset_left):
            return False
        self._last_take = number
        recorder.start(number, ev.TakeStarted(take=number))
        self._context.notify_devices("take_started", number)
        self._context.enter(Phase.RECORDING, f"take {number}")
        return True

    def tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Record the frame; end the take at its time limit or on trouble."""
        recorder, phase = self._recorder, self._context.phase
        if recorder is None:
            return
        if recorder.running and phase is Phase.RECORDING:
            recorder.add(observation, action)
            if recorder.takes.trouble:
                self._end_take(recorder, EndedBy.FAILED)
                self._context.enter(Phase.RESET, f"the take cannot be saved: {recorder.takes.trouble}")
            elif recorder.takes.frames >= self._length:
                self._end_take(recorder, EndedBy.TIME)
        elif self._reset_left:
            self._reset_left -= 1
        between = self._context.phase in (Phase.READY, Phase.RESET) and not self._context.waiting
        if between and recorder.free and self._reached:
            self._context.enter(*self.settle(Phase.READY))

    def _end_take(self, recorder: Recorder, reason: EndedBy) -> None:
        if not recorder.running:
            return
        recorder.end(reason, ev.TakeEnded(take=recorder.running, frames=recorder.takes.frames, reason=reason))
        self._reset_left = round(self._request.reset_seconds * self._context.fps)
        if self._context.phase is Phase.RECORDING and reason in (EndedBy.KEY, EndedBy.SHORT, EndedBy.TIME):
            self._context.enter(Phase.RESET, "put the scene back; the follower follows, nothing is recorded")

    @property
    def _reached(self) -> bool:
        return self._recorder is not None and 0 < self._request.episodes <= self._recorder.takes.accepted

    # --- queries of the loop ----------------------------------------------------------------------

    def settle(self, phase: Phase) -> tuple[Phase, str]:
        """While following: READY for the next take, or DONE."""
        if phase is not Phase.READY:
            return super().settle(phase)
        if self._reached:
            return Phase.DONE, f"{self._request.episodes} accepted episodes are saved"
        return Phase.READY, f"take {self._last_take + 1} comes next"

    def on_stop(self, why: str, ended_by: EndedBy) -> str:
        """End a running take and save it, as rejected unless the session ends in order; its mark tells it."""
        if self._recorder is not None:
            self._end_take(self._recorder, ended_by)
        return ""

    def on_jump(self, why: str) -> None:
        """Flag and end the running take."""
        if self._recorder is not None and self._recorder.running:
            self._recorder.takes.flag("leader jumped")
            self._end_take(self._recorder, EndedBy.FAILED)

    @property
    def busy(self) -> bool:
        """Whether a take is being saved."""
        return self._recorder is not None and not self._recorder.free

    @property
    def needs_steps(self) -> bool:
        """While recording, saving or resetting, and for a pending start."""
        waits = self._context.phase.following and bool(self._reset_left or self._context.waiting)
        return self._context.phase is Phase.RECORDING or self.busy or waits

    def telemetry(self) -> dict[str, Any]:
        """Take time and encoder queue."""
        return self._recorder.telemetry() if self._recorder else {}

    def end(self) -> None:
        """End a running take, wait until it is saved, and close the dataset."""
        if self._recorder is not None:
            self._end_take(self._recorder, EndedBy.ENDED)
            self._recorder.takes.close()
