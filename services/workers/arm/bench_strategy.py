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
"""The first command of a session, by its purpose."""
RELEASED = {Phase.RELEASED: "torque is off"}
ENDS_IN: Mapping[Purpose, Mapping[Phase, str]] = {
    Purpose.REST: {Phase.RESTED: "the arm is at rest", **RELEASED},
    Purpose.RELEASE: RELEASED,
    Purpose.HOLD: RELEASED,
}


class BenchStrategy(Strategy):
    """Starts with the purpose's command; rest and release sessions end by themselves once done."""

    kind = SessionKind.BENCH

    def __init__(self, purpose: Purpose) -> None:
        self._first, self.ends_in = FIRST.get(purpose), ENDS_IN.get(purpose, {})
        self.stops_first = purpose is Purpose.HOLD

    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Return the purpose's command."""
        self._context = context
        return self._first

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """The leader's pose."""
        return self._context.read_leader()
