"""A policy that repeats one chunk of actions whatever it sees: its only parameter."""

from __future__ import annotations

from typing import Any

import torch
from lerobot.policies.pretrained import PreTrainedPolicy

from tests.policies.configuration_copycat import CopycatConfig


class CopycatPolicy(PreTrainedPolicy):
    config_class = CopycatConfig
    name = "copycat"

    def __init__(self, config: CopycatConfig, **_: Any) -> None:
        super().__init__(config)
        self.chunk = torch.nn.Parameter(torch.zeros(config.chunk_size, config.output_features["action"].shape[0]))

    def reset(self) -> None:
        pass

    def get_optim_params(self) -> Any:
        return self.parameters()

    def predict_action_chunk(self, batch: dict[str, Any], **_: Any) -> Any:
        base = batch["observation.state"][:, None] if self.config.relative else 0
        return self.chunk[None] + base

    def select_action(self, batch: dict[str, Any], **_: Any) -> Any:
        return self.chunk[:1]

    def forward(self, batch: dict[str, Any]) -> Any:
        raise NotImplementedError
