"""LeRobot's real-time chunking: each chunk goes on from what is left of the one before (rollout/inference/rtc.py)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from services.workers.inference import protocol as inference_protocol
from services.workers.inference.runner import CannotServe, Runner


class RealTimeRunner(Runner):
    """A policy that makes its actions by flow matching, guided by LeRobot's RTCProcessor.

    The chunk's first `delay` actions are drawn to those that the arm does meanwhile, the following ones ever less, up
    to the execution horizon. It is the configuration's own, or LeRobot's, or twice the delay if that is longer: LeRobot
    alone would leave what comes after a delay beyond its horizon unguided.
    """

    def __init__(self, checkpoint: Path, plugins: tuple[str, ...] = ()) -> None:
        """Raises CannotServe for a policy that has none, and what Runner does."""
        super().__init__(checkpoint, plugins)
        from lerobot.policies.rtc.configuration_rtc import RTCConfig
        from lerobot.processor import NormalizerProcessorStep, RelativeActionsProcessorStep
        from lerobot.rollout.inference.rtc import supports_rtc_inference

        if not supports_rtc_inference(self.policy):
            raise CannotServe(f"LeRobot has no real-time chunking for {self.config.type}: let it run without")
        steps = self._pre.steps
        self._relative = next((s for s in steps if isinstance(s, RelativeActionsProcessorStep) and s.enabled), None)
        self._normalizer = next((s for s in steps if isinstance(s, NormalizerProcessorStep)), None)
        self._rtc = self.config.rtc_config = getattr(self.config, "rtc_config", None) or RTCConfig()
        self._rtc.enabled = True
        self._rtc.max_guidance_weight = min(self._rtc.max_guidance_weight, self._flow_steps())
        self._horizon = self._rtc.execution_horizon
        if hasattr(self.policy, "init_rtc_processor"):
            self.policy.init_rtc_processor()
        self.policy.requires_grad_(False)  # guiding needs the gradient of the actions only
        self._before: Any = None
        """The chunk before, (rows, joints), in the model's own units; in the robot's, if its actions are relative."""
        self._used = self._delay_periods = 0

    def _is_chunked(self) -> bool:
        """Whatever part of each chunk it would use without."""
        return bool(self.config.n_obs_steps == 1)

    def _flow_steps(self) -> float:
        """How many steps an inference has: a weight of more would carry it beyond what it is drawn to."""
        named = (getattr(self.config, name, None) for name in ("num_steps", "num_inference_steps"))
        return next((float(n) for n in named if n), float("inf"))

    def facts(self) -> inference_protocol.Loaded:
        """With the number of actions that the next chunk goes on from."""
        facts = super().facts()
        return msgspec.structs.replace(facts, overlap=max(1, min(self._horizon, facts.chunk // 2)))

    def reset(self, seed: int | None = None) -> None:
        """Begin a trial, whose first chunk goes on from nothing."""
        super().reset(seed)
        self._before = None

    def rehearse(self, number: int) -> None:
        """The second one goes on from the first, since guiding takes time."""
        if number:
            self.expect(1, 1)
        else:
            self.reset()

    def expect(self, used: int, delay: int) -> None:
        """Row `used` of the chunk before is this period's; the next chunk comes in `delay` periods."""
        self._used, self._delay_periods = used, delay

    def _predict(self, observed: Any) -> Any:
        """A chunk that goes on from the one before."""
        delay = self._delay_periods
        self._rtc.execution_horizon = max(self._horizon, 2 * delay)
        chunk = self.policy.predict_action_chunk(
            observed, inference_delay=delay, prev_chunk_left_over=self._left(self._rtc.execution_horizon)
        )
        self._before = (chunk if self._relative is None else self._post(chunk)).squeeze(0).clone()
        return chunk

    def _left(self, most: int) -> Any:
        """At most so many actions that are left of the chunk before, in the model's own units; None if none are.

        Relative ones are what they were to the pose of their own observation: they are told anew to that of this one.
        """
        left = None if self._before is None else self._before[self._used :][:most]
        if left is None or not len(left):
            return None
        if self._relative is None:
            return left
        from lerobot.policies.rtc import reanchor_relative_rtc_prefix

        return reanchor_relative_rtc_prefix(
            prev_actions_absolute=left,
            current_state=self._relative.get_cached_state(),
            relative_step=self._relative,
            normalizer_step=self._normalizer,
            policy_device=self.config.device,
        )

    def _no_gradients(self) -> AbstractContextManager[None]:
        """Guiding takes a gradient, which inference mode forbids."""
        import torch

        return torch.no_grad()
