"""What an evaluation follows: a policy behind its process, or the simulated bench's scripted person."""

from __future__ import annotations

from typing import Any, Protocol

from services.checkpoints.checkpoint import Checkpoint
from services.workers.arm.motion import Pose
from services.workers.inference.action_queue import ActionQueue
from services.workers.inference.protocol import Loaded, Ready


class Model(Protocol):
    """The policy itself. Use on the control loop's thread, as Policy says."""

    checkpoint: Checkpoint
    loaded: Loaded | None
    ready: Ready | None
    infer_ms: float

    @property
    def dead(self) -> bool:
        """Whether it is gone or cannot go on."""

    def start(self) -> None:
        """Load it."""

    def set_aside(self) -> None:
        """Free its memory for another one; `start` loads it again."""

    def close(self) -> None:
        """End it; may be called more than once."""

    def last_words(self) -> str:
        """Why it is dead."""


class Source(Protocol):
    """Observations in, one pose per control period out. Each call raises PolicyFailed where it cannot go on."""

    @property
    def policy(self) -> Model:
        """The policy."""

    @property
    def queue(self) -> ActionQueue:
        """Its actions that wait."""

    def ensure_running(self) -> None:
        """Load it again if it is dead."""

    @property
    def idle(self) -> bool:
        """Whether it is loaded and has answered the previous request."""

    def begin_trial(self, observation: dict[str, Any], seed: int | None) -> None:
        """Forget the trial before, and ask for the first actions of the next one."""

    def first(self) -> Pose | None:
        """The first action; None until there is one."""

    def act(self, observation: dict[str, Any]) -> Pose | None:
        """The action of this period; None if there is none yet."""
