"""What the evaluation sends the robot is what LeRobot's own control loop would: of policies that others made, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.checkpoints.preprocessor import PREPROCESSOR, read_preprocessor
from tests.support.checkpoints import make_checkpoint, make_smolvla

WRIST, TOP = "observation.images.wrist", "observation.images.top"
SIZES = {WRIST: (96, 72), TOP: (64, 48)}
FRAMES = 8


def cropped_act(root: Path) -> Path:
    """An ACT whose own preprocessor crops and resizes, as LeRobot's real-robot tools save one."""
    return cropping(make_checkpoint(root, cube=False, cameras={"wrist": (48, 36)}))


def ensembling_act(root: Path) -> Path:
    """The same, which averages overlapping chunks."""
    made = make_checkpoint(
        root, cube=False, cameras={"wrist": (48, 36)}, temporal_ensemble_coeff=0.01, n_action_steps=1
    )
    return cropping(made)


def cropping(path: Path) -> Path:
    from lerobot.processor import ImageCropResizeProcessorStep, PolicyProcessorPipeline

    saved: Any = PolicyProcessorPipeline.from_pretrained(path, config_filename=PREPROCESSOR)
    *before, normalizer = saved.steps
    saved.steps = [*before, ImageCropResizeProcessorStep({WRIST: (10, 20, 40, 50)}, (36, 48)), normalizer]
    saved.save_pretrained(path)
    found = read_preprocessor(path)
    assert (found.resize, found.crops) == ((48, 36), {WRIST: (10, 20, 40, 50)})
    return path


def vqbet(root: Path) -> Path:
    """One that crops in its own layers and looks at the frame before."""
    return make_checkpoint(root, kind="vqbet", cube=False, cameras={"wrist": (96, 72)}, crop_shape=(60, 60))


def smolvla(root: Path) -> Path:
    """One that pads its pictures, names cameras of its own, and draws noise."""
    return make_smolvla(root, {WRIST: "observation.images.camera1", TOP: "observation.images.camera2"})


def frames() -> list[dict[str, Any]]:
    chance = np.random.default_rng(3)
    pictures = {key: (height, width, 3) for key, (width, height) in SIZES.items()}
    return [
        {
            "observation.state": chance.normal(0, 30, 6).astype(np.float32),
            **{key: chance.integers(0, 255, shape, dtype=np.uint8) for key, shape in pictures.items()},
        }
        for _ in range(FRAMES)
    ]


def of_lerobot(path: Path, shown: list[dict[str, Any]]) -> Any:
    """An action for each frame, by LeRobot's own processors and `select_action`."""
    import torch
    from lerobot.common.control_utils import predict_action
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(path)
    policy = get_policy_class(config.type).from_pretrained(path, config=config)
    pre, post = make_pre_post_processors(config, pretrained_path=str(path))
    torch.manual_seed(7)
    policy.reset()
    here = torch.device("cpu")
    return torch.cat([predict_action(dict(each), policy, here, pre, post, False, "pick") for each in shown]).numpy()


def of_ours(path: Path, shown: list[dict[str, Any]]) -> Any:
    """The same by the evaluation's runner; of a chunk each row is for the next frame."""
    from services.workers.inference.runner import Runner

    runner, due, actions = Runner(path), list[Any](), []
    runner.reset(seed=7)
    for each in shown:
        due = due or [*runner.act(dict(each), task="pick", robot_type="", rows=runner.steps)]
        actions.append(due.pop(0))
    return np.stack(actions)


@pytest.mark.parametrize("made", [cropped_act, ensembling_act, vqbet, smolvla])
def test_the_actions_are_lerobots_own(tmp_path: Path, made: Any) -> None:
    path, shown = made(tmp_path / "run" / "000010"), frames()
    theirs, ours = of_lerobot(path, shown), of_ours(path, shown)
    assert theirs.shape == (FRAMES, 6) and np.abs(np.diff(theirs, axis=0)).max() > 1e-2, "what it sees matters"
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    dark = [each | {key: np.zeros_like(each[key]) for key in SIZES} for each in shown]
    assert np.abs(of_ours(path, dark) - ours).max() > 1e-3, "its pictures matter"
