"""Motion checks: a follower that is stuck, an arm that holds for too long."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from services.health.checks import Check, Thresholds, register
from sessions.alarm_source import Advice
from sessions.bench import is_gripper


@dataclass(frozen=True)
class Period:
    """One control period: goal and measured pose (degrees; grippers in percent), and an arm's gripper's name."""

    goal: dict[str, float]
    measured: dict[str, float]
    gripper: str = ""


class MotionCheck(Check[Period]):
    """A check of the follower's motion. `flag` is set on the take, `answer` and `advice` say what to do."""

    flag: ClassVar[str]
    answer: ClassVar[str] = ""
    advice: ClassVar[Advice] = Advice.STOP

    @property
    @abstractmethod
    def text(self) -> str:
        """What is wrong, for the alarm line."""


class StuckThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Degrees between goal and measured pose."""

    raise_after_s: float = 1.0
    degrees: float = 20.0


@register
class Stuck(MotionCheck):
    """A motor does not reach its goal. A gripper that holds something is not stuck."""

    name = "stuck"
    flag = "follower stuck"
    defaults = StuckThresholds()
    motor = ""

    def bad_since(self, sample: Period, now: float) -> float | None:
        """Now, if a joint is too far from its goal."""
        limit = self.thresholds
        assert isinstance(limit, StuckThresholds)
        off = ((abs(sample.goal[n] - sample.measured[n]), n) for n in sample.goal if not is_gripper(n, sample.gripper))
        worst, name = max(off, default=(0.0, ""))
        if worst <= limit.degrees:
            return None
        self.motor = name
        return now

    @property
    def text(self) -> str:
        """Which motor it is."""
        return f"the follower does not reach its goal: {self.motor} is stuck"


class HeldLong(Check[bool]):
    """The arm holds for too long (a sample says whether it holds): its servos heat up. The profile sets the limit."""

    name = "heat"

    def bad_since(self, sample: bool, now: float) -> float | None:
        """Now, while it holds."""
        return now if sample else None
