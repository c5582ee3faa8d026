"""The policy as the control loop uses it: observations in, a pose per control period out, on time or not at all."""

from __future__ import annotations

from math import isfinite
from typing import Any

from lerobot.utils.constants import ACTION, OBS_STR
from lerobot.utils.feature_utils import build_dataset_frame
from numpy.typing import NDArray

from services.workers.arm.features import Features
from services.workers.arm.motion import Pose
from services.workers.inference.action_queue import ActionQueue
from services.workers.inference.policy_process import Policy

STILL_S = 3.0
"""A policy that gives no action for this long has failed."""
PATIENCE_S = 60.0
"""How long an inference may take in lockstep, or before a trial begins."""


class PolicyFailed(Exception):
    """The policy cannot go on: why, in a sentence; of one that `died` its last words may tell (Policy.last_words)."""

    def __init__(self, text: str, *, died: bool = False) -> None:
        super().__init__(text)
        self.died = died


class ActionSource:
    """One policy, its questions and its actions. In lockstep the loop waits for it: time stands still."""

    def __init__(self, policy: Policy, features: Features, inputs: set[str], *, fps: int, lockstep: bool) -> None:
        """`features` of the bench; of its observations the policy gets `inputs`. It is loaded already."""
        assert policy.loaded is not None and policy.ready is not None
        self.policy, self._fps, self._lockstep = policy, fps, lockstep
        self._inputs = {key: feature for key, feature in features.items() if key in inputs}
        self._motors = [name.removesuffix(".pos") for name in features[ACTION]["names"]]
        self.queue = ActionQueue(policy.loaded.steps, 1 / fps, expected_ms=policy.ready.ms)
        self._asked = 0

    def wake(self) -> None:
        """Where the process has died, start another one, which loads the policy again."""
        self.policy.poll()
        if self.policy.dead:
            self.policy.start()

    @property
    def awake(self) -> bool:
        """Whether it may be asked: loaded, and done with what it was asked before."""
        self._listen()
        if self._lockstep and self.policy.ready is None:
            self.policy.poll(0.2)
            self._listen()
        return self.policy.ready is not None and not self.policy.busy

    def think(self, observation: dict[str, Any], seed: int | None) -> None:
        """Forget what was, and ask for the first actions of a trial."""
        self.policy.reset(seed)
        self.queue.clear()
        self._asked = 0
        self._ask(observation)

    def first(self) -> Pose | None:
        """The first action, once it is there. Raises PolicyFailed."""
        self._listen()
        self._asked += 1
        if self._asked > PATIENCE_S * self._fps:
            raise self._gives_up(f"the policy has not answered for {PATIENCE_S:g} s")
        action = self.queue.first()
        return None if action is None else self._pose(action)

    def act(self, observation: dict[str, Any]) -> Pose | None:
        """The action of this period; None where none is there yet. Raises PolicyFailed."""
        self._listen()
        due = not self.queue if self._lockstep else len(self.queue) <= self.queue.lead
        if due and not self.policy.busy:
            self._ask(observation)
        action = self.queue.take()
        if action is not None:
            return self._pose(action)
        if self.queue.starved_now > STILL_S * self._fps:
            raise self._gives_up(
                f"the policy gave no action for {STILL_S:g} s (its last inference took {self.policy.infer_ms:.0f} ms)"
            )
        return None

    def _gives_up(self, why: str) -> PolicyFailed:
        """End a process that may never answer: the next trial has another one."""
        self.policy.give_up(why)
        return PolicyFailed(why)

    def _listen(self) -> None:
        self.policy.poll()
        if self.policy.dead:
            raise PolicyFailed("", died=True)
        self._put(self.policy.answer())

    def _ask(self, observation: dict[str, Any]) -> None:
        try:
            frame = build_dataset_frame(self._inputs, observation, prefix=OBS_STR)
            self.policy.ask(frame, rows=self.queue.rows)
        except (KeyError, ValueError) as error:  # a driver that gives another picture than before
            raise PolicyFailed(f"the policy cannot be shown what the bench observes: {error}") from error
        self.queue.asked()
        if self._lockstep:
            chunk = self.policy.wait(PATIENCE_S)
            if chunk is None and not self.policy.dead:
                raise self._gives_up(f"the policy has not answered for {PATIENCE_S:g} s")
            self._put(chunk)
        if self.policy.dead:
            raise PolicyFailed("", died=True)

    def _put(self, chunk: NDArray[Any] | None) -> None:
        if chunk is not None:
            self.queue.put(chunk)

    def _pose(self, action: NDArray[Any]) -> Pose:
        if len(action) != len(self._motors):
            raise PolicyFailed(f"the policy gives {len(action)} values for {len(self._motors)} motors")
        pose = {name: float(value) for name, value in zip(self._motors, action, strict=True)}
        odd = [name for name, value in pose.items() if not isfinite(value)]
        if odd:
            raise PolicyFailed(f"the policy's action is not a number at {', '.join(odd)}")
        return pose
