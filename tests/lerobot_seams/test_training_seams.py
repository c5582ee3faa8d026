"""What of LeRobot 0.6.1 training relies on is there: hooks are looked up by name, records carry the tracker."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import re
from pathlib import Path
from typing import Any

import lerobot.policies
import numpy as np
import pytest
import torch
from lerobot.common import train_utils
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets.streaming_dataset import StreamingLeRobotDataset
from lerobot.policies import factory
from lerobot.scripts import lerobot_train
from lerobot.utils.constants import IMAGENET_STATS
from lerobot.utils.logging_utils import AverageMeter, MetricsTracker

from services.checkpoints.checkpoint import PRETRAINED, STATE
from services.folders import DataFolder
from services.training import plan as training
from services.training import policies
from services.workers.training import config as train_config
from services.workers.training.checkpoints import LAST
from services.workers.training.lerobot_hooks import HOOKED, MetricsFilter, hooked
from tests.support.trainings import make_dataset, plan

assert lerobot.policies
TRAIN = inspect.getsource(inspect.unwrap(lerobot_train.train))


@pytest.mark.parametrize("name", HOOKED)
def test_the_script_calls_each_hook_by_its_module_name(name: str) -> None:
    assert re.search(rf"(?<![.\w]){name}\(", TRAIN)
    assert hasattr(lerobot_train, name)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lerobot_train.make_train_eval_datasets, ["cfg"]),
        (lerobot_train.make_optimizer_and_scheduler, ["cfg", "policy"]),
        (lerobot_train.cycle, ["iterable"]),
        (lerobot_train.should_save_checkpoint, ["step", "save_freq", "total_steps"]),
        (lerobot_train.update_last_checkpoint, ["checkpoint_dir"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_hooks_have_the_forms_that_are_replaced(function: Any, expected: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == expected


def test_the_checkpoint_folder_is_the_first_argument_of_the_writer() -> None:
    parameters = list(inspect.signature(train_utils.save_checkpoint).parameters)
    assert parameters[0] == "checkpoint_dir"
    assert "checkpoint_dir=checkpoint_dir" in TRAIN


def test_checkpoints_are_named_as_the_console_reads_them(tmp_path: Path) -> None:
    assert train_utils.get_step_checkpoint_dir(tmp_path, 20_000, 4_000) == tmp_path / "checkpoints" / "004000"
    assert (train_utils.PRETRAINED_MODEL_DIR, train_utils.TRAINING_STATE_DIR) == (PRETRAINED, STATE)
    assert train_utils.LAST_CHECKPOINT_LINK == LAST


def test_every_step_asks_whether_to_save_and_saving_follows_in_order() -> None:
    order = [
        TRAIN.index(f"{name}(") for name in ("should_save_checkpoint", "save_checkpoint", "update_last_checkpoint")
    ]
    assert TRAIN.index("train_tracker.step()") < order[0]
    assert TRAIN.rindex(" save_checkpoint(") < order[2]
    assert "is_saving_step = should_save_checkpoint(step, cfg.save_freq, cfg.steps)" in TRAIN


def test_the_tracker_itself_goes_to_the_root_logger() -> None:
    assert "logging.info(train_tracker)" in TRAIN
    seen: list[dict[str, float]] = []
    listener, root = MetricsFilter(seen.append), logging.getLogger()
    tracker = MetricsTracker(4, 100, 2, {"loss": AverageMeter("loss", ":.3f")}, initial_step=0)
    tracker.loss, level = 0.123456789, root.level
    tracker.step()
    root.addFilter(listener)
    root.setLevel(logging.INFO)
    try:
        logging.info(tracker)
        logging.info("anything else")
    finally:
        root.removeFilter(listener)
        root.setLevel(level)
    assert seen == [{"steps": 1, "samples": 4, "episodes": 0.08, "epochs": 0.04, "loss": 0.123456789}]


def test_hooks_are_removed_again() -> None:
    stock = {name: getattr(lerobot_train, name) for name in HOOKED}
    with pytest.raises(ZeroDivisionError), hooked(_Nobody()):
        assert all(getattr(lerobot_train, name) is not stock[name] for name in HOOKED)
        raise ZeroDivisionError
    assert all(getattr(lerobot_train, name) is stock[name] for name in HOOKED)
    assert not [f for f in logging.getLogger().filters if isinstance(f, MetricsFilter)]


def test_the_policy_takes_its_statistics_from_the_dataset_after_the_hook_that_narrows_them() -> None:
    made, policy = TRAIN.index("make_train_eval_datasets("), TRAIN.index("policy = make_policy(")
    assert made < policy and TRAIN.count(" make_train_eval_datasets(") == 2  # the main process's, and the others'
    assert "ds_meta=dataset.meta," in TRAIN
    assert "stats" not in TRAIN[:policy].replace("dataset_stats=dataset.meta.stats", "")
    assert 'processor_kwargs["dataset_stats"] = dataset.meta.stats' in TRAIN


def test_lerobot_itself_gives_a_part_of_a_dataset_the_statistics_of_the_whole(tmp_path: Path) -> None:
    """Where it does no more, `normalization.narrow` is not needed; where it never did, ImageNet's are not tensors."""
    folder = DataFolder(tmp_path).create()
    root = make_dataset(folder, cameras=True, episodes=2, frames=2)
    config = train_config.build(plan(folder), root=root, output=tmp_path / "out", episodes=[0])
    dataset, _ = lerobot_train.make_train_eval_datasets(config)
    assert (dataset.episodes, dataset.num_frames) == ([0], 2)
    assert dataset.meta.stats["observation.state"]["count"].tolist() == [4]
    kinds = {name: type(value) for name, value in dataset.meta.stats["observation.images.front"].items()}
    tensors = {name for name, kind in kinds.items() if kind is torch.Tensor}
    assert tensors == set(IMAGENET_STATS) and kinds["max"] is np.ndarray


def test_a_stream_leaves_no_episode_out() -> None:
    """Where it does, `normalization.trained_episodes` has to say which."""
    assert inspect.getsource(StreamingLeRobotDataset).count("self.episodes") == 1


class _Nobody:
    """A Watcher to whom nothing happens."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def test_empty_input_features_mean_all_of_the_datasets() -> None:
    source = inspect.getsource(factory.make_policy)
    assert "if not cfg.input_features:" in source


def test_the_policies_found_without_importing_are_those_that_lerobot_registers() -> None:
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()
    ours = {n for n, kind in PreTrainedConfig.get_known_choices().items() if kind.__module__.startswith("lerobot.")}
    assert set(policies.known()) >= ours
    assert {"act", "smolvla", "diffusion", "pi0"} <= set(policies.known())


def test_the_keys_that_the_console_sets_itself_are_lerobots() -> None:
    fields = {f.name for f in dataclasses.fields(TrainPipelineConfig)}
    own = {key.partition(".")[0] for key in training._OURS} - {"config_path"}
    assert own <= fields
    assert {"job", "reward_model", "num_workers", "env_eval_freq", "job_name"} <= fields
