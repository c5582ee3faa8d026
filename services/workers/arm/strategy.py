"""The interface of a kind of session: recording, evaluation and bench are strategies of one control loop.

The loop (`control_loop`) owns timing, devices, hold, rest, release and stop. A strategy provides the pose to follow,
handles each period's data, and handles the commands beyond the arm's own; it reaches everything else through the
ArmContext passed to `setup`. The division follows LeRobot's `rollout/` (strategies/base.py, context.py), except that a
strategy cannot replace the loop: a stop must reach the arm whatever a strategy does.

Where planned features fit without another hook:
- A label on a take (the demonstrator's strategy, for example): a field of the command that starts or marks it,
  handled by RecordStrategy.command, and a field of the event passed to `Recorder.start`.
- Takeover from the policy by a person (DAgger): a command; EvaluateStrategy.guide returns `ArmContext.read_leader()`
  instead of the policy's action, ramped like the start of a trial, and `tick` records who drove.
- Blinded policies in an A/B comparison: EvaluateStrategy gets several ActionSources and `begin` picks one per trial;
  TrialStarted names its checkpoint, and the console decides what to show of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from services.live import protocol
from services.live.phases import FOLLOWING, Phase
from services.live.protocol import Code
from services.live.reasons import Advice
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose
from services.workers.process.mailbox import Refused
from services.workers.process.replies import Reply
from sessions.models import EndedBy, SessionKind


class Strategy(ABC):
    """Methods are called on the control loop's thread. Those not abstract are optional to override."""

    kind: SessionKind
    guided_by = "the leader"
    """Name of what the arm follows, as shown to people."""
    recovery = Advice.RESUME
    """The advice shown with a device's alarm."""
    needs_driver: frozenset[Phase] = FOLLOWING | {Phase.ALIGNING}
    """Phases in which the loss of the driving console makes the arm hold."""
    stops_first = False
    """Whether the session begins by stopping the arm, which may still be moving."""
    ends_in: Mapping[Phase, str] = {}
    """Phases that complete the session, which then ends by itself; the value is the end reason."""

    @abstractmethod
    def setup(self, context: ArmContext) -> protocol.Command | None:
        """Called once during start-up, while the arm holds. Returns the first command, if any."""

    @abstractmethod
    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        """The pose to follow this period; {} to keep the arm's own, None if it cannot be read.

        `observation` is None if a camera is dead.
        """

    def tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:  # noqa: B027
        """Called after each period in which everything was read and the goal `action` was sent."""

    def reasons(self, command: protocol.Command) -> Mapping[Code, str]:
        """Messages for a refusal of `command`, by code.

        Other codes only while the obstacle exists, since they cause a refusal; WRONG_PHASE and MEANINGLESS at any
        time, as more specific messages than the loop's own.
        """
        return {}

    def command(self, command: protocol.Command, reply: Reply) -> bool:
        """Handle a command that the phase table allows. False if `reply` is given later, once the event is on disk.

        Raises Refused.
        """
        raise Refused(f"{type(command).__name__} means nothing in this session", Code.MEANINGLESS)

    def begin(self, number: int) -> bool:
        """Start take or trial `number` (see `ArmContext.start`). False to be called again next period."""
        return True

    def settle(self, phase: Phase) -> tuple[Phase, str]:
        """The phase and detail to enter once the arm has aligned (`phase` READY) or is at rest (RESTED)."""
        detail = "at rest, torque on" if phase is Phase.RESTED else f"following {self.guided_by}"
        return phase, detail

    def on_stop(self, why: str, ended_by: EndedBy) -> str:
        """Called after the arm was commanded to hold. Returns any further effect, to show to the operator.

        `why` is the reason to show; `ended_by` is how it ends a running take or trial.
        """
        return ""

    def on_jump(self, why: str) -> None:  # noqa: B027
        """The guide jumped while it was followed; the arm aligns with it again, unless it is held."""

    @property
    def busy(self) -> bool:
        """Whether something must still be saved before the session may end."""
        return False

    @property
    def needs_steps(self) -> bool:
        """In lockstep: whether time must advance although the arm is not moving by itself."""
        return False

    def telemetry(self) -> dict[str, Any]:
        """Additional fields of the telemetry."""
        return {}

    def end(self) -> None:  # noqa: B027
        """Save what is left. Called once after the last period, whatever ended the session, even a failed `setup`."""
