"""A SmolVLA of random weights is trained as a text that was edited says; LeRobot's own loading code, no hub."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.live.requests import TrainRequest
from services.training import plan as training
from services.training.config_text import dump, parse
from services.training.preparation import Configured, Preparation
from tests.services.workers.training.test_supervisor import over, points
from tests.support.checkpoints import tiny_vlm
from tests.support.rig import Rig
from tests.support.trainings import make_dataset

STEPS, WARMUP, DECAY, PEAK, LAST = 12, 3, 10, 1e-3, 1e-4


def lr(step: int) -> float:
    """The learning rate after a step, by LeRobot's formula (optim/schedulers.py, CosineDecayWithWarmup)."""
    if step < WARMUP:
        first = 1 / (WARMUP + 1)
        return PEAK * (1 - (1 - first) * (1 - step / WARMUP))
    cosine = 0.5 * (1 + math.cos(math.pi * min(step, DECAY) / DECAY))
    return LAST + (PEAK - LAST) * cosine


def configured(request: TrainRequest, changes: dict[str, Any]) -> Configured:
    """What LeRobot makes of the request's text with other values for keys of the policy."""

    async def ask() -> Configured:
        preparation = Preparation()
        try:
            config = parse((await preparation.configure(request)).text)
            config["policy"] |= changes
            return await preparation.configure(request, dump(config))
        finally:
            await preparation.close()

    return asyncio.run(ask())


def test_a_configuration_edited_as_text_is_trained_exactly(quick_rig: Rig, tmp_path: Path) -> None:
    make_dataset(quick_rig.folder, "pictures", cameras=True, episodes=2, frames=4)
    request = training.plan(
        quick_rig.folder, dataset="pictures", policy="smolvla", steps=STEPS, batch_size=1, log_freq=1,
        exclude_cameras=["front"], settings=["num_workers=0", "policy.device=cpu"],
    )  # fmt: skip
    changes = {
        "vlm_model_name": str(tiny_vlm(tmp_path / "vlm")), "num_vlm_layers": 2, "chunk_size": 4, "n_action_steps": 4,
        "optimizer_lr": PEAK, "scheduler_warmup_steps": WARMUP, "scheduler_decay_steps": DECAY,
        "scheduler_decay_lr": LAST,
    }  # fmt: skip
    answer = configured(request, changes)
    assert {"policy.scheduler_warmup_steps=3", "policy.optimizer_lr=0.001"} <= set(answer.settings)
    run = training.begin(quick_rig.folder, msgspec.structs.replace(request, settings=answer.settings))
    state = over(quick_rig, run)
    assert state.end_reason == f"trained all {STEPS} steps", state.end_reason
    assert state.training is not None

    rates = [point["lr"] for point in points(run) if "lr" in point]
    assert rates == pytest.approx([lr(step) for step in range(1, STEPS + 1)], rel=1e-9)
    assert rates[WARMUP - 2] < rates[WARMUP - 1] < PEAK, "the peak is never reached: the cosine has begun by then"

    model = Path(state.training.checkpoints[-1].path) / "pretrained_model"
    kept, shown = json.loads((model / "train_config.json").read_text()), parse(answer.text)
    assert kept["policy"].pop("input_features") and shown["policy"].pop("input_features")
    assert kept["policy"].pop("output_features") and not shown["policy"].pop("output_features")  # from the dataset
    assert kept == shown, "the text that was shown is the one that LeRobot keeps"
    _sees_pictures_of_512_by_512(model)


def _sees_pictures_of_512_by_512(model: Path) -> None:
    """The checkpoint's policy gives its vision model whole pictures, below a bar."""
    import torch
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    policy = SmolVLAPolicy.from_pretrained(model)
    assert tuple(policy.config.resize_imgs_with_padding) == (512, 512)
    batch = {"observation.images.wrist": torch.ones(1, 3, 48, 64)}
    images, _ = policy.prepare_images(batch)
    (image,) = images
    assert tuple(image.shape) == (1, 3, 512, 512)
    assert image[0, :, :128].eq(-1).all() and image[0, :, 128:].gt(0.9).all(), "48 rows of 64 make 384 of 512"
