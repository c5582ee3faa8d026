"""The policy as the control loop uses it: observations in, one pose per control period out, on time or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from lerobot.utils.constants import ACTION, OBS_STR
from lerobot.utils.feature_utils import build_dataset_frame
from numpy.typing import NDArray

from services.workers.arm.features import Features
from services.workers.arm.motion import Pose
from services.workers.inference.policy_process import Policy
from services.workers.inference.real_time_queue import queue_for

STARVED_LIMIT_S = 3.0
"""A policy that gives no action for this long has failed."""
ANSWER_LIMIT_S = 60.0
"""How long an inference may take in lockstep, or before a trial."""


class PolicyFailed(Exception):
    """The policy cannot go on; the message says why. If it `died`, Policy.last_words may say why."""

    def __init__(self, text: str, *, died: bool = False) -> None:
        super().__init__(text)
        self.died = died


class ActionSource:
    """One policy's requests and actions. In lockstep the loop waits for it: time stands still."""

    def __init__(
        self, policy: Policy, features: Features, inputs: Mapping[str, str], *, fps: int, lockstep: bool
    ) -> None:
        """`features` are the bench's; the policy gets those in `inputs`, under the names there. It must be ready."""
        assert policy.loaded is not None and policy.ready is not None
        self.policy, self._fps, self._lockstep = policy, fps, lockstep
        self._inputs = {key: feature for key, feature in features.items() if key in inputs}
        self._shown_as = inputs
        self._motors = [name.removesuffix(".pos") for name in features[ACTION]["names"]]
        self.queue = queue_for(policy.loaded, 1 / fps, expected_ms=0.0 if lockstep else policy.ready.ms)
        self._waited_periods = 0

    def ensure_running(self) -> None:
        """If the process has died, start another one, which loads the policy again."""
        self.policy.poll()
        if self.policy.dead:
            self.policy.start()

    @property
    def idle(self) -> bool:
        """Whether the policy is loaded and has answered the previous request."""
        self._poll()
        if self._lockstep and self.policy.ready is None:
            self.policy.poll(0.2)
            self._poll()
        return self.policy.ready is not None and not self.policy.busy

    def begin_trial(self, observation: dict[str, Any], seed: int | None) -> None:
        """Reset the policy and request the first actions of a trial."""
        self.policy.reset(seed)
        self.queue.clear()
        self._waited_periods = 0
        self._ask(observation)

    def first(self) -> Pose | None:
        """The first action; None until it arrives. Raises PolicyFailed."""
        self._poll()
        self._waited_periods += 1
        if self._waited_periods > ANSWER_LIMIT_S * self._fps:
            raise self._give_up(f"the policy has not answered for {ANSWER_LIMIT_S:g} s")
        action = self.queue.first()
        return None if action is None else self._pose(action)

    def act(self, observation: dict[str, Any]) -> Pose | None:
        """The action of this period; None if there is none yet. Raises PolicyFailed."""
        self._poll()
        if self.queue.is_due(lockstep=self._lockstep) and not self.policy.busy:
            self._ask(observation)
        action = self.queue.take()
        if action is not None:
            return self._pose(action)
        if self.queue.starved_now > STARVED_LIMIT_S * self._fps:
            raise self._give_up(
                f"the policy gave no action for {STARVED_LIMIT_S:g} s "
                f"(its last inference took {self.policy.infer_ms:.0f} ms)"
            )
        return None

    def _give_up(self, why: str) -> PolicyFailed:
        """Kill a process that may never answer; the next trial starts another one."""
        self.policy.give_up(why)
        return PolicyFailed(why)

    def _poll(self) -> None:
        self.policy.poll()
        if self.policy.dead:
            raise PolicyFailed("", died=True)
        self._put(self.policy.answer())

    def _ask(self, observation: dict[str, Any]) -> None:
        try:
            frame = build_dataset_frame(self._inputs, observation, prefix=OBS_STR)
            shown = {self._shown_as[key]: value for key, value in frame.items()}
            self.policy.ask(shown, rows=self.queue.rows, **self.queue.hand_over)
        except (KeyError, ValueError) as error:  # a driver whose pictures have changed their shape
            raise PolicyFailed(f"the policy cannot be shown what the bench observes: {error}") from error
        self.queue.mark_requested()
        if self._lockstep:
            chunk = self.policy.wait(ANSWER_LIMIT_S)
            if chunk is None and not self.policy.dead:
                raise self._give_up(f"the policy has not answered for {ANSWER_LIMIT_S:g} s")
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
