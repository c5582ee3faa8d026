"""What one kind of session does with the arm: recording, evaluating and benching are strategies of one control loop.

The loop (`control_loop`) owns period, devices, hold, rest, release and stop; a strategy says what the arm follows, what
becomes of each period and which commands beyond the arm's it obeys. It asks the loop for everything else through the
ArmContext that `setup` gives it. The division follows LeRobot's `rollout/` (strategies/base.py, context.py), but the
loop is the loop's: a stop must reach the arm whatever a strategy does.

What comes later, and where it goes without another hook:
- A label on a take (a strategy of the demonstrator, say): a field of the command that starts or marks it, obeyed by
  RecordStrategy.command, and a field of the event that `Recorder.start` is given.
- A person takes over from the policy (DAgger): EvaluateStrategy.guide returns `ArmContext.read_leader()` instead of
  the policy's action, ramped as a trial's beginning is; the takeover is a command, who drove a column of `tick`.
- Blinded policies in an A/B comparison: EvaluateStrategy is given several ActionSources and `begin` picks one per
  trial; TrialStarted names its checkpoint, and what the console may show of it is for the console to decide.
- A warm worker: a process that has LeRobot loaded calls `body` of `services.workers.record`, `evaluate` or `bench`;
  a strategy is made, and opens what it needs, only after that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from services.live import protocol
from services.live.phases import FOLLOWING, Phase
from services.live.protocol import Code
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose
from services.workers.process.mailbox import Refused
from sessions.models import EndedBy, SessionKind


class Strategy(ABC):
    """Every method is called on the control loop's thread. What is not overridden means that nothing is added."""

    kind: SessionKind
    guided_by = "the leader"
    """What the arm follows, for people."""
    recovery_hint = "p resumes when it is back"
    """What answers a device that failed, for people."""
    needs_driver: frozenset[Phase] = FOLLOWING | {Phase.ALIGNING}
    """Phases in which the arm holds when the driving console is gone."""
    ends_in: Mapping[Phase, str] = {}
    """Phases in which the session has done what it was asked for and ends by itself: why, for people."""

    @abstractmethod
    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Called once while the worker still starts; the arm holds. The command to begin with, if any."""

    @abstractmethod
    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """What the arm follows this period, {} where that is its own pose; None where it cannot be read.

        `observation` is None where a camera is dead.
        """

    def tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:  # noqa: B027
        """Called after each period in which everything was read and the goal, `action`, was sent."""

    def reasons(self, command: protocol.Command) -> Mapping[Code, str]:
        """Why `command` would not be obeyed now, in words, by the code that says so.

        The obstacles that the table of phases knows only where they stand; WRONG_PHASE and MEANINGLESS always, where
        there is more to say than the loop says by itself.
        """
        return {}

    def command(self, command: protocol.Command, done: Callable[[], None]) -> bool:
        """Obey what the table of phases lets through. False where `done` answers, once the fact is on disk.

        Raises Refused.
        """
        raise Refused(f"{type(command).__name__} means nothing in this session", Code.MEANINGLESS)

    def begin(self, number: int) -> bool:
        """The start that waits (`ArmContext.start`): False where it has to wait on. Tried each period."""
        return True

    def settle(self, phase: Phase) -> tuple[Phase, str]:
        """The arm has aligned (READY) or is at rest (RESTED): which phase that is here, and what to say in it."""
        says = "at rest, torque on" if phase is Phase.RESTED else f"following {self.guided_by}"
        return phase, says

    def on_stop(self, why: str, ended_by: EndedBy) -> str:
        """The arm was told to hold. What else that meant, for people.

        `why` says what for, for people; `ended_by` how it ends a take or trial.
        """
        return ""

    def on_leap(self, why: str) -> None:  # noqa: B027
        """What the arm follows leapt away while it was followed; the arm aligns with it again, unless it is held."""

    @property
    def busy(self) -> bool:
        """Whether something must still be saved before the session may end."""
        return False

    @property
    def needs_steps(self) -> bool:
        """In lockstep: whether time has to pass, though the arm neither aligns nor goes anywhere by itself."""
        return False

    def telemetry(self) -> dict[str, Any]:
        """Fields of the telemetry beyond the arm's."""
        return {}

    def end(self) -> None:  # noqa: B027
        """Called once, after the last period, whatever ended the session, even `setup`: save what is left."""
