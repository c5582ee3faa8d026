"""What a policy's own code makes of its pictures, as its configuration has it (LeRobot 0.6.1, policies/*). Pure.

The steps of its preprocessor, which come first, are in `services.checkpoints.preprocessor`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sessions.slots import How, Shaping, Size

RESIZING = ("eo1", "fastwam", "groot", "lingbot_va", "molmoact2", "wall_x")
"""Policies that resize pictures whatever their configuration says (policies/*/modeling_*.py)."""


def own_shaping(policy: str, config: Mapping[str, Any]) -> tuple[Shaping, ...]:
    """The steps of a policy of this type with this config.json; none if it takes pictures as they come."""
    if policy in RESIZING:
        return (Shaping(How.OWN),)
    return tuple(
        Shaping(how, size)
        for how, key, read in _STEPS.get(policy, _OTHERS)
        if (size := read(config.get(key))) is not None
    )


def _height_first(value: Any) -> Size | None:
    read = _pair(value)
    return (read[1], read[0]) if read else None


def _pair(value: Any) -> Size | None:
    match value:
        case [int(one), int(other)] if one > 0 and other > 0:
            return one, other
    return None


_Steps = tuple[tuple[How, str, Callable[[Any], Size | None]], ...]
_PI: _Steps = ((How.PAD, "image_resolution", _height_first),)
_STEPS: dict[str, _Steps] = {
    "smolvla": ((How.PAD, "resize_imgs_with_padding", _pair),),  # width first, alone among them
    "xvla": ((How.PAD, "resize_imgs_with_padding", _height_first),),
    "pi0": _PI,
    "pi05": _PI,
    "pi0_fast": _PI,
    "evo1": ((How.STRETCH, "image_resolution", _height_first),),
    "vla_jepa": ((How.STRETCH, "resize_images_to", _height_first),),
    "diffusion": ((How.STRETCH, "resize_shape", _height_first), (How.CROP, "crop_shape", _height_first)),
    "vqbet": ((How.CROP, "crop_shape", _height_first),),
    "multi_task_dit": (
        (How.STRETCH, "image_resize_shape", _height_first),
        (How.CROP, "image_crop_shape", _height_first),
    ),
}
_OTHERS: _Steps = tuple(
    (How.OWN, key, _height_first)
    for key in (
        "image_resolution",
        "image_resize_shape",
        "resize_images_to",
        "resize_imgs_with_padding",
        "resize_shape",
    )
)
"""Of a policy that is not known here: that it resizes, not how."""
