"""The resize of a training's pictures, put where LeRobot stores it: whoever loads the checkpoint resizes alike.

It is a step of the saved preprocessor, just before the normalizer: there the pictures are on the policy's device, have
the policy's names, and lie between 0 and 1, as the step wants them. So image transforms, which the dataset does, come
before, and the loss of held-out episodes is measured on resized pictures as well. The dataset's statistics of pictures
are per channel and stay as they are. Policies with a key of their own for it are given that instead.

Hooked, and guarded by tests/lerobot_seams: `lerobot_train.make_pre_post_processors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import PolicyFeature
from lerobot.processor import ImageCropResizeProcessorStep, NormalizerProcessorStep
from lerobot.scripts import lerobot_train

from services.live.requests import TrainRequest
from services.refusal import Refusal
from services.training import resize as resizing
from services.units import dimensions
from services.workers.training.config_problem import ConfigProblem

Features = Mapping[str, PolicyFeature]


def own_key(policy: str, request: TrainRequest, base: Mapping[str, Any]) -> dict[str, Any]:
    """The key of this type of policy that resizes its pictures, with its value; empty if none is needed.

    `base` is the configuration of a pretrained policy, whose layers fit one size. Raises ConfigProblem.
    """
    key = resizing.OWN_KEYS.get(policy)
    if request.resize is None or key is None:
        return {}
    width, height = request.resize
    if base and list(base.get(key) or ()) != [height, width]:
        raise ConfigProblem(
            f"--resize {dimensions(width, height)}: the layers of {request.policy} fit the pictures it was trained "
            f"on: leave the resize out, or train a new {policy}"
        )
    return {key: [height, width]}


def check(policy: PreTrainedConfig, request: TrainRequest) -> None:
    """Raises ConfigProblem if this policy takes no resized pictures: its type may be known only now."""
    if request.resize is None:
        return
    try:
        resizing.check(policy.type, request.resize)
    except Refusal as refusal:
        raise ConfigProblem(f"--resize: {refusal}") from refusal
    if resizing.by_step(policy.type) and policy.observation_delta_indices is not None:
        raise ConfigProblem(
            f"--resize: policy {policy.type} looks at several frames at once, which LeRobot's resize step cannot: "
            "leave the resize out"
        )


def of(policy: PreTrainedConfig, request: TrainRequest) -> tuple[int, int] | None:
    """The (width, height) to which a step of the preprocessor resizes for this training."""
    return request.resize if resizing.by_step(policy.type) else None


def resized(inputs: Features, size: tuple[int, int]) -> dict[str, PolicyFeature]:
    """A policy's inputs with pictures of this (width, height)."""
    width, height = size
    small = {
        key: PolicyFeature(feature.type, (feature.shape[0], height, width))
        for key, feature in inputs.items()
        if feature.type.value == "VISUAL"
    }
    return {**inputs, **small}


@contextmanager
def applied(size: tuple[int, int] | None) -> Iterator[None]:
    """Within this, the preprocessor that LeRobot's training makes, or loads with a policy, resizes to `size`."""
    if size is None:
        yield
        return
    stock = lerobot_train.make_pre_post_processors

    def with_resize(*args: Any, **kwargs: Any) -> Any:
        preprocessor, postprocessor = stock(*args, **kwargs)
        preprocessor.steps = _with_step(preprocessor.steps, size)
        return preprocessor, postprocessor

    lerobot_train.make_pre_post_processors = with_resize
    try:
        yield
    finally:
        lerobot_train.make_pre_post_processors = stock


def _with_step(steps: Any, size: tuple[int, int]) -> list[Any]:
    """The steps with one that resizes: that of a pretrained policy is given the new size, and keeps its crop."""
    width, height = size
    there = next((step for step in steps if isinstance(step, ImageCropResizeProcessorStep)), None)
    if there is not None:
        there.resize_size = (height, width)
        return list(steps)
    at = next((n for n, step in enumerate(steps) if isinstance(step, NormalizerProcessorStep)), len(steps))
    return [*steps[:at], ImageCropResizeProcessorStep(resize_size=(height, width)), *steps[at:]]
