"""Tiny checkpoints with random weights, made with LeRobot's own classes: they fit the built-in simulated benches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.checkpoints.checkpoint import PRETRAINED, STATE, Provenance, write_provenance

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
NAMES = tuple(f"{joint}.pos" for joint in JOINTS)
CUBE = ("cube.x", "cube.y", "cube.z", "cube.yaw_sin", "cube.yaw_cos")
START = dict(zip(JOINTS, (0.0, -60.0, 55.0, 45.0, 0.0, 50.0), strict=True))
"""The way-point of the built-in benches: above the table, out of reach of everything."""


def make_checkpoint(
    root: Path,
    *,
    kind: str = "act",
    seed: int = 0,
    cameras: dict[str, tuple[int, int]] | None = None,
    cube: bool = True,
    joints: int = 6,
    spread: float = 3.0,
    provenance: Provenance | None = None,
    renames: dict[str, str] | None = None,
    resize: tuple[int, int] | None = None,
    **config: Any,
) -> Path:
    """A complete checkpoint at `root` (…/checkpoints/NNNNNN); returns its pretrained_model folder.

    Its actions lie around START, `spread` degrees about it; `cameras` map names to (width, height). With `renames`
    (of the training's rename map) it looks as if it had been trained on from a policy of those cameras. Its
    preprocessor resizes pictures to the (width, height) `resize`.
    """
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors

    torch.manual_seed(seed)
    inputs = {"observation.state": PolicyFeature(FeatureType.STATE, (joints,))}
    if cube:
        inputs["observation.environment_state"] = PolicyFeature(FeatureType.ENV, (len(CUBE),))
    for name, (width, height) in (cameras or {}).items():
        inputs[f"observation.images.{name}"] = PolicyFeature(FeatureType.VISUAL, (3, height, width))
    small = {**SMALL[kind], **config}
    made = make_policy_config(kind, device="cpu", push_to_hub=False, **small)
    made.input_features, made.output_features = inputs, {"action": PolicyFeature(FeatureType.ACTION, (joints,))}
    policy = get_policy_class(kind)(made)
    pre, post = make_pre_post_processors(made, dataset_stats=_statistics(inputs, joints, spread))
    if resize:
        _resize(pre, *resize)
    folder = root / PRETRAINED
    for part in (policy, pre, post):
        part.save_pretrained(folder)
    if renames:
        named = [*renames, *(key for key in inputs if key not in renames.values())]
        _train_on(made, folder, _statistics(named, joints, spread), renames)
    named = {"observation.state": NAMES[:joints], "action": NAMES[:joints]} | (
        {"observation.environment_state": CUBE} if cube else {}
    )
    write_provenance(folder, provenance or Provenance(fps=30, names=named, start_pose=START, tasks=("pick",)))
    _training_state(root / STATE)
    return folder


def _resize(preprocessor: Any, width: int, height: int) -> None:
    """Give it LeRobot's step that resizes, as any tool may."""
    from lerobot.processor import ImageCropResizeProcessorStep

    *before, normalizer = preprocessor.steps
    preprocessor.steps = [*before, ImageCropResizeProcessorStep(resize_size=(height, width)), normalizer]


SMALL: dict[str, dict[str, Any]] = {
    "act": {
        "chunk_size": 12, "n_action_steps": 6, "dim_model": 32, "n_heads": 2, "dim_feedforward": 64,
        "n_encoder_layers": 1, "n_decoder_layers": 1, "use_vae": False, "pretrained_backbone_weights": None,
    },
    "vqbet": {
        "n_obs_steps": 2, "n_action_pred_token": 2, "action_chunk_size": 3, "pretrained_backbone_weights": None,
        "gpt_n_layer": 1, "gpt_n_head": 2, "gpt_hidden_dim": 32, "gpt_input_dim": 32, "gpt_output_dim": 32,
        "gpt_block_size": 100, "vqvae_n_embed": 4, "vqvae_embedding_dim": 16, "vqvae_enc_hidden_dim": 16,
        "spatial_softmax_num_keypoints": 4,
    },
    "copycat": {},
}  # fmt: skip


def _statistics(inputs: Any, joints: int, spread: float) -> dict[str, dict[str, Any]]:
    import torch

    middle = torch.tensor(list(START.values())[:joints])

    def around(mean: Any, std: Any) -> dict[str, Any]:
        return {"mean": mean, "std": std, "min": mean - 3 * std, "max": mean + 3 * std}

    stats = {
        "observation.state": around(middle, torch.full((joints,), 30.0)),
        "observation.environment_state": around(torch.tensor([0.2, 0.0, 0.02, 0.0, 1.0]), torch.full((5,), 0.1)),
        "action": around(middle, torch.full((joints,), spread)),
    }
    for key in inputs:
        if key.startswith("observation.images."):
            stats[key] = around(torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25))
    return stats


