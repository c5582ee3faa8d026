"""Watches that the arm has the torque that it is said to have, and says so where it has not."""

from __future__ import annotations

from collections.abc import Callable

from services.live import events as ev
from services.live.reasons import Advice, AlarmSource
from services.workers.arm.arm import Arm
from services.workers.process.journal import Journal

EVERY_S = 0.4
"""How often torque is read: a loss is told within a second; a read takes 1 to 2 ms."""


class TorqueWatch:
    """Belongs to the control loop's thread. `lost(text)` is called once per loss, with what was lost, for people."""

    def __init__(self, arm: Arm, journal: Journal, lost: Callable[[str], None]) -> None:
        self._arm, self._journal, self._lost = arm, journal, lost
        self._next, self._raised = 0.0, False

    def hurry(self) -> None:
        """Read in the next period: the bus was away, or a hold is to be checked."""
        self._next = 0.0

    def look(self, now: float) -> None:
        """One control period, `now` in seconds of the session's clock, in which the arm answered."""
        if now < self._next:
            return
        self._next = now + EVERY_S
        if self._arm.lost_torque():
            self.tell_of_loss()

    def tell_of_loss(self) -> None:
        """Some torque is gone."""
        torque, complaints = self._arm.motors.last, self._arm.motors.complaints
        what = "the arm lost its torque" if torque.all_off else f"{' and '.join(torque.named(False))} lost torque"
        text = f"{what} ({complaints})" if complaints else what
        self.tell(text, Advice.SUPPORT_THEN_STOP)
        self._lost(text)

    def tell(self, text: str, advice: Advice) -> None:
        """Raise the alarm of torque."""
        self._raised = True
        self._journal.emit(ev.AlarmRaised(source=AlarmSource.TORQUE, text=text, advice=advice))

    def holds(self) -> None:
        """Torque is as it should be, as read."""
        if self._raised:
            self._raised = False
            self._journal.emit(ev.AlarmCleared(source=AlarmSource.TORQUE))
