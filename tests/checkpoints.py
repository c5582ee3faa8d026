"""Tiny checkpoints with random weights, made with LeRobot's own classes: they fit the built-in simulated benches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.checkpoints import PRETRAINED, STATE, Provenance, write_provenance

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
    **config: Any,
) -> Path:
    """A complete checkpoint at `root` (…/checkpoints/NNNNNN); returns its pretrained_model folder.

    Its actions lie around START, `spread` degrees about it; `cameras` map names to (width, height).
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
    folder = root / PRETRAINED
    for part in (policy, pre, post):
        part.save_pretrained(folder)
    named = {"observation.state": NAMES[:joints], "action": NAMES[:joints]} | (
        {"observation.environment_state": CUBE} if cube else {}
    )
    write_provenance(folder, provenance or Provenance(fps=30, names=named, start_pose=START, tasks=("pick",)))
    _training_state(root / STATE)
    return folder


SMALL: dict[str, dict[str, Any]] = {
    "act": {
        "chunk_size": 12, "n_action_steps": 6, "dim_model": 32, "n_heads": 2, "dim_feedforward": 64,
        "n_encoder_layers": 1, "n_decoder_layers": 1, "use_vae": False, "pretrained_backbone_weights": None,
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
