"""Small datasets and tiny policies, which train in moments, for the tests of everything that trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.datasets.marks import Mark, write_mark
from services.folders import DataFolder, RunFolder
from services.live.requests import TrainRequest
from services.training import plan as training
from tests.support.demos import FPS, JOINTS, TASK, add_take, features

CUBE = "observation.environment_state"
TINY = (
    "policy.dim_model=32", "policy.n_heads=2", "policy.dim_feedforward=32", "policy.n_encoder_layers=1",
    "policy.n_decoder_layers=1", "policy.chunk_size=4", "policy.n_action_steps=4", "policy.use_vae=false",
    "policy.pretrained_backbone_weights=null", "policy.device=cpu", "num_workers=0",
)  # fmt: skip
"""An ACT of a few thousand parameters, beside the vision backbone."""


def put_backbone(home: Path) -> None:
    """As if the weights that ACT begins with had been fetched; `home` is TORCH_HOME. Nothing can be made of them."""
    cache = home / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / "resnet18-f37072fd.pth").touch()


def state_features() -> dict[str, dict[str, Any]]:
    """Joints and a cube's pose: no cameras."""
    joints = {"dtype": "float32", "shape": (6,), "names": JOINTS}
    cube = {"dtype": "float32", "shape": (4,), "names": ["cube.x", "cube.y", "cube.z", "cube.yaw"]}
    return {"action": dict(joints), "observation.state": dict(joints), CUBE: cube}


def state_frame(episode: int, number: int, *, wild: bool = False) -> dict[str, Any]:
    """A cube that lies elsewhere in each episode, and joints that move; thousands of degrees if `wild`."""
    joints = np.array([10 * episode, number, 0, 0, 0, 50], np.float32) * (1000 if wild else 1)
    return {"action": joints + 1, "observation.state": joints, CUBE: np.array([episode, 1, 2, 0], np.float32)}


def make_dataset(
    folder: DataFolder,
    name: str = "cubes",
    *,
    cameras: bool = False,
    episodes: int = 3,
    frames: int = 8,
    rejected: Sequence[int] = (),
    wild: Sequence[int] = (),
) -> Path:
    """A dataset recorded as the console records one; returns its root. `wild` are episodes without cameras."""
    from services.workers.dataset.durable import DurableDataset
    from services.workers.dataset.encoder_settings import EncoderSettings

    root = folder.datasets / name
    root.parent.mkdir(parents=True, exist_ok=True)
    shape = features() if cameras else state_features()
    encoder = EncoderSettings()
    asked = {"fps": FPS, "features": shape, "robot_type": "so101_follower", "encoder": encoder}
    dataset = DurableDataset.open(root, f"lab/{name}", resume=False, **asked)
    for episode in range(episodes):
        if cameras:
            add_take(dataset, frames)
        else:
            for number in range(frames):
                dataset.add_frame(state_frame(episode, number, wild=episode in wild), TASK)
        dataset.save()
    dataset.close()
    for index in rejected:
        write_mark(root, index, Mark(accepted=False))
    return root


def plan(folder: DataFolder, **options: Any) -> TrainRequest:
    """A training of a tiny ACT; `settings` are added."""
    settings = (*TINY, *options.pop("settings", ()))
    asked = {"dataset": "cubes", "policy": "act", "steps": 4, "batch_size": 2, "log_freq": 1, "operator": "anna"}
    return training.plan(folder, **(asked | options), settings=settings)


def train(folder: DataFolder, **options: Any) -> RunFolder:
    """Begin it."""
    return training.begin(folder, plan(folder, **options))
