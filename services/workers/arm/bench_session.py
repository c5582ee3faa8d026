"""A session that records nothing."""

from __future__ import annotations

from services.live import protocol
from services.live.requests import BenchRequest, Purpose
from services.workers.arm.control_loop import ArmSession
from services.workers.arm.devices import Devices
from services.workers.process.context import Context
from services.workers.process.mailbox import Refused
from sessions.models import SessionStatus


class BenchSession(ArmSession):
    """Begins with what was asked for, and ends by itself when that is done: at rest, or released."""

    def __init__(self, context: Context, devices: Devices, request: BenchRequest) -> None:
        super().__init__(context, devices, request.profile, fps=request.fps, lockstep=request.lockstep)
        self._purpose = request.purpose

    def open(self) -> None:
        """Start with the purpose: it was asked for by a key or a shell verb."""
        first = {
            Purpose.TELEOPERATE: protocol.Follow(),
            Purpose.REST: protocol.GoToRest(),
            Purpose.RELEASE: protocol.Release(confirmed=True),
        }.get(self._purpose)
        mailbox, driven = self.context.mailbox, self.context.server.driven
        regretted = mailbox.stopped or mailbox.terminate
        if first is None or regretted or (self._purpose is Purpose.TELEOPERATE and not driven):
            return
        try:
            self._dispatch(first)
        except Refused as refusal:
            self.finish_holding(str(refusal))

    def finish_holding(self, reason: str) -> None:
        """What was asked cannot be done: end, the arm as it is."""
        self.ending, self.end_reason, self.over = SessionStatus.ABORTED, reason, True

    def _arrive(self) -> None:
        super()._arrive()
        if self._purpose is Purpose.REST and self.ending is None:
            self.ending, self.end_reason = SessionStatus.FINISHED, "the arm is at rest"

    def _cut_torque(self) -> None:
        super()._cut_torque()
        if self._purpose in (Purpose.RELEASE, Purpose.HOLD) and self.ending is None:
            self.ending, self.end_reason = SessionStatus.FINISHED, "torque is off"
