"""The arm of one session: in which phase it is, and what the control loop, commands and strategy ask of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.bench.profiles import Profile
from services.live import events as ev
from services.live.phases import Phase, moves
from services.live.protocol import Code
from services.live.reasons import AlarmSource, Step, StopCause
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.device_guard import DeviceGuard
from services.workers.arm.haste import Haste
from services.workers.arm.monitor import Monitor
from services.workers.arm.motion import Pose
from services.workers.process.context import Context
from sessions.models import EndedBy, SessionStatus

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices
    from services.workers.arm.strategy import Strategy


class ArmContext:
    """Belongs to the control loop's thread. Whatever sends the arm another way forgets the start that waits."""

    def __init__(
        self, worker: Context, devices: Devices, profile: Profile, strategy: Strategy, *, fps: int, lockstep: bool
    ) -> None:
        self.worker, self.devices, self.profile = worker, devices, profile
        self.fps, self.lockstep = fps, lockstep
        self.arm = Arm(devices, profile.motion, fps, guide=strategy.guided_by)
        self.monitor = Monitor(devices, profile, worker.journal, fps)
        self.guard = DeviceGuard(
            worker.journal, strategy.recovery_hint, failed=self._device_failed, works=self._device_works
        )
        self.haste = Haste(lockstep=lockstep)
        self.phase, self.detail, self.since = Phase.STARTING, "", time.monotonic()
        self._step = Step.NONE
        self.pose: Pose = {}
        """As measured this period."""
        self.ticks = 0
        self.ending: SessionStatus | None = None
        self.end_reason = ""
        self.waiting = 0
        """The take or trial that begins as soon as the strategy lets it; 0 where none waits."""
        self.releasing = False
        self._unwatched = False
        self._gave_up_resting = False
        self._strategy = strategy

    # --- facts ------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds of this session's clock: steps in lockstep, else monotonic time."""
        return self.ticks / self.fps if self.lockstep else time.monotonic()

    def tell(self, event: ev.Event, then: Callable[[], None] | None = None) -> None:
        """Make a fact durable; `then` is called once it is on disk."""
        self.worker.journal.tell(event, then=then)

    @property
    def driven(self) -> bool:
        """Whether a console drives."""
        return self.worker.server.driven

    def obstacles(self) -> Mapping[Code, str]:
        """What stands in the way of the arm's own commands, in words."""
        found = {}
        if self.ending is not None:
            found[Code.ENDING] = "the session ends"
        if self.devices.teleop is None:
            found[Code.NO_LEADER] = "this session has no leader to follow"
        if self.arm.can_rest:
            found[Code.REST_FIRST] = f"the arm is {self.phase.value}: g goes to rest first"
        else:
            found[Code.NO_REST_POSE] = "no rest pose is taught for this bench: `lab-console rest --teach` says how"
        return found

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Change the phase and say so."""
        step = Step.NONE if self.ending is None else Step.ENDING
        if (phase, detail, step) == (self.phase, self.detail, self._step):
            return
        if phase is not self.phase:
            self.since = time.monotonic()
        self.phase, self.detail, self._step = phase, detail, step
        self.tell(ev.PhaseChanged(phase=phase.value, detail=detail, step=step))
        if self.ending is None and phase in self._strategy.ends_in:
            self.ending, self.end_reason = SessionStatus.FINISHED, self._strategy.ends_in[phase]

    # --- devices ----------------------------------------------------------------------------------

    def read_leader(self) -> Pose | None:
        """Where the leader is; {} without a leader, None where it cannot be read."""
        teleop = self.devices.teleop
        if teleop is None:
            return {}
        action = self.guard.call("leader", teleop.get_action)
        return None if action is None else self.arm.pose_of(action)

    def tell_devices(self, what: str, number: int) -> None:
        """A simulated bench wants to know which take or trial begins and ends; a person at a real one does."""
        self.guard.hook("follower", self.devices.all(), what, number)

    def _device_works(self, source: str) -> None:
        if source == "follower":  # it may have fallen while it was away: never back to the goal from before
            self.arm.unheld = True

    def _device_failed(self, source: str, text: str) -> None:
        ways_down = self.phase in (Phase.RESTING, Phase.RELEASING)
        if self.phase is not Phase.STARTING and not (ways_down and source != "follower"):
            self.stop(StopCause.DEVICE, text)

    # --- hold -------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold where it is, in whatever phase; what that means is for the caller to say."""
        self.guard.call("follower", self.arm.hold)

    def stop(self, cause: StopCause, why: str = "") -> None:
        """Hold, whatever the arm does. A second stop changes nothing, where the first one got through.

        `why` says it for people where the cause is not enough.
        """
        self.waiting = 0
        if self.arm.mode is Mode.LIMP:
            return
        self.releasing = False
        if self.arm.mode is not Mode.HOLD or self.arm.unheld or self.phase is Phase.STARTING:
            self.hold()
        also = self._strategy.on_stop(why or cause, self._ended_by(cause))
        if self._stop_shows:
            self.tell(ev.Held(cause=cause, why=why))
            self.enter(Phase.HELD, f"holding; {also}" if also else "holding")

    def _ended_by(self, cause: StopCause) -> EndedBy:
        """How a stop for this cause ends a take or trial."""
        if cause is StopCause.DRIVER_GONE:
            return EndedBy.DRIVER
        return EndedBy.FAILED if self.guard.trouble else EndedBy.STOPPED

    @property
    def _stop_shows(self) -> bool:
        """Whether a stop makes the phase HELD: while a verdict is due it means that the verdict moves nothing."""
        return self.phase is Phase.JUDGING or moves(self._strategy.kind, self.phase)

    def lose_driver(self) -> None:
        """The driving console is gone: nothing begins any more, what nobody watches holds."""
        self.waiting, self._unwatched = 0, True
        self._hold_unwatched()

    def watch(self) -> None:
        """Called each period: as long as the lost driver has no successor, no phase begins that needs one."""
        self._unwatched = self._unwatched and not self.driven
        if self._unwatched:
            self._hold_unwatched()

    def _hold_unwatched(self) -> None:
        """An end goes on."""
        ends = self.ending is not None and self.phase in (Phase.RESTING, Phase.RELEASING)
        if self.phase in self._strategy.needs_driver and not ends:
            self.stop(StopCause.DRIVER_GONE)

    def finish(self, status: SessionStatus, reason: str) -> None:
        """End the session in order: hold, save, rest, let go."""
        self.waiting = 0
        if self.arm.mode is not Mode.LIMP and self.arm.mode is not Mode.HOLD:
            self.hold()
        self._strategy.on_stop(reason, EndedBy.ENDED)
        self.ending, self.end_reason = status, reason
        self.enter(Phase.HELD if self._stop_shows else self.phase, "ending the session")

    def end_no_more(self) -> None:
        """An end that was asked for was taken back: the session goes on in the phase that it is in."""
        if self.ending is None and self._step is Step.ENDING:
            self.enter(self.phase, "holding" if self.phase is Phase.HELD else "")

    # --- move -------------------------------------------------------------------------------------

    def start(self, number: int) -> None:
        """Begin that take or trial now, or as soon as the strategy lets it: when the one before is saved."""
        self.waiting = number
        self.begin_what_waits()

    def begin_what_waits(self) -> None:
        """Called each period."""
        number, self.waiting = self.waiting, 0
        if number and not self._strategy.begin(number):
            self.waiting = number

    def align(self) -> None:
        """Ramp to what the arm follows, then follow it."""
        self.arm.align(self.arm.measure())
        self.enter(Phase.ALIGNING, "the follower moves to the leader: hold the leader still")

    def rest(self, detail: str, measured: Pose | None = None) -> None:
        """Go to rest, from the pose measured this period unless it is given."""
        self.waiting = 0
        self.arm.rest(self.pose if measured is None else measured)
        self.enter(Phase.RESTING, detail)

    def release(self) -> None:
        """Lower the arm to rest, where that is taught, then cut torque."""
        self.waiting = 0
        if not self.arm.can_rest:
            self.cut_torque()
            return
        self.arm.rest(self.arm.measure())
        self.releasing = True
        self.enter(Phase.RELEASING, "the arm is lowered to rest, then torque is cut")

    def cut_torque(self) -> None:
        """The arm lies at rest, or a person bears it."""
        self.releasing = False
        self.guard.call("follower", self.arm.cut_torque)
        if self.arm.mode is Mode.LIMP:
            self.enter(Phase.RELEASED, "torque is off: the arm can be moved by hand")

    def give_up_resting(self) -> None:
        """The arm is blocked: hold it there, torque on, and leave the rest to a person."""
        text, self._gave_up_resting = self.arm.trouble, True
        self.tell(ev.AlarmRaised(source=AlarmSource.REST, text=text, answer="free the arm, then g or F again"))
        self.ending = None
        self.stop(StopCause.BLOCKED, text)

    def rest_is_possible_again(self) -> None:
        """It moves freely: the alarm is over."""
        if self._gave_up_resting:
            self._gave_up_resting = False
            self.tell(ev.AlarmCleared(source=AlarmSource.REST))
