"""The control loop of a session with an arm: timing, devices, orderly end.

A Strategy decides what the arm does; loop and strategy share an ArmContext.
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
from services.workers.arm.motion import Pose, near_rest
from services.workers.arm.pacing import Pacer
from services.workers.arm.strategy import Strategy
from services.workers.process.context import Context
from services.workers.process.mailbox import Refused
from services.workers.process.replies import NoReply
from services.workers.process.telemetry import RATE_HZ, Sample, Telemeter
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

TRACE = "LAB_CONSOLE_TRACE"
"""Environment variable for benchmarks: if set, trace.txt in the run folder gets the start of every control period."""


class ControlLoop:
    """Runs the arm at `fps` until the session ends. Call every method on the control loop's thread."""

    def __init__(
        self, worker: Context, devices: Devices, profile: Profile, strategy: Strategy, *, fps: int, lockstep: bool
    ) -> None:
        self.context = ArmContext(worker, devices, profile, strategy, fps=fps, lockstep=lockstep)
        self.commands = ArmCommands(self.context, strategy)
        self._worker, self._devices, self._strategy = worker, devices, strategy
        self._trace: list[int] | None = [] if os.environ.get(TRACE) else None
        self._pacer = Pacer(fps, self._trace)
        self._telemeter = Telemeter(worker.server)
        self._done = False
        self._guide: Pose = {}

    # --- from start to end ------------------------------------------------------------------------

    def run(self) -> None:
        """Hold, then tick until over."""
        self.context.begin(stop=self._strategy.stops_first)
        try:
            first = self._strategy.setup(self.context)
            if self.context.arm.mode is Mode.LOST:
                self.context.torque.tell_of_loss()
            else:
                self.context.enter(Phase.IDLE, "holding")
            self._worker.mailbox.open = True
            self._start_with(first)
            gc.collect()
            gc.freeze()  # or each collection searches all objects of LeRobot and torch, which takes 50 ms or more
            self._pacer.restart()
            while not self._done:
                self.step()
        except BaseException:
            self.context.hold()  # on any error the arm stays where it is
            raise
        finally:
            self._worker.mailbox.open = False
            self._strategy.end()
            self.close()

    def close(self) -> None:
        """Stop telemetry, look for no camera any more, and write the trace."""
        self.context.readings.cameras.close()
        self._telemeter.close()
        if self._trace:
            (self._worker.run.root / "trace.txt").write_text("\n".join(map(str, self._trace)))

    def _start_with(self, first: protocol.Command | None) -> None:
        """Dispatch the session's first command, unless it was stopped meanwhile or would follow without a driver."""
        mailbox = self._worker.mailbox
        unwatched = isinstance(first, protocol.Follow) and not self.context.driven
        if first is None or mailbox.stopped or mailbox.terminate or unwatched:
            return
        try:
            self.commands.dispatch(first, NoReply())
        except Refused as refused:  # it cannot be obeyed: end without moving the arm
            self.context.ending, self.context.end_reason, self._done = SessionStatus.ABORTED, str(refused), True

    @property
    def outcome(self) -> tuple[SessionStatus, str]:
        """The session's status and end reason; valid once `run` has returned."""
        return self.context.ending or SessionStatus.ABORTED, self.context.end_reason

    @property
    def may_cut_torque(self) -> bool:
        """Whether the arm is at rest or already limp, so that cutting torque does not drop it."""
        arm = self.context.arm
        return arm.mode is Mode.LIMP or (arm.at_rest and self.near_rest)

    @property
    def near_rest(self) -> bool:
        """Whether the arm was last measured at its rest pose, wherever it was told to go."""
        return near_rest(self.context.pose, self.context.profile.motion)

    # --- one period -------------------------------------------------------------------------------

    def step(self) -> None:
        """Wait for the next period or a command, handle commands, tick."""
        mailbox = self._worker.mailbox
        if not self.context.lockstep:
            due = self._pacer.wait(mailbox.wake)
            if due:
                self.context.lapses.note_period(self._pacer.behind, self._pacer.period)
        else:
            due = not self._paused or not mailbox.wake.wait(1 / RATE_HZ)
        for received in mailbox.drain():
            self.commands.handle(received)
        if mailbox.driver_lost:
            mailbox.driver_lost = False
            self.context.lose_driver()
        self.context.watch()
        if mailbox.terminate:
            mailbox.terminate = False
            if self.context.ending is None:
                self.context.finish(SessionStatus.ABORTED, self.context.why_asked_to_end)
        self.context.try_pending_start()
        if self.context.lockstep and self._paused:
            self._report()
        elif due:
            self.tick()

    @property
    def _paused(self) -> bool:
        """In lockstep: whether no step is needed now."""
        moving = self.context.phase in (Phase.ALIGNING, Phase.RESTING, Phase.RELEASING)
        return not moving and self.context.ending is None and not self._strategy.needs_steps

    def tick(self) -> None:
        """One control period: observe, decide, command, monitor."""
        context = self.context
        context.ticks += 1
        observation, pose = context.readings.observe()
        context.pose = context.pose if pose is None else pose
        guide = self._strategy.guide(observation)
        self._guide = self._guide if guide is None else guide
        if pose is not None:
            action = self._send(context.arm.tick(pose, self._guide or dict(pose)))
            if action is not None and observation is not None and guide is not None:
                self._strategy.tick(observation, action)
            context.monitor.update(context.readings.frames, context.arm, pose, context.now())
            context.torque.look(context.now())
        context.wires.look(context.now())
        self._advance_phase()
        if context.ticks % max(1, context.fps // RATE_HZ) == 0 or context.lockstep:
            self._report()

    def _send(self, goal: Pose | None) -> dict[str, Any] | None:
        """Command the goal. Returns the action sent; None if torque is off or sending failed."""
        if goal is None:
            return None
        action = {f"{n}.pos": v for n, v in goal.items()}
        if self.context.guard.call("follower", lambda: self._devices.robot.send_action(action)) is None:
            self.context.arm.unheld = True
            return None
        self.context.confirm_hold()
        return action

    # --- phase changes ----------------------------------------------------------------------------

    def _advance_phase(self) -> None:
        arm = self.context.arm
        phase = self.context.phase
        if phase is Phase.ALIGNING:
            self._check_alignment()
        elif arm.mode is Mode.ALIGN and (phase.following or phase is Phase.RUNNING):
            self._realign(arm.trouble)
        elif phase in (Phase.RESTING, Phase.RELEASING):
            if arm.at_rest or arm.arrived:
                self._finish_rest()
            elif arm.trouble:
                self.context.give_up_resting()
        if self.context.ending is not None and not self._strategy.busy:
            self._advance_end()

    def _check_alignment(self) -> None:
        if self.context.arm.mode is Mode.FOLLOW:
            self.context.clear_rest_alarm()
            self.context.enter(*self._strategy.settle(Phase.READY))
        elif self.context.arm.trouble:
            self.context.enter(Phase.ALIGNING, self.context.arm.trouble)

    def _realign(self, why: str) -> None:
        """The guide jumped: align with it again."""
        self.context.waiting = 0
        self._strategy.on_jump(why)
        if self.context.arm.mode is Mode.ALIGN:
            self.context.enter(Phase.ALIGNING, f"{why}: moving to it slowly")

    def _finish_rest(self) -> None:
        self.context.clear_rest_alarm()
        if self.context.releasing:
            self.context.cut_torque()
        else:
            self.context.enter(*self._strategy.settle(Phase.RESTED))

    def _advance_end(self) -> None:
        context, arm = self.context, self.context.arm
        resting = context.phase in (Phase.RESTING, Phase.RELEASING)
        if context.guard.failing("follower"):
            self._end_away("the follower does not answer, the arm was not brought to rest")
        elif arm.mode is Mode.LOST:
            self._end_away("the arm had lost its torque, it was not brought to rest")
        elif arm.mode is Mode.LIMP or arm.at_rest:
            self._done = True
        elif not arm.can_rest:
            context.end_reason += "; no rest pose is taught, the arm stays where it is"
            self._done = True
        elif not resting:  # a rest pose of another robot was refused at connect
            context.rest("the arm goes to rest, then the session ends")

    def _end_away(self, why: str) -> None:
        """The session ends with the arm elsewhere than it should be: that is no orderly end, whoever asked for it."""
        self.context.ending, self.context.end_reason, self._done = SessionStatus.ABORTED, why, True

    # --- telemetry --------------------------------------------------------------------------------

    def _report(self) -> None:
        context = self.context
        context.monitor.update_hold_warning(context.phase)
        values = protocol.Telemetry(
            at=time.time(),
            joints=dict(context.pose),
            leader=dict(self._guide),
            torque=context.arm.has_torque and context.arm.motors.last.all_on,
            loop_hz=self._pacer.rate(),
            loop_p99_ms=self._pacer.p99_ms(),
            late=self._pacer.late,
            phase_seconds=time.monotonic() - context.since,
            disk_free=context.monitor.disk_free(),
            watchers=self._worker.server.watchers,
            wires=context.wires.views,
            cameras=context.monitor.views(context.now(), self.context.readings.cameras.missing),
            **self._strategy.telemetry(),
        )
        self._telemeter.offer(Sample(values, dict(self.context.readings.frames)))
