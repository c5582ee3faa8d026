"""A loaded policy, as the policy process runs it: an observation in, actions out."""

from __future__ import annotations

import importlib
import os
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.checkpoints.foreign_code import check_code
from services.workers.inference import protocol as inference_protocol
from services.workers.process.step_guard import guard_steps

DELAY = "LAB_CONSOLE_INFER_DELAY_MS"
"""For tests and benchmarks: an environment variable with milliseconds added to every inference."""
QUEUED = ("tdmpc", "lingbot_va")
"""Policies whose predict_action_chunk reads what select_action has queued, although they take one observation."""


class CannotServe(Exception):
    """The policy cannot be run as asked; the message is a sentence."""


@cache
def load_lerobot() -> None:
    """Import what every policy needs, and register the types of policy of LeRobot and of its plugins. Once."""
    import lerobot.policies  # noqa: F401  registers the policy types, so it comes first
    from lerobot.policies import factory, utils  # noqa: F401
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()


class Runner:
    """A loaded policy with its processors, as LeRobot's own rollout uses them (common/control_utils.py)."""

    def __init__(self, checkpoint: Path, plugins: tuple[str, ...] = ()) -> None:
        """Raises ForeignCode, and whatever LeRobot raises on a policy that cannot be loaded."""
        check_code(checkpoint, plugins)
        load_lerobot()
        guard_steps(plugins)
        import torch
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies.factory import make_pre_post_processors

        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) - 1))
        config = PreTrainedConfig.from_pretrained(checkpoint)  # falls back to an available device
        if getattr(config, "pretrained_backbone_weights", None):
            config.pretrained_backbone_weights = None  # the checkpoint holds them; LeRobot would download them first
        self.config = config
        self.policy = _load(checkpoint, config)
        self._pre, self._post = make_pre_post_processors(
            config,
            pretrained_path=str(checkpoint),
            preprocessor_overrides={"device_processor": {"device": config.device}},
        )
        self.chunked = self._is_chunked()
        self.steps = config.n_action_steps if self.chunked else 1
        self._delay = float(os.environ.get(DELAY, "0")) / 1000

    def _is_chunked(self) -> bool:
        """Whether each inference depends on one observation alone, and gives several actions."""
        config = self.config
        return (
            config.n_obs_steps == 1
            and getattr(config, "n_action_steps", 1) > 1
            and getattr(config, "temporal_ensemble_coeff", None) is None
            and config.type not in QUEUED
        )

    def facts(self) -> inference_protocol.Loaded:
        """The policy's description for the control loop."""
        return inference_protocol.Loaded(
            policy=self.config.type,
            device=str(self.config.device),
            parameters=sum(p.numel() for p in self.policy.parameters()),
            chunked=self.chunked,
            steps=self.steps,
            chunk=chunk_size(self.config, self.steps),
        )

    def reset(self, seed: int | None = None) -> None:
        """Begin a trial; `seed` fixes the policy's random numbers."""
        import torch

        if seed is not None:
            torch.manual_seed(seed)
        for part in (self.policy, self._pre, self._post):
            part.reset()

    def rehearse(self, number: int) -> None:
        """Before the first inferences, `number` 0 and 1, whose actions nobody uses; the second one is timed."""
        self.reset()

    def expect(self, used: int, delay: int) -> None:
        """The next chunk begins at row `used` of the one before, and comes in `delay` periods: no matter here."""

    def _predict(self, observed: Any) -> Any:
        """A chunk of the model's own actions (1, rows, joints)."""
        return self.policy.predict_action_chunk(observed)

    def _no_gradients(self) -> AbstractContextManager[None]:
        import torch

        return torch.inference_mode()

    def act(self, frame: inference_protocol.Frame, *, task: str, robot_type: str, rows: int) -> NDArray[np.float32]:
        """At most `rows` actions (one, if the policy is not chunked), each (joints,), in the robot's units."""
        import torch
        from lerobot.policies.utils import prepare_observation_for_inference

        device = torch.device(self.config.device)
        mixed = device.type == "cuda" and self.config.use_amp
        with self._no_gradients(), torch.autocast(device_type=device.type) if mixed else nullcontext():
            observed = self._pre(prepare_observation_for_inference(dict(frame), device, task, robot_type))
            if self.chunked:
                chunk = self._post(self._predict(observed))  # whole: some steps count its rows
                actions = chunk.squeeze(0)[:rows]
            else:
                actions = self._post(self.policy.select_action(observed))
            together = actions.to("cpu", torch.float32)
        if self._delay:
            time.sleep(self._delay)
        return np.ascontiguousarray(together.numpy())


def _load(checkpoint: Path, config: Any) -> Any:
    """The policy; one trained with PEFT is loaded on the base that its adapter names (policies/factory.py)."""
    from lerobot.policies.factory import get_policy_class

    kind = get_policy_class(config.type)
    if not getattr(config, "use_peft", False):
        return kind.from_pretrained(checkpoint, config=config)
    peft = importlib.import_module("peft")
    adapter = peft.PeftConfig.from_pretrained(str(checkpoint))
    base = kind.from_pretrained(adapter.base_model_name_or_path, config=config)
    return peft.PeftModel.from_pretrained(base, str(checkpoint), config=adapter).to(config.device).eval()


def chunk_size(config: Any, steps: int) -> int:
    """How many actions an inference gives, under the names that LeRobot's policies have for it."""
    named = (getattr(config, name, None) for name in ("chunk_size", "action_horizon", "horizon"))
    return max(steps, next((n for n in named if isinstance(n, int)), steps))
