"""The control loop of a session with an arm: its period, its devices, its orderly end.

What the arm is for is said by a Strategy; what both ask of the arm is an ArmContext.
"""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Any

from services.bench.profiles import Profile
from services.live import protocol
from services.live.phases import Phase
from services.workers.arm.arm import Mode
from services.workers.arm.commands import ArmCommands
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose, distance
from services.workers.arm.pacing import Pacer
from services.workers.arm.strategy import Strategy
from services.workers.process.context import Context
from services.workers.process.mailbox import Refused
from services.workers.process.telemetry import RATE_HZ, Sample, Telemeter
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

REST_WITHIN = 10.0
"""Degrees from the taught rest pose, as measured, within which torque may be cut."""
TRACE = "LAB_CONSOLE_TRACE"
"""Set for benchmarks: the start of every control period is written to the run's trace.txt at the end."""


class ControlLoop:
    """Runs the arm at `fps` until the session is over. Every method belongs to the control loop's thread."""

    def __init__(
        self, worker: Context, devices: Devices, profile: Profile, strategy: Strategy, *, fps: int, lockstep: bool
    ) -> None:
        self.context = ArmContext(worker, devices, profile, strategy, fps=fps, lockstep=lockstep)
        self.commands = ArmCommands(self.context, strategy)
        self._worker, self._devices, self._strategy = worker, devices, strategy
        self._trace: list[int] | None = [] if os.environ.get(TRACE) else None
        self._pacer = Pacer(fps, self._trace)
        self._telemeter = Telemeter(worker.server)
        self._over = False
        self._guide: Pose = {}
        self._frames: dict[str, Any] = {}

    # --- from start to end ------------------------------------------------------------------------

    def run(self) -> None:
        """Hold, then tick until over."""
        self.context.hold()
        try:
            first = self._strategy.setup(self.context)
            self.context.enter(Phase.IDLE, "holding")
            self._worker.mailbox.open = True
            self._begin_with(first)
            gc.collect()
            gc.freeze()  # what LeRobot and torch made need never be searched again: that takes 50 ms and more
            self._pacer.restart()
            while not self._over:
                self.step()
        except BaseException:
            self.context.hold()  # whatever went wrong here, the arm stays where it is
            raise
        finally:
            self._worker.mailbox.open = False
            self._strategy.end()
            self.close()

    def close(self) -> None:
        """Let telemetry and trace go."""
        self._telemeter.close()
        if self._trace:
            (self._worker.run.root / "trace.txt").write_text("\n".join(map(str, self._trace)))

    def _begin_with(self, first: protocol.Command | None) -> None:
        """The command that the session was started for, unless somebody regretted it or nobody is there to watch."""
        mailbox = self._worker.mailbox
        unwatched = isinstance(first, protocol.Follow) and not self.context.driven
        if first is None or mailbox.stopped or mailbox.terminate or unwatched:
            return
        try:
            self.commands.dispatch(first, lambda: None)
        except Refused as refused:  # it cannot be done: end, the arm as it is
            self.context.ending, self.context.end_reason, self._over = SessionStatus.ABORTED, str(refused), True

    @property
    def outcome(self) -> tuple[SessionStatus, str]:
        """How the session ended, once it is over."""
        return self.context.ending or SessionStatus.ABORTED, self.context.end_reason

    @property
    def may_cut_torque(self) -> bool:
        """Whether the arm lies at rest or is limp, so that cutting torque drops nothing."""
        arm, motion = self.context.arm, self.context.profile.motion
        if arm.mode is Mode.LIMP:
            return True
        off, _ = distance(self.context.pose, motion.rest, but=motion.gripper)
        return arm.at_rest and bool(self.context.pose) and off <= REST_WITHIN

    # --- one period -------------------------------------------------------------------------------

    def step(self) -> None:
        """Wait for the next period or a command, obey, tick."""
        mailbox = self._worker.mailbox
        if not self.context.lockstep:
            due = self._pacer.wait(mailbox.wake)
        else:
            due = not self._quiet or not mailbox.wake.wait(1 / RATE_HZ)
        for received in mailbox.drain():
            self.commands.obey(received)
        if mailbox.driver_lost:
            mailbox.driver_lost = False
            self.context.lose_driver()
        self.context.watch()
        if mailbox.terminate:
            mailbox.terminate = False
            if self.context.ending is None:
                self.context.finish(SessionStatus.ABORTED, "asked to end (SIGTERM)")
        self.context.begin_what_waits()
        if self.context.lockstep and self._quiet:
            self._report()
        elif due:
            self.tick()

    @property
    def _quiet(self) -> bool:
        """In lockstep: whether nothing needs a step now."""
        moving = self.context.phase in (Phase.ALIGNING, Phase.RESTING, Phase.RELEASING)
        return not moving and self.context.ending is None and not self._strategy.needs_steps

    def tick(self) -> None:
        """One control period: observe, decide, command, look after things."""
        context = self.context
        context.ticks += 1
        observation, pose = self._observe()
        context.pose = context.pose if pose is None else pose
        guide = self._strategy.guide(observation)
        self._guide = self._guide if guide is None else guide
        if pose is not None:
            action = self._send(context.arm.tick(pose, self._guide or dict(pose)))
            if action is not None and observation is not None and guide is not None:
                self._strategy.tick(observation, action)
            context.monitor.look(self._frames, context.arm, pose, context.now())
        self._move_on()
        if context.ticks % max(1, context.fps // RATE_HZ) == 0 or context.lockstep:
            self._report()

    def _observe(self) -> tuple[dict[str, Any] | None, Pose | None]:
        """The observation and the measured pose; a dead camera takes the first, not the second."""
        guard, arm = self.context.guard, self.context.arm
        try:
            observation: dict[str, Any] = self._devices.robot.get_observation()
        except Exception as error:  # drivers raise what they like
            pose = guard.call("follower", arm.measure)
            if pose is not None:
                guard.fail("observation", error)
            self._frames = {}
            return None, pose
        for source in ("observation", "follower"):
            guard.worked(source)
        self._frames = {n: observation[n] for n in self._devices.cameras if n in observation}
        return observation, arm.pose_of(observation)

    def _send(self, goal: Pose | None) -> dict[str, Any] | None:
        """Command the goal; the action as it was sent, None where there is no torque or it did not get through."""
        if goal is None:
            return None
        action = {f"{n}.pos": v for n, v in goal.items()}
        if self.context.guard.call("follower", lambda: self._devices.robot.send_action(action)) is None:
            self.context.arm.unheld = True
            return None
        return action

    # --- what follows from where the arm is now ---------------------------------------------------

    def _move_on(self) -> None:
        arm = self.context.arm
        phase = self.context.phase
        if phase is Phase.ALIGNING:
            self._aligned()
        elif arm.mode is Mode.ALIGN and (phase.following or phase is Phase.RUNNING):
            self._align_again(arm.trouble)
        elif phase in (Phase.RESTING, Phase.RELEASING):
            if arm.at_rest:
                self._arrive()
            elif arm.trouble:
                self.context.give_up_resting()
        if self.context.ending is not None and not self._strategy.busy:
            self._end_step()

    def _aligned(self) -> None:
        if self.context.arm.mode is Mode.FOLLOW:
            self.context.rest_is_possible_again()
            self.context.enter(*self._strategy.settle(Phase.READY))
        elif self.context.arm.trouble:
            self.context.enter(Phase.ALIGNING, self.context.arm.trouble)

    def _align_again(self, why: str) -> None:
        """What the arm followed leapt away."""
        self.context.waiting = 0
        self._strategy.on_leap(why)
        if self.context.arm.mode is Mode.ALIGN:
            self.context.enter(Phase.ALIGNING, f"{why}: moving to it slowly")

    def _arrive(self) -> None:
        self.context.rest_is_possible_again()
        if self.context.releasing:
            self.context.cut_torque()
        else:
            self.context.enter(*self._strategy.settle(Phase.RESTED))

    def _end_step(self) -> None:
        context = self.context
        resting = context.phase in (Phase.RESTING, Phase.RELEASING)
        if context.arm.mode is Mode.LIMP or context.arm.at_rest or context.guard.failing("follower"):
            self._over = True
        elif not context.arm.can_rest:
            context.end_reason += "; no rest pose is taught, so the arm holds with torque on"
            self._over = True
        elif not resting:  # a rest pose of another robot was refused at connect
            context.rest("the arm goes to rest, then the session ends")

    # --- what watchers see ------------------------------------------------------------------------

    def _report(self) -> None:
        context = self.context
        context.monitor.tell_of_heat(context.phase)
        values = protocol.Telemetry(
            at=time.time(),
            joints=dict(context.pose),
            leader=dict(self._guide),
            torque=context.arm.mode is not Mode.LIMP,
            loop_hz=self._pacer.rate(),
            loop_p99_ms=self._pacer.p99_ms(),
            late=self._pacer.late,
            phase_seconds=time.monotonic() - context.since,
            disk_free=context.monitor.disk_free(),
            watchers=self._worker.server.watchers,
            cameras=context.monitor.views(context.now()),
            **self._strategy.telemetry(),
        )
        self._telemeter.offer(Sample(values, dict(self._frames)))
