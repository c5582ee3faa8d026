"""What LeRobot's policies log as their loss, and how they resize pictures, is what comparisons say it is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from services.training.compare_facts import LOSSES

FLOW = "F.mse_loss(u_t, v_t"
SAYS = {
    "act": ("F.l1_loss(", "if self.config.use_vae", "loss = l1_loss + mean_kld * self.config.kl_weight"),
    "smolvla": (FLOW, "u_t = noise - actions"),
    "pi0": (FLOW, "u_t = noise - actions"),
    "pi05": (FLOW, "u_t = noise - actions"),
    "diffusion": ("F.mse_loss(pred, target", 'prediction_type == "epsilon"'),
}  # fmt: skip


def source(policy: str, kind: str) -> str:
    spec = find_spec("lerobot")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], "policies", policy, f"{kind}_{policy}.py").read_text()


@pytest.mark.parametrize("policy", LOSSES)
def test_each_loss_is_defined_as_it_is_said(policy: str) -> None:
    text = source(policy, "modeling")
    assert all(part in text for part in SAYS[policy])


def test_the_size_of_pictures_is_set_where_it_is_read() -> None:
    assert "resize_imgs_with_padding: tuple[int, int] = (512, 512)" in source("smolvla", "configuration")
    assert "SmolVLA stores the target as (width, height)" in source("smolvla", "modeling")
    assert "resize_shape: (H, W)" in source("diffusion", "configuration")