def _training_state(folder: Path) -> None:
    """As much of it as says that the checkpoint is complete."""
    folder.mkdir()
    for name in ("training_step.json", "optimizer_state.safetensors", "optimizer_param_groups.json"):
        (folder / name).write_text("{}")


def _train_on(config: Any, folder: Path, statistics: dict[str, Any], renames: dict[str, str]) -> None:
    """Save its processors as LeRobot's training does from a pretrained policy (scripts/lerobot_train.py)."""
    from lerobot.policies.factory import make_pre_post_processors

    of_policy = {**config.input_features, **config.output_features}
    normalizes = {"features": of_policy, "norm_map": config.normalization_mapping, "stats": statistics}
    parts = make_pre_post_processors(
        config,
        pretrained_path=str(folder),
        preprocessor_overrides={
            "device_processor": {"device": "cpu"},
            "normalizer_processor": normalizes,
            "rename_observations_processor": {"rename_map": renames},
        },
        postprocessor_overrides={"unnormalizer_processor": {**normalizes, "features": config.output_features}},
    )
    for part in parts:
        part.save_pretrained(folder)


def make_smolvla(root: Path, renames: dict[str, str]) -> Path:
    """A tiny SmolVLA as it is after training on from a base: three cameras of 256x256, an empty one, a padded state.

    The dataset had the cameras that `renames` names, and six joints.
    """
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors

    made = make_policy_config(
        "smolvla", device="cpu", push_to_hub=False, vlm_model_name=str(tiny_vlm(root.parent / "vlm")), num_steps=2,
        resize_imgs_with_padding=(64, 64), empty_cameras=1, chunk_size=8, n_action_steps=6, num_vlm_layers=2,
    )  # fmt: skip
    made.input_features = {"observation.state": PolicyFeature(FeatureType.STATE, (32,))} | {
        f"observation.images.camera{n}": PolicyFeature(FeatureType.VISUAL, (3, 256, 256)) for n in (1, 2, 3)
    }
    made.output_features = {"action": PolicyFeature(FeatureType.ACTION, (6,))}
    folder = root / PRETRAINED
    for part in (get_policy_class("smolvla")(made), *make_pre_post_processors(made)):
        part.save_pretrained(folder)
    statistics = _statistics(renames, 6, 3.0)
    del statistics["observation.environment_state"]
    _train_on(made, folder, statistics, renames)
    named = {"observation.state": NAMES, "action": NAMES}
    write_provenance(folder, Provenance(fps=30, names=named, start_pose=START, tasks=("pick",)))
    _training_state(root / STATE)
    return folder


def tiny_vlm(folder: Path) -> Path:
    """The vision-language model that a SmolVLA is built around, 90 k parameters instead of 500 M, with a few words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import (
        PreTrainedTokenizerFast,
        SmolVLMConfig,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    special = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
    words = ["<unk>", "<pad>", "<s>", "</s>", *special, "pick", "place"]
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    roles = ("image_token", "fake_image_token", "global_image_token")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=special, extra_special_tokens=dict(zip(roles, special, strict=False)),
    )  # fmt: skip
    parts = {"image_processor": SmolVLMImageProcessor(), "video_processor": SmolVLMVideoProcessor()}
    SmolVLMProcessor(tokenizer=fast, image_seq_len=4, **parts).save_pretrained(folder)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    text = {"model_type": "llama", "num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 16, **small}
    vision = {"num_hidden_layers": 1, "image_size": 64, "patch_size": 16, **small}
    SmolVLMConfig(
        text_config={**text, "vocab_size": len(words), "pad_token_id": 1}, vision_config=vision, scale_factor=2,
        image_token_id=4, pad_token_id=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def make_copycat(root: Path, actions: Any, **options: Any) -> Path:
    """A checkpoint whose policy repeats `actions` (rows, 6; degrees) whatever it sees; trials begin at the first."""
    import numpy as np
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.processor_act import make_act_pre_post_processors

    from tests.policies.configuration_copycat import CopycatConfig
    from tests.policies.modeling_copycat import CopycatPolicy

    chunk = np.asarray(actions, np.float32)
    config = CopycatConfig(device="cpu", push_to_hub=False, chunk_size=len(chunk), n_action_steps=len(chunk), **options)
    config.input_features = {"observation.state": PolicyFeature(FeatureType.STATE, (6,))}
    config.output_features = {"action": PolicyFeature(FeatureType.ACTION, (6,))}
    policy = CopycatPolicy(config)
    policy.chunk.data = torch.from_numpy(chunk)
    folder = root / PRETRAINED
    for part in (policy, *make_act_pre_post_processors(config)):
        part.save_pretrained(folder)
    start = dict(zip(JOINTS, map(float, chunk[0]), strict=True))
    names = {"observation.state": NAMES, "action": NAMES}
    write_provenance(folder, Provenance(fps=30, names=names, start_pose=start))
    _training_state(root / STATE)
    return folder
