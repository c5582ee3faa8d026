"""A resize is kept where LeRobot itself looks for it: the tables of policies are whole, its step does what is said."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import lerobot.policies
import pytest
import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.act.modeling_act import ACT
from lerobot.policies.factory import get_policy_class, make_policy_config
from lerobot.processor import ImageCropResizeProcessorStep, ProcessorStepRegistry
from lerobot.scripts import lerobot_train
from torchvision.models import resnet18

from services.checkpoints import preprocessor
from services.training import policies
from services.training.resize import ITSELF, OWN_KEYS, SEVERAL, STEP, image_tokens
from services.workers.training.image_tokens import tokens_of
from tests.support.checkpoints import make_smolvla

assert lerobot.policies
TRAIN = inspect.getsource(inspect.unwrap(lerobot_train.train))


def fields(policy: str) -> dict[str, object]:
    return dict(inspect.signature(PreTrainedConfig.get_choice_class(policy)).parameters)


def test_the_script_makes_its_processors_by_the_hooked_name_and_runs_each_batch_through_the_preprocessor() -> None:
    assert re.search(r"preprocessor, postprocessor = make_pre_post_processors\(", TRAIN)
    assert "batch = preprocessor(batch)" in TRAIN and "eval_batch = preprocessor(eval_batch)" in TRAIN
    assert "preprocessor=preprocessor" in TRAIN, "the checkpoint keeps it"
    assert TRAIN.index("/ 255.0") < TRAIN.index("batch = preprocessor(batch)")


def test_every_policy_is_in_the_table_that_fits_it() -> None:
    for name, key in {**OWN_KEYS, **ITSELF}.items():
        assert name in policies.known() and (not key or key in fields(name)), name
    for name in policies.known():
        known = name in OWN_KEYS or name in ITSELF or name in SEVERAL
        words = [f for f in fields(name) if re.search("resi[sz]e|image_resolution", f)]
        assert known or not words, f"{name} resizes by {words}"
    several = [n for n in (*SEVERAL, "act") if make_policy_config(n, device="cpu").observation_delta_indices]
    assert several == list(SEVERAL)


def test_the_step_resizes_with_antialias_to_rows_and_columns_and_keeps_values_between_0_and_1() -> None:
    assert ProcessorStepRegistry.get(STEP) is ImageCropResizeProcessorStep
    assert preprocessor.RESIZES == STEP
    step = ImageCropResizeProcessorStep(resize_size=(24, 32))
    assert step.get_config()["resize_size"] == (24, 32)
    stripes = torch.zeros(1, 3, 48, 128)
    stripes[..., ::4] = 1.0  # one column of four is white
    small = step.observation({"observation.images.top": stripes, "observation.state": torch.ones(1, 6)})
    seen = small["observation.images.top"]
    assert seen.shape == (1, 3, 24, 32) and small["observation.state"].shape == (1, 6)
    assert float(seen[..., 4:-4].min()) > 0.15 and float(seen[..., 4:-4].max()) < 0.35, "an average, not every fourth"


def test_the_step_cannot_take_the_marks_of_missing_frames_that_policies_of_several_frames_get() -> None:
    marks = {"observation.images.top_is_pad": torch.zeros(2, 5, dtype=torch.bool)}
    with pytest.raises(ValueError, match="spatial dimensions"):
        ImageCropResizeProcessorStep(resize_size=(24, 32)).observation(marks)


def test_a_smolvla_makes_as_many_tokens_of_a_picture_as_its_connector_gives(tmp_path: Path) -> None:
    policy = get_policy_class("smolvla").from_pretrained(
        make_smolvla(
            tmp_path / "run" / "checkpoints" / "000001", {"observation.images.top": "observation.images.camera1"}
        )
    )
    with torch.no_grad():
        tokens = policy.model.vlm_with_expert.embed_image(torch.zeros(1, 3, 64, 64))
    assert tokens.shape[1] == tokens_of(policy, (640, 480)) > 0


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (224, 224), (100, 33)])
def test_an_act_makes_one_token_of_each_cell_of_its_last_layer(size: tuple[int, int]) -> None:
    source = inspect.getsource(ACT)
    assert "self.backbone(img)" in source and '{"layer4": "feature_map"}' in source
    layers = torch.nn.Sequential(*list(resnet18(weights=None).children())[:-2]).eval()
    with torch.no_grad():
        cells = layers(torch.zeros(1, 3, size[1], size[0])).shape
    assert cells[-1] * cells[-2] == image_tokens(size)
