"""A session that records nothing: teleoperate, go to rest, release, or just hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.live import protocol
from services.live.phases import Phase
from services.live.requests import Purpose
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose
from services.workers.arm.strategy import Strategy
from sessions.models import SessionKind

FIRST: Mapping[Purpose, protocol.Command] = {
    Purpose.TELEOPERATE: protocol.Follow(),
    Purpose.REST: protocol.GoToRest(),
    Purpose.RELEASE: protocol.Release(confirmed=True),
}
"""What was asked for by a key or a shell verb."""
RELEASED = {Phase.RELEASED: "torque is off"}
ENDS_IN: Mapping[Purpose, Mapping[Phase, str]] = {
    Purpose.REST: {Phase.RESTED: "the arm is at rest", **RELEASED},
    Purpose.RELEASE: RELEASED,
    Purpose.HOLD: RELEASED,
}


class BenchStrategy(Strategy):
    """Begins with what was asked for, and ends by itself when that is done: at rest, or released."""

    kind = SessionKind.BENCH

    def __init__(self, purpose: Purpose) -> None:
        self._first, self.ends_in = FIRST.get(purpose), ENDS_IN.get(purpose, {})

    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Nothing has to be opened."""
        self._context = context
        return self._first

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """The leader."""
        return self._context.read_leader()
