"""One session with an arm: the control loop, what may be commanded in which phase, and the orderly end.

Recording adds takes to it, evaluation trials; a bench session is this and nothing else.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from services.bench.profiles import Profile
from services.live import events as ev
from services.live import protocol
from services.live.protocol import Code
from services.live.snapshots import ENDING, Phase
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.device_guard import DeviceGuard
from services.workers.arm.monitor import Monitor
from services.workers.arm.motion import Pose, distance
from services.workers.arm.pacing import Pacer
from services.workers.process.context import Context, remark
from services.workers.process.mailbox import Refused
from services.workers.process.server import Received
from services.workers.process.telemetry import RATE_HZ, Sample, Telemeter
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

AFTER_STOP_S = 1.0
"""A Follow this soon after a stop is not believed: it may be the key that came with Esc."""

REST_WITHIN = 10.0
"""Degrees from the taught rest pose, as measured, within which torque may be cut."""
TRACE = "LAB_CONSOLE_TRACE"
"""Set for benchmarks: the start of every control period is written to the run's trace.txt at the end."""

logger = logging.getLogger(__name__)


class ArmSession:
    """Runs the arm at `fps` until the session is over. Every method belongs to the control loop's thread."""

    guided_by = "the leader"
    """What the arm follows, for people."""
    recovery_hint = "p resumes when it is back"
    """What answers a device that failed, for people."""

    def __init__(self, context: Context, devices: Devices, profile: Profile, *, fps: int, lockstep: bool) -> None:
        self.context, self.devices, self.profile = context, devices, profile
        self.fps, self.lockstep = fps, lockstep
        self.arm = Arm(devices, profile.motion, fps, guide=self.guided_by)
        self._trace: list[int] | None = [] if os.environ.get(TRACE) else None
        self.pacer = Pacer(fps, self._trace)
        self.watch = Monitor(devices, profile, context.journal, fps)
        self.phase, self.detail = Phase.STARTING, ""
        self.since, self.stopped_at = time.monotonic(), float("-inf")
        self.ending: SessionStatus | None = None
        self.end_reason = ""
        self.over = False
        self.ticks = 0
        self.guard = DeviceGuard(
            context.journal, self.recovery_hint, failed=self._device_failed, works=self._device_works
        )
        self._gave_up_resting = False
        self._releasing = False
        self._telemeter = Telemeter(context.server)
        self._pose: Pose = {}
        self._leader: Pose = {}
        self._frames: dict[str, Any] = {}

    # --- what a kind of session adds --------------------------------------------------------------

    def prepare(self) -> None:
        """Called once while the worker still starts; the arm holds already."""

    def open(self) -> None:
        """Called once, holding, before the first tick."""

    def on_tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Called after each control period whose goal was sent."""

    def forget_start(self) -> None:
        """What waits to begin (until the one before is saved, say) does not begin any more: the arm goes another way.

        Called by whatever stops the arm, sends it elsewhere or leaves it without a driver.
        """

    def on_stop(self, cause: str) -> str:
        """Called after the arm was told to hold; returns what else it meant, for people."""
        return ""

    def on_driver_lost(self) -> None:
        """The driving console is gone: hold, unless the phase says otherwise."""
        if self.phase.following or self.phase is Phase.ALIGNING:
            self.stop("the driving console is gone")

    def command(self, command: protocol.Command) -> None:
        """A command that the arm alone does not know. Raises Refused."""
        raise Refused(f"{type(command).__name__} means nothing in this session")

    def following_phase(self) -> tuple[Phase, str]:
        """The phase in which the follower follows, and what to say in it."""
        return Phase.READY, "following the leader"

    def busy(self) -> bool:
        """Whether something must still be finished before the session may end."""
        return False

    def quiet(self) -> bool:
        """In lockstep: whether nothing needs a step now."""
        return self.phase not in (Phase.ALIGNING, Phase.RESTING, Phase.RELEASING) and self.ending is None

    def on_quiet(self) -> None:
        """Called in lockstep instead of a control period, while nothing needs one."""

    @property
    def moving(self) -> bool:
        """Whether a stop now makes the phase HELD."""
        return self.phase.moving

    def resting_phase(self) -> tuple[Phase, str]:
        """The phase at rest, and what to say in it."""
        return Phase.RESTED, "at rest, torque on"

    def commit(self, command: protocol.Command, done: Callable[[], None]) -> bool:
        """Take a command that is answered (`done`) only once its fact is on disk; False where it is not one.

        Raises Refused.
        """
        if not isinstance(command, protocol.AddNote | protocol.SetTag):
            return False
        self.context.journal.tell(remark(command), then=done)
        return True

    def telemetry(self) -> dict[str, Any]:
        """Fields of the telemetry beyond the arm's."""
        return {}

    def close(self) -> None:
        """Called once, after the last tick."""

    # --- the loop ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Hold, then tick until over."""
        self.guard.call("follower", self.arm.hold)
        try:
            self.prepare()
            self.enter(Phase.IDLE, "holding")
            self.context.mailbox.open = True
            self.open()
            gc.collect()
            gc.freeze()  # what LeRobot and torch made need never be searched again: that takes 50 ms and more
            self.pacer.restart()
            while not self.over:
                self.step()
        except BaseException:
            self.guard.call("follower", self.arm.hold)  # whatever went wrong here, the arm stays where it is
            raise
        finally:
            self.context.mailbox.open = False
            self.close()
            self._telemeter.close()
            if self._trace:
                (self.context.run.root / "trace.txt").write_text("\n".join(map(str, self._trace)))

    @property
    def may_cut_torque(self) -> bool:
        """Whether the arm lies at rest or is limp, so that cutting torque drops nothing."""
        if self.arm.mode is Mode.LIMP:
            return True
        off, _ = distance(self._pose, self.profile.motion.rest, but=self.profile.motion.gripper)
        return self.arm.at_rest and bool(self._pose) and off <= REST_WITHIN

    @property
    def outcome(self) -> tuple[SessionStatus, str]:
        """How the session ended, once it is over."""
        return self.ending or SessionStatus.ABORTED, self.end_reason

    def step(self) -> None:
        """Wait for the next period or a command, obey, tick."""
        mailbox = self.context.mailbox
        if not self.lockstep:
            due = self.pacer.wait(mailbox.wake)
        else:
            due = not self.quiet() or not mailbox.wake.wait(1 / RATE_HZ)
        for received in mailbox.drain():
            self.obey(received)
        if mailbox.driver_lost:
            mailbox.driver_lost = False
            self.forget_start()
            self.on_driver_lost()
        if mailbox.terminate:
            mailbox.terminate = False
            self._terminate()
        if self.lockstep and self.quiet():
            self.on_quiet()
            self._report()
        elif due:
            self.tick()

    def tick(self) -> None:
        """One control period: observe, decide, command, look after things."""
        self.ticks += 1
        observation, pose = self._observe()
        leader = self.guide(observation)
        if pose is not None:
            self._pose = pose
            goal = self.arm.tick(pose, self._leader if leader is None else leader)
            if goal is not None:
                action = {f"{n}.pos": v for n, v in goal.items()}
                sent = self.guard.call("follower", lambda: self.devices.robot.send_action(action))
                if sent is None:
                    self.arm.unheld = True
                elif observation is not None and leader is not None:
                    self.on_tick(observation, action)
            self.watch.look(self._frames, self.arm, pose, self.now())
        self._move_on()
        if self.ticks % max(1, self.fps // RATE_HZ) == 0 or self.lockstep:
            self._report()

    def now(self) -> float:
        """Seconds of this session's clock: steps in lockstep, else monotonic time."""
        return self.ticks / self.fps if self.lockstep else time.monotonic()

    def _observe(self) -> tuple[dict[str, Any] | None, Pose | None]:
        """The observation and the measured pose; a dead camera takes the first, not the second."""
        try:
            observation: dict[str, Any] = self.devices.robot.get_observation()
        except Exception as error:  # drivers raise what they like
            pose = self.guard.call("follower", self.arm.measure)
            if pose is not None:
                self.guard.fail("observation", error)
            self._frames = {}
            return None, pose
        for source in ("observation", "follower"):
            self.guard.worked(source)
        self._frames = {n: observation[n] for n in self.devices.cameras if n in observation}
        return observation, self.arm.pose_of(observation)

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """What the arm follows where it follows: the leader's pose, None where it cannot be read.

        Without a leader it is the arm's own.
        """
        teleop = self.devices.teleop
        if teleop is None:
            return dict(self._pose)
        action = self.guard.call("leader", teleop.get_action)
        if action is None:
            return None
        self._leader = self.arm.pose_of(action)
        return self._leader

    def _device_works(self, source: str) -> None:
        if source == "follower":  # it may have fallen while it was away: never back to the goal from before
            self.arm.unheld = True

    def _device_failed(self, source: str, text: str) -> None:
        ways_down = self.phase in (Phase.RESTING, Phase.RELEASING)
        if self.phase is not Phase.STARTING and not (ways_down and source != "follower"):
            self.stop(text)

    def tell_devices(self, what: str, number: int) -> None:
        """A simulated bench wants to know which take or trial begins and ends; a person at a real one does."""
        self.guard.hook("follower", self.devices.all(), what, number)

    # --- phases -----------------------------------------------------------------------------------

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Change the phase and say so."""
        if (phase, detail) == (self.phase, self.detail):
            return
        if phase is not self.phase:
            self.since = time.monotonic()
        self.phase, self.detail = phase, detail
        self.context.journal.tell(ev.PhaseChanged(phase=phase.value, detail=detail))

    def _move_on(self) -> None:
        """What follows from where the arm is now."""
        if self.phase is Phase.ALIGNING:
            if self.arm.mode is Mode.FOLLOW:
                self._rest_is_possible_again()
                self.enter(*self.following_phase())
            elif self.arm.trouble:
                self.enter(Phase.ALIGNING, self.arm.trouble)
        elif self.phase.following and self.arm.mode is Mode.ALIGN:
            self.lose_leader(self.arm.trouble)
        elif self.phase in (Phase.RESTING, Phase.RELEASING):
            if self.arm.at_rest:
                self._arrive()
            elif self.arm.trouble:
                self._give_up_resting()
        if self.ending is not None and not self.busy():
            self._end_step()

    def lose_leader(self, why: str) -> None:
        """The leader leapt while it was followed: align again."""
        self.forget_start()
        self.enter(Phase.ALIGNING, f"{why}: moving to it slowly")

    def _give_up_resting(self) -> None:
        """The arm is blocked: hold it there, torque on, and leave the rest to a person."""
        text, self._gave_up_resting = self.arm.trouble, True
        self.context.journal.tell(ev.AlarmRaised(source="rest", text=text, answer="free the arm, then g or F again"))
        self.ending = None
        self.stop(text)

    def _rest_is_possible_again(self) -> None:
        if self._gave_up_resting:
            self._gave_up_resting = False
            self.context.journal.tell(ev.AlarmCleared(source="rest"))

    def _arrive(self) -> None:
        self._rest_is_possible_again()
        if self._releasing:
            self._cut_torque()
        else:
            self.enter(*self.resting_phase())

    def _cut_torque(self) -> None:
        self._releasing = False
        self.guard.call("follower", self.arm.cut_torque)
        if self.arm.mode is Mode.LIMP:
            self.enter(Phase.RELEASED, "torque is off: the arm can be moved by hand")

    def stop(self, cause: str) -> None:
        """Hold, whatever the arm does. A second stop changes nothing, where the first one got through."""
        self.forget_start()
        if self.arm.mode is Mode.LIMP:
            return
        self._releasing = False
        was_holding = self.arm.mode is Mode.HOLD and not self.arm.unheld and self.phase is not Phase.STARTING
        if not was_holding:
            self.guard.call("follower", self.arm.hold)
        also = self.on_stop(cause)
        if self.moving:
            self.context.journal.tell(ev.Held(cause=cause))
            self.enter(Phase.HELD, f"holding; {also}" if also else "holding")

    # --- commands ---------------------------------------------------------------------------------

    def obey(self, received: Received) -> None:
        """Do what a command says, or answer why not."""
        try:
            if self.commit(received.command, received.accept):
                return
            self._dispatch(received.command)
        except Refused as refusal:
            received.refuse(str(refusal), refusal.code)
        except Exception as error:  # a fault in one command must not end a session with an arm
            logger.exception("%r", received.command)
            received.refuse(f"{type(received.command).__name__} failed: {error}", Code.FAILED)
        else:
            received.accept()

    def _dispatch(self, command: protocol.Command) -> None:
        match command:
            case protocol.Stop():
                self._stop_for(command.cause)
            case protocol.Follow():
                self._follow()
            case protocol.GoToRest():
                self._rest()
            case protocol.Release():
                self._release(command)
            case protocol.Finish():
                self._not_right_after_a_stop()
                self.finish(SessionStatus.FINISHED, "finished by the operator")
            case _:
                self.command(command)

    def _stop_for(self, cause: str) -> None:
        """A person's stop: it ends an end, too. Raises Refused where the hold did not reach the arm."""
        self.stopped_at, self.ending = time.monotonic(), None
        self.stop(cause)
        if self.arm.unheld and self.arm.mode is Mode.HOLD:
            raise Refused("the follower does not answer, the hold did not reach it: CUT THE POWER if it moves")

    def _not_right_after_a_stop(self) -> None:
        if not self.lockstep and time.monotonic() - self.stopped_at < AFTER_STOP_S:
            raise Refused("stopped a moment ago: press again", Code.TOO_SOON)

    def _follow(self) -> None:
        if self.devices.teleop is None:
            raise Refused("this session has no leader to follow")
        if self.phase not in (Phase.IDLE, Phase.HELD, Phase.RESTED, Phase.RELEASED):
            raise Refused(f"the arm is {self.phase.value}: following starts when it holds")
        if self.guard.trouble:
            raise Refused(self.guard.trouble)
        self._not_right_after_a_stop()
        self.arm.align(self.arm.measure())
        self.enter(Phase.ALIGNING, "the follower moves to the leader: hold the leader still")

    def _rest(self) -> None:
        self._may_move_by_itself()
        if not self.arm.can_rest:
            raise Refused("no rest pose is taught for this bench: `lab-console rest --teach` says how")
        self.arm.rest(self.arm.measure())
        self.forget_start()
        self.enter(Phase.RESTING, "the gripper opens, the arm lifts and goes to rest")

    def _release(self, command: protocol.Release) -> None:
        if not command.confirmed:
            raise Refused("releasing cuts torque: it has to be confirmed")
        self._may_move_by_itself()
        self.forget_start()
        if self.arm.can_rest:
            self.arm.rest(self.arm.measure())
            self._releasing = True
            self.enter(Phase.RELEASING, "the arm is lowered to rest, then torque is cut")
        else:
            self._cut_torque()

    def _may_move_by_itself(self) -> None:
        if self.phase in (Phase.RECORDING, Phase.RUNNING, Phase.RELEASING, Phase.RELEASED, Phase.ENDED):
            hints = {Phase.RECORDING: "end the take first", Phase.RUNNING: "end the trial first"}
            hint = hints.get(self.phase, "it is not possible now")
            raise Refused(f"the arm is {self.phase.value}: {hint}")
        self._not_right_after_a_stop()

    def finish(self, status: SessionStatus, reason: str) -> None:
        """End the session in order: hold, save, rest, let go."""
        self.forget_start()
        if self.arm.mode is not Mode.LIMP and self.arm.mode is not Mode.HOLD:
            self.guard.call("follower", self.arm.hold)
        self.on_stop("ended")
        self.ending, self.end_reason = status, reason
        self.enter(Phase.HELD if self.moving else self.phase, ENDING)

    def _terminate(self) -> None:
        if self.ending is None:
            self.finish(SessionStatus.ABORTED, "asked to end (SIGTERM)")

    def _end_step(self) -> None:
        resting = self.phase in (Phase.RESTING, Phase.RELEASING)
        if self.arm.mode is Mode.LIMP or self.arm.at_rest or self.guard.failing("follower"):
            self.over = True
        elif not self.arm.can_rest:
            self.end_reason += "; no rest pose is taught, so the arm holds with torque on"
            self.over = True
        elif not resting:
            self.arm.rest(self._pose)  # as measured this period; a rest pose of another robot was refused at connect
            self.enter(Phase.RESTING, "the arm goes to rest, then the session ends")

    # --- what watchers see ------------------------------------------------------------------------

    def _report(self) -> None:
        self.watch.tell_of_heat(self.phase)
        values = protocol.Telemetry(
            at=time.time(),
            joints=dict(self._pose),
            leader=dict(self._leader),
            torque=self.arm.mode is not Mode.LIMP,
            loop_hz=self.pacer.rate(),
            loop_p99_ms=self.pacer.p99_ms(),
            late=self.pacer.late,
            phase_seconds=time.monotonic() - self.since,
            disk_free=self.watch.disk_free(),
            watchers=self.context.server.watchers,
            cameras=self.watch.views(self.now()),
            **self.telemetry(),
        )
        self._telemeter.offer(Sample(values, dict(self._frames)))
