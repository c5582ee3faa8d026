"""Resizing the pictures of a training: the size as people write it, and which policies take one. No torch.

LeRobot 0.6.1 stores a resize in the checkpoint in two ways, so that whoever loads the policy resizes alike: as a step
of the preprocessor (`image_crop_resize_processor`, processor/hil_processor.py), or under a key of the policy's own.
tests/lerobot_seams/test_resize_seams.py checks that the tables below are whole.
"""

from __future__ import annotations

import re

from services.refusal import Refusal
from services.units import dimensions

STEP = "image_crop_resize_processor"
"""The registered name of LeRobot's step: bilinear with antialias, to exactly (height, width)."""
OWN_KEYS = {"diffusion": "resize_shape", "multi_task_dit": "image_resize_shape"}
"""Policies that resize if a key of their configuration, (height, width), says so (policies/*/modeling_*.py)."""
ITSELF = {
    "eo1": "", "evo1": "image_resolution", "fastwam": "", "groot": "", "lingbot_va": "", "molmoact2": "",
    "pi0": "image_resolution", "pi05": "image_resolution", "pi0_fast": "image_resolution",
    "smolvla": "resize_imgs_with_padding", "vla_jepa": "resize_images_to", "wall_x": "", "xvla": "",
}  # fmt: skip
"""Policies that bring every picture to a size of their own, each with the key that names it, if one does."""
SEVERAL = ("tdmpc", "vqbet")
"""Policies that look at several frames: LeRobot's step would resize the marks of missing frames, too, and fails."""
LEAST, MOST = 32, 4096
"""A ResNet halves a picture five times, so that 32 pixels become one."""
_SIZE = re.compile(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})")


def parse(text: str) -> tuple[int, int] | None:
    """(width, height) in pixels of `320x240`; None of an empty text. Raises Refusal."""
    if not text.strip():
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise Refusal(f"a size is WIDTHxHEIGHT in pixels, such as 320x240, not {text.strip()!r}")
    width, height = int(found[1]), int(found[2])
    if not all(LEAST <= pixels <= MOST for pixels in (width, height)):
        raise Refusal(f"pictures are resized to {LEAST} to {MOST} pixels each way, not to {dimensions(width, height)}")
    return width, height


def check(policy: str, size: tuple[int, int] | None) -> None:
    """Raises Refusal if policies of this type cannot be trained on resized pictures, or have no use for them."""
    if size is None:
        return
    if policy in ITSELF:
        key = f"; LeRobot's key policy.{ITSELF[policy]} names it" if ITSELF[policy] else ""
        raise Refusal(f"policy {policy} brings pictures to a size of its own: leave the resize out{key}")
    if policy in SEVERAL:
        raise Refusal(
            f"policy {policy} looks at several frames at once, which LeRobot's resize step cannot: leave the resize "
            "out, or train act or diffusion"
        )


def by_step(policy: str) -> bool:
    """Whether pictures for policies of this type are resized by a step of the preprocessor."""
    return policy not in OWN_KEYS


def image_tokens(size: tuple[int, int], stride: int = 32) -> int:
    """How many tokens an ACT makes of a picture of this (width, height): one per cell of its ResNet's last layer."""
    width, height = size
    return -(-width // stride) * -(-height // stride)
