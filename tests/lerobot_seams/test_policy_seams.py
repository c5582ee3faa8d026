"""What services.checkpoints reads of a policy without torch: still where LeRobot writes it, still what LeRobot does."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.checkpoints.checkpoint import EMPTY, read
from services.checkpoints.shaping import RESIZING
from services.checkpoints.wiring import RUNS_WITHOUT
from services.training.camera_fit import NEEDS_ALL
from services.training.dataset_fit import ENVIRONMENT, TAKE_ENVIRONMENT
from tests.support.checkpoints import make_smolvla

CONFIGS = {
    "resize_imgs_with_padding": ("smolvla", "xvla"),
    "image_resolution": ("pi0", "pi05", "pi0_fast", "evo1"),
    "resize_shape": ("diffusion",),
    "image_resize_shape": ("multi_task_dit",),
    "resize_images_to": ("vla_jepa",),
    "max_state_dim": ("smolvla", "pi0", "pi05", "pi0_fast", "eo1", "evo1", "groot", "wall_x", "xvla"),
    "empty_cameras": ("smolvla", "pi0", "pi05", "pi0_fast", "evo1", "xvla"),
}


@pytest.mark.parametrize(("key", "policies"), CONFIGS.items(), ids=CONFIGS)
def test_the_keys_of_a_configuration_that_are_read_are_those_of_lerobot(key: str, policies: tuple[str, ...]) -> None:
    import lerobot.policies  # noqa: F401  it registers the policy types
    from lerobot.configs.policies import PreTrainedConfig

    types = PreTrainedConfig.get_known_choices()
    assert set(RESIZING) <= set(types)
    having = {name for name, kind in types.items() if key in {field.name for field in dataclasses.fields(kind)}}
    assert having == set(policies)


def test_a_smolvla_resizes_pads_and_does_without_the_cameras_that_it_does_not_get(tmp_path: Path) -> None:
    import torch
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    path = make_smolvla(tmp_path / "000010", {"observation.images.top": "observation.images.camera2"})
    config = PreTrainedConfig.from_pretrained(path)
    assert [key for key in config.image_features if EMPTY.fullmatch(key)] == ["observation.images.empty_camera_0"]
    itself = SimpleNamespace(config=config)
    batch = {"observation.images.camera2": torch.rand(1, 3, 72, 96), "observation.state": torch.rand(1, 6)}
    pictures, masks = SmolVLAPolicy.prepare_images(itself, batch)
    assert ([tuple(p.shape) for p in pictures], [bool(m) for m in masks]) == ([(1, 3, 64, 64)] * 2, [True, False])
    assert SmolVLAPolicy.prepare_state(itself, batch).shape == (1, read(path).room)


def test_which_policies_can_do_without_a_camera_is_what_lerobots_own_code_does() -> None:
    """Each prepares its pictures without the first of two; one that stacks all of its configuration cannot."""
    import torch
    from lerobot.policies.factory import get_policy_class

    def shown(kind: str, *keys: str) -> int:
        policy = get_policy_class(kind)
        prepare = next(getattr(policy, n) for n in ("prepare_images", "_preprocess_images", "_prepare_images")
                       if hasattr(policy, n))  # fmt: skip
        config = SimpleNamespace(
            image_features=["a", "b"], image_resolution=(8, 8), resize_imgs_with_padding=(8, 8), empty_cameras=0,
            num_image_views=2,
        )  # fmt: skip
        itself = SimpleNamespace(config=config, parameters=lambda: iter([torch.zeros(1)]))
        _, masks = prepare(itself, {key: torch.rand(1, 3, 6, 8) for key in keys})
        return int(sum(mask.sum() for mask in masks))

    for kind in RUNS_WITHOUT:
        assert (shown(kind, "b"), shown(kind, "a", "b")) == (1, 2), kind
        with pytest.raises(ValueError, match="mage features are missing"):
            shown(kind)


# --- cameras ------------------------------------------------------------------------------------------


def inputs(*shapes: tuple[int, int, int]) -> dict[str, object]:
    from lerobot.configs.types import FeatureType, PolicyFeature

    state = {"observation.state": PolicyFeature(FeatureType.STATE, (6,))}
    return state | {f"observation.images.{n}": PolicyFeature(FeatureType.VISUAL, s) for n, s in enumerate(shapes)}


@pytest.mark.parametrize("policy", ["tdmpc", "vqbet", "diffusion", "multi_task_dit", "act"])
def test_lerobot_itself_takes_as_many_cameras_and_sizes_as_are_refused_before_a_training(policy: str) -> None:
    import lerobot.policies  # noqa: F401
    from lerobot.policies.factory import make_policy_config

    from services.training.camera_fit import ONE_CAMERA, ONE_SIZE

    def refuses(*shapes: tuple[int, int, int]) -> bool:
        config = make_policy_config(policy, device="cpu", push_to_hub=False)
        config.input_features = inputs(*shapes)
        try:
            config.validate_features()
        except ValueError:
            return True
        return False

    square, other = (3, 96, 96), (3, 128, 128)
    assert not refuses(square)
    assert refuses(square, square) is (policy in ONE_CAMERA)
    assert refuses(square, other) is (policy in (*ONE_CAMERA, *ONE_SIZE))


def test_policies_that_stop_at_a_camera_that_is_missing_are_known() -> None:
    import importlib

    taking = ("batch[key] for key in self.config.image_features", "batch[next(iter(self.config.image_features))]")
    for kind in NEEDS_ALL:
        source = inspect.getsource(importlib.import_module(f"lerobot.policies.{kind}.modeling_{kind}"))
        assert any(line in source for line in taking), kind


def test_only_some_policies_take_the_environments_state_and_none_another_observation() -> None:
    from importlib import util

    from lerobot.utils.constants import OBS_ENV_STATE

    (folder,) = util.find_spec("lerobot.policies").submodule_search_locations  # type: ignore[union-attr]
    sources = {path.parent.name: path.read_text() for path in Path(folder).glob("*/modeling_*.py")}
    taking = {name for name, text in sources.items() if "env_state_feature" in text or "OBS_ENV_STATE" in text}
    assert taking == set(TAKE_ENVIRONMENT) and OBS_ENV_STATE == ENVIRONMENT
    assert not [name for name, text in sources.items() if "FeatureType.STATE" in text]


def test_act_takes_no_depth_map() -> None:
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.factory import make_policy_config

    config = make_policy_config("act", device="cpu", pretrained_backbone_weights=None, dim_model=32, n_heads=2)
    config.input_features = inputs((1, 32, 32))
    config.output_features = {"action": PolicyFeature(FeatureType.ACTION, (6,))}
    batch = {"observation.state": torch.zeros(1, 6), "observation.images.0": torch.zeros(1, 1, 32, 32)}
    with pytest.raises(RuntimeError, match="channels"):
        ACTPolicy(config).eval().predict_action_chunk(batch)


def test_lerobot_counts_every_picture_among_a_policys_inputs_and_gives_it_only_observations() -> None:
    import torch
    from lerobot.processor.converters import batch_to_transition
    from lerobot.utils.feature_utils import dataset_to_policy_features

    from services.training.camera_fit import OBSERVED

    picture = {"dtype": "image", "shape": (32, 32, 3), "names": ["height", "width", "channels"]}
    assert set(dataset_to_policy_features({"image": picture, f"{OBSERVED}image": picture})) == {
        "image", f"{OBSERVED}image",
    }  # fmt: skip
    given = batch_to_transition({"image": torch.zeros(1), f"{OBSERVED}image": torch.zeros(1)})
    assert set(given["observation"]) == {f"{OBSERVED}image"}


def test_a_feature_without_statistics_is_not_normalized_and_nobody_says_so() -> None:
    import torch
    from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
    from lerobot.datasets import factory
    from lerobot.processor import NormalizerProcessorStep
    from lerobot.utils.constants import OBS_STATE

    step = NormalizerProcessorStep(
        features={OBS_STATE: PolicyFeature(FeatureType.STATE, (2,))},
        norm_map={FeatureType.STATE: NormalizationMode.MEAN_STD},
        stats={"action": {"mean": [0.0], "std": [1.0]}},
    )
    assert step._normalize_observation({OBS_STATE: torch.tensor([90.0, -40.0])}, inverse=False)[OBS_STATE][0] == 90
    assert "meta.stats[key][stats_type] = " in inspect.getsource(factory), "a KeyError for pictures"
