"""Where an arm is told to stand when it stops: at its last goal where it stands near it, else where it is measured.

A loaded joint hangs a few degrees off its goal. Goal := measured would lower it by as much again with every stop, and
open a gripper that squeezes an object: its goal lies beyond what it can reach.
"""

from __future__ import annotations

from collections import deque

from services.workers.arm.motion import Pose
from sessions.bench import is_gripper

NEAR = 5.0
"""Degrees (percent) off its goal at which a joint still stands at it: a load's sag, the lag of a move."""
STILL = 1.5
"""Percent that a gripper may have moved in STILL_S to count as squeezing, not closing."""
STILL_S = 0.2


class Stance:
    """Knows how each arm's gripper moved lately. Smaller is more closed, as LeRobot counts it."""

    def __init__(self, gripper: str, fps: int) -> None:
        self._gripper, self._periods = gripper, max(2, round(STILL_S * fps))
        self._recent: dict[str, deque[float]] = {}

    @property
    def periods(self) -> int:
        """How many it takes to know."""
        return self._periods

    def note(self, measured: Pose) -> None:
        """The pose of one control period."""
        for name, value in measured.items():
            if is_gripper(name, self._gripper):
                self._recent.setdefault(name, deque(maxlen=self._periods)).append(value)

    def at(self, goal: Pose, measured: Pose) -> Pose:
        """The goal that keeps each joint where it stands; a joint without a goal stands where it is measured."""
        return {name: goal[name] if self._stands(name, goal, value) else value for name, value in measured.items()}

    def _stands(self, name: str, goal: Pose, measured: float) -> bool:
        if name not in goal:
            return False
        if abs(goal[name] - measured) <= NEAR:
            return True
        return is_gripper(name, self._gripper) and goal[name] < measured and self._is_still(name, measured)

    def _is_still(self, name: str, measured: float) -> bool:
        recent = self._recent.get(name, ())
        moved = max(*recent, measured) - min(*recent, measured) if recent else 0.0
        return len(recent) == self._periods and moved <= STILL
