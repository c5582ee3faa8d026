"""The arm and phase of one session, shared by control loop, commands and strategy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from services.bench.profiles import Profile
from services.live import events as ev
from services.live.phases import Phase, moves
from services.live.protocol import Code
from services.live.reasons import Advice, AlarmSource, Step, StopCause
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.debounce import Debounce
from services.workers.arm.device_guard import DeviceGuard
from services.workers.arm.lapses import Lapses
from services.workers.arm.monitor import Monitor
from services.workers.arm.motion import Pose
from services.workers.arm.motors import TorqueProblem
from services.workers.arm.readings import Readings
from services.workers.arm.torque_watch import TorqueWatch
from services.workers.arm.wires import Wires
from services.workers.process.context import Context
from sessions.models import EndedBy, SessionStatus

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices
    from services.workers.arm.strategy import Strategy


class ArmContext:
    """Use on the control loop's thread. Any command that redirects the arm cancels a pending start."""

    def __init__(
        self, worker: Context, devices: Devices, profile: Profile, strategy: Strategy, *, fps: int, lockstep: bool
    ) -> None:
        self.worker, self.devices, self.profile = worker, devices, profile
        self.fps, self.lockstep = fps, lockstep
        self.arm = Arm(devices, profile.motion, fps, guide=strategy.guided_by)
        self.monitor = Monitor(devices, profile, worker.journal, fps)
        self.lapses = Lapses(profile.health)
        self.wires = Wires(devices, profile.health, worker.journal)
        self.guard = DeviceGuard(
            worker.journal, strategy.recovery, failed=self._device_failed, recovered=self._device_recovered,
            missed=self.lapses.miss, now=self.now,
        )  # fmt: skip
        self.readings = Readings(devices, self.arm, self.guard, self.lapses)
        self.torque = TorqueWatch(self.arm, worker.journal, self._lose_torque)
        self.debounce = Debounce(lockstep=lockstep)
        self.phase, self.detail, self.since = Phase.STARTING, "", time.monotonic()
        self._step = Step.NONE
        self._unreached: str | None = None
        """What else a stop meant whose hold did not reach the follower; None if it did."""
        self.pose: Pose = {}
        """As measured this period."""
        self.ticks = 0
        self.ending: SessionStatus | None = None
        self.end_reason = ""
        self.waiting = 0
        """Number of the take or trial whose start is pending, else 0."""
        self.releasing = False
        self.takes_before = 0
        """Takes or trials of the sessions that this one goes on with: the simulated bench's scenes go on by them."""
        self._unwatched = False
        self._stopped_by: StopCause | None = None
        self._rest_alarmed = False
        self._strategy = strategy

    # --- facts ------------------------------------------------------------------------------------

    def now(self) -> float:
        """The session's clock in seconds: simulated time in lockstep, else monotonic time."""
        return self.ticks / self.fps if self.lockstep else time.monotonic()

    def emit(self, event: ev.Event, then: Callable[[], None] | None = None) -> None:
        """Append an event to the journal; `then` is called once it is on disk."""
        self.worker.journal.emit(event, then=then)

    def together(self) -> AbstractContextManager[None]:
        """Events of the block wait for the disk together, once."""
        return self.worker.journal.together()

    @property
    def driven(self) -> bool:
        """Whether a driving console is attached."""
        return self.worker.server.driven

    def obstacles(self) -> Mapping[Code, str]:
        """What prevents the arm's own commands now: code to message."""
        found = {}
        if self.ending is not None:
            found[Code.ENDING] = "the session ends"
        if self.devices.teleop is None:
            found[Code.NO_LEADER] = "this session has no leader to follow"
        if self.arm.can_rest:
            found[Code.REST_FIRST] = f"the arm is {self.phase.value}: it goes to rest first"
        else:
            found[Code.NO_REST_POSE] = "no rest pose is taught for this bench: `lab-console rest --teach` says how"
        return found

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Change the phase and publish it."""
        step = Step.NONE if self.ending is None else Step.ENDING
        if (phase, detail, step) == (self.phase, self.detail, self._step):
            return
        if phase is not self.phase:
            self.since = time.monotonic()
        self.phase, self.detail, self._step = phase, detail, step
        self.emit(ev.PhaseChanged(phase=phase.value, detail=detail, step=step))
        if self.ending is None and phase in self._strategy.ends_in:
            self.ending, self.end_reason = SessionStatus.FINISHED, self._strategy.ends_in[phase]

    # --- devices ----------------------------------------------------------------------------------

    def read_leader(self) -> Pose | None:
        """The leader's pose; {} without a leader, None if it cannot be read."""
        return self.readings.leader()

    def notify_devices(self, what: str, number: int) -> None:
        """Call the hook `what` (`take_started`, `take_ended`) of devices that have it, i.e. of a simulated bench."""
        self.guard.hook("follower", self.devices.all(), what, self.takes_before + number)

    def _device_recovered(self, source: str) -> None:
        if source == "follower":  # it may have fallen while it was away: never back to a goal that is far now
            self.arm.unheld = True
            self.torque.hurry()

    def _device_failed(self, source: str, text: str) -> None:
        ways_down = self.phase in (Phase.RESTING, Phase.RELEASING)
        if self.phase is not Phase.STARTING and not (ways_down and source != "follower"):
            self.stop(StopCause.DEVICE, text)

    # --- hold -------------------------------------------------------------------------------------

    def begin(self, *, stop: bool) -> None:
        """Take the arm over as it is: an arm with torque keeps the goals that it has, without a write.

        With `stop`, whatever it does is stopped first. A robot that cannot be asked is held where it is measured.
        """
        arm = self.arm
        lost, goal = arm.lost_torque(), arm.motors.goal()
        if lost or not arm.motors.last.motors or goal is None:
            self.hold()
            return
        arm.adopt(goal)
        for _ in range(arm.learn_stance if stop and not self.lockstep else 0):
            arm.note(self.guard.call("follower", arm.measure) or {})
            time.sleep(1 / self.fps)
        if stop:
            self.hold()

    def hold(self) -> None:
        """Hold where it is, in whatever phase; what that means is for the caller to say."""
        if self.arm.has_torque:
            self.guard.call("follower", self.arm.hold)

    def stop(self, cause: StopCause, why: str = "") -> None:
        """Hold, whatever the arm is doing. A repeated stop has no effect if the first one reached the arm.

        Without torque nothing is held: `hold_again` is for a person to ask. `why` says it for people where the cause
        is not enough.
        """
        self.waiting, self._stopped_by = 0, cause
        if not self.arm.has_torque:
            return
        self.releasing = False
        self.torque.hurry()
        if self.arm.mode is not Mode.HOLD or self.arm.unheld or self.phase is Phase.STARTING:
            self.hold()
        also = self._strategy.on_stop(why or cause, self._ended_by(cause))
        if self._stop_enters_held:
            self.emit(ev.Held(cause=cause, why=why))
            self._enter_held(also)

    def _enter_held(self, also: str) -> None:
        self._unreached = also if self.arm.unheld else None
        words = "the hold did not reach the follower: it does not answer" if self.arm.unheld else "holding"
        self.enter(Phase.HELD, f"{words}; {also}" if also else words)

    def confirm_hold(self) -> None:
        """The goal was sent: a hold that had not reached the follower is one now."""
        if self._unreached is not None and self.phase is Phase.HELD and self.arm.mode is Mode.HOLD:
            self._enter_held(self._unreached)

    def hold_again(self, cause: StopCause, why: str = "") -> None:
        """Hold after a loss of torque, as a person asked. Raises TorqueProblem or what the bus raises."""
        self.arm.hold_again()
        self.torque.holds()
        self.emit(ev.Held(cause=cause, why=why))
        self._enter_held("")

    def _lose_torque(self, text: str) -> None:
        """Some motors have no torque any more: the arm is not held, whatever it did."""
        self.waiting, self.releasing = 0, False
        self._strategy.on_stop(text, EndedBy.FAILED)
        self.enter(Phase.LIMP, self.arm.motors.last.words)

    def _ended_by(self, cause: StopCause) -> EndedBy:
        """What a take or trial is marked as ended by, for this cause."""
        if cause is StopCause.DRIVER_GONE:
            return EndedBy.DRIVER
        return EndedBy.FAILED if cause is StopCause.DEVICE or self.guard.trouble else EndedBy.STOPPED

    @property
    def _stop_enters_held(self) -> bool:
        """Whether a stop enters HELD; in JUDGING it does, so that the verdict does not move the arm."""
        return self.phase is Phase.JUDGING or moves(self._strategy.kind, self.phase)

    def lose_driver(self) -> None:
        """The driving console is gone: cancel a pending start, and hold in `needs_driver` phases unless ending."""
        self.waiting, self._unwatched = 0, True
        self._hold_unwatched()

    def watch(self) -> None:
        """Called each period: until somebody drives again, also hold in `needs_driver` phases that begin."""
        self._unwatched = self._unwatched and not self.driven
        if self._unwatched:
            self._hold_unwatched()

    def _hold_unwatched(self) -> None:
        ends = self.ending is not None and self.phase in (Phase.RESTING, Phase.RELEASING)
        if self.phase in self._strategy.needs_driver and not ends:
            self.stop(StopCause.DRIVER_GONE)

    @property
    def why_asked_to_end(self) -> str:
        """Where SIGTERM comes from: of a shell verb, which stops the arm first, or from elsewhere."""
        return "ended by Ctrl-C" if self._stopped_by is StopCause.INTERRUPT else "asked to end (SIGTERM)"

    def finish(self, status: SessionStatus, reason: str) -> None:
        """End the session in order: hold, save, rest, disconnect."""
        self.waiting = 0
        if self.arm.mode is not Mode.HOLD:
            self.hold()  # where it has torque
        in_order = status is SessionStatus.FINISHED
        self._strategy.on_stop(reason, EndedBy.ENDED if in_order else EndedBy.STOPPED)
        self.ending, self.end_reason = status, reason
        self.enter(Phase.HELD if self._stop_enters_held else self.phase, "ending the session")

    def cancel_end(self) -> None:
        """After a stop cancelled the end: publish the phase again without the ENDING step."""
        if self.ending is None and self._step is Step.ENDING:
            self.enter(self.phase, "holding" if self.phase is Phase.HELD else "")

    # --- move -------------------------------------------------------------------------------------

    def start(self, number: int) -> None:
        """Start take or trial `number` as soon as the strategy can: once the previous one is saved."""
        self.waiting = number
        self.try_pending_start()

    def try_pending_start(self) -> None:
        """Try a pending start; called each period."""
        number, self.waiting = self.waiting, 0
        if number and not self._strategy.begin(number):
            self.waiting = number

    def align(self) -> None:
        """Ramp to what the arm follows, then follow it. Raises TorqueProblem where torque does not come on."""
        self.waiting = 0
        self._start(self.arm.align, self.arm.measure())
        self.enter(Phase.ALIGNING, "the follower moves to the leader: hold the leader still")

    def _start(self, move: Callable[[Pose], None], measured: Pose) -> None:
        """Begin a move; where torque came on only in part, say so, and raise TorqueProblem."""
        try:
            move(measured)
        except TorqueProblem as problem:
            if self.arm.mode is Mode.LOST:
                self.torque.tell(str(problem), Advice.SUPPORT_THEN_STOP)
                self._lose_torque(str(problem))
            raise
        self.torque.holds()

    def rest(self, detail: str, measured: Pose | None = None) -> None:
        """Go to rest, from `measured` or else from this period's pose."""
        self.waiting = 0
        self.arm.rest(self.pose if measured is None else measured)
        self.enter(Phase.RESTING, detail)

    def release(self) -> None:
        """Lower the arm to rest if a rest pose is taught, then cut torque."""
        self.waiting = 0
        if not self.arm.can_rest or not self.arm.has_torque:  # nothing lowers an arm without torque
            self.cut_torque()
            return
        self.arm.rest(self.arm.measure())
        self.releasing = True
        self.enter(Phase.RELEASING, "the arm is lowered to rest, then torque is cut")

    def cut_torque(self) -> None:
        """The arm lies at rest, or a person bears it. Called off only where every motor said so."""
        self.releasing = False
        try:
            self.guard.call("follower", self.arm.cut_torque, but=TorqueProblem)
        except TorqueProblem as problem:
            self.torque.tell(str(problem), Advice.RELEASE_AGAIN)
            if self.arm.mode is Mode.LOST:
                self._lose_torque(str(problem))
            else:
                self.stop(StopCause.DEVICE, str(problem))
        if self.arm.mode is Mode.LIMP:
            self.torque.holds()
            self.enter(Phase.RELEASED, "torque is off: the arm can be moved by hand")

    def give_up_resting(self) -> None:
        """The arm is blocked on its way to rest: hold with torque on and raise an alarm."""
        text, self._rest_alarmed = self.arm.trouble, True
        alarm = ev.AlarmRaised(source=AlarmSource.REST, text=text, answer="free the arm", advice=Advice.REST_AGAIN)
        self.emit(alarm)
        self.ending = None
        self.stop(StopCause.BLOCKED, text)

    def clear_rest_alarm(self) -> None:
        """Clear the alarm of `give_up_resting`, if raised."""
        if self._rest_alarmed:
            self._rest_alarmed = False
            self.emit(ev.AlarmCleared(source=AlarmSource.REST))
