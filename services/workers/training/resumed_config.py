"""LeRobot's configuration of a training that goes on: the one that its checkpoint holds, as `--config_path` reads it.

LeRobot (0.6.1, `scripts/lerobot_train.py`, `configs/train.py`) restores from a checkpoint: weights and processors with
their statistics; optimizer, schedule, step and random numbers (`common/train_utils.py`, load_training_state); and the
place in the order of the samples, which follows from seed and step (`datasets/sampler.py`). A schedule is built anew
for the steps that are asked for now: only where it stands is restored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from draccus.utils import DraccusException
from lerobot.configs.train import TRAIN_CONFIG_NAME, TrainPipelineConfig
from lerobot.datasets.io_utils import load_info
from lerobot.utils.import_utils import register_third_party_plugins
from lerobot.utils.random_utils import load_rng_state

from services.checkpoints.checkpoint import PRETRAINED, STATE
from services.datasets.cameras import camera_keys
from services.live.requests import TrainRequest
from services.workers.process.step_guard import guard_steps
from services.workers.training.config_problem import ConfigProblem
from sessions.document import Training


def arguments(resumed: Training) -> list[str]:
    """What `TrainPipelineConfig.validate` is to find in `sys.argv`."""
    return ["lerobot-train", f"--config_path={_pretrained(resumed) / TRAIN_CONFIG_NAME}"]


def build(request: TrainRequest, resumed: Training, *, root: Path, output: Path) -> TrainPipelineConfig:
    """The checkpoint's configuration, with the steps that are asked for now. Raises ConfigProblem."""
    register_third_party_plugins()
    guard_steps(request.plugins)
    pretrained = _pretrained(resumed)
    try:
        config = TrainPipelineConfig.from_pretrained(pretrained)
    except (OSError, ValueError, DraccusException) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ConfigProblem(f"this LeRobot cannot read {pretrained / TRAIN_CONFIG_NAME}: {reason}") from error
    config.resume, config.steps = True, request.steps
    config.output_dir, config.dataset.root = output, str(root)  # the data folder may have been moved
    return config


def _pretrained(resumed: Training) -> Path:
    return Path(resumed.resumed[-1].checkpoint) / PRETRAINED


def left_out(resumed: Training, root: Path) -> dict[str, str]:
    """The feature keys of the cameras that it did not read before, each with the camera's name."""
    keys = camera_keys(load_info(root).features)
    return {key: name for name, key in keys.items() if name in resumed.started.excluded_cameras}


def resolved(config: dict[str, Any], resumed: Training) -> dict[str, Any]:
    """The configuration as it is kept: the weights that the run began with, not those that it went on with."""
    began_with = resumed.started.config.get("policy", {}).get("pretrained_path")
    return config | {
        "resume": False,
        "checkpoint_path": None,
        "policy": config["policy"] | {"pretrained_path": began_with},
    }


def in_step(batches: Iterator[Any], loader: Any, resumed: Training, config: TrainPipelineConfig) -> Iterator[Any]:
    """The batches that would have come next, and the random numbers where they would have been.

    LeRobot sets its sampler to the epoch and the sample, but accelerate, whose `loader` is around it, begins with epoch
    0 and so with another order (accelerate 1.15, `data_loader.py`, DataLoaderShard.__iter__).

    A loader that begins draws its seed from the random numbers (torch, `_BaseDataLoaderIter`). Had the training gone
    on, it would have begun before, unless an epoch was just over and no process of the loader stays. The loader of
    held-out episodes begins anew, too: where its processes stay, noise is drawn otherwise after the first measurement.
    """
    try:
        per_epoch = len(loader)
    except TypeError:  # a stream
        per_epoch = 0
    epoch, inside = divmod(resumed.step, per_epoch) if per_epoch else (0, 1)
    if epoch:
        loader.set_epoch(epoch)
    first = next(batches)
    if inside or (config.num_workers > 0 and config.persistent_workers):
        load_rng_state(_pretrained(resumed).parent / STATE)
    yield first
    yield from batches
