"""How many tokens a policy makes of one picture, where that follows from its configuration: ACT and SmolVLA."""

from __future__ import annotations

from typing import Any

from services.training.resize import image_tokens

STRIDES = {False: 32, True: 16}
"""Pixels of one cell of ACT's last layer, without and with `replace_final_stride_with_dilation`."""


def tokens_of(policy: Any, size: tuple[int, int]) -> int:
    """Of a picture of this (width, height), as the policy is given it; 0 if it is not known."""
    config = policy.config
    if config.type == "act":
        return image_tokens(size, STRIDES[bool(config.replace_final_stride_with_dilation)])
    return _of_smolvla(policy, size) if config.type == "smolvla" else 0


def _of_smolvla(policy: Any, size: tuple[int, int]) -> int:
    """One for each patch of what it resizes pictures to, of which its connector makes one of a square of several."""
    try:
        vlm = policy.model.vlm_with_expert.config
        width, height = policy.config.resize_imgs_with_padding or size
        patch, together = vlm.vision_config.patch_size, vlm.scale_factor**2
    except AttributeError:  # it is wrapped, or another version's
        return 0
    return (width // patch) * (height // patch) // together


def others_of(policy: Any) -> int:
    """ACT's other tokens: the latent one, and one for each kind of state."""
    config = policy.config
    if config.type != "act":
        return 0
    return 1 + bool(config.robot_state_feature) + bool(config.env_state_feature)
