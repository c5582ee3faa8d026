"""What of LeRobot 0.6.1 training relies on is there: hooks are looked up by name, records carry the tracker."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lerobot.policies
import numpy as np
import pytest
import torch
from accelerate.data_loader import DataLoaderShard
from lerobot.common import train_utils
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets import EpisodeAwareSampler, compute_sampler_state, dataset_reader
from lerobot.datasets import factory as factory_of_datasets
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.streaming_dataset import StreamingLeRobotDataset
from lerobot.optim.schedulers import CosineDecayWithWarmupSchedulerConfig
from lerobot.policies import factory
from lerobot.scripts import lerobot_train
from lerobot.utils.constants import IMAGENET_STATS
from lerobot.utils.logging_utils import AverageMeter, MetricsTracker

from services.checkpoints.checkpoint import PRETRAINED, STATE
from services.folders import DataFolder
from services.training import owned, policies
from services.training.episode_choice import hold_out
from services.training.schedule import lr_at
from services.workers.training import config as train_config
from services.workers.training.checkpoints import LAST
from services.workers.training.lerobot_hooks import HOOKED, MetricsFilter, Reduced, hooked
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
    seen = _Seen()
    reduced = Reduced()
    listener, root = MetricsFilter(seen, reduced), logging.getLogger()
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
    assert seen.points == [{"steps": 1, "samples": 4, "episodes": 0.08, "epochs": 0.04, "loss": 0.123456789}]


def test_the_held_out_loss_is_reduced_just_before_it_is_logged_with_four_digits_and_before_the_checkpoint() -> None:
    lines = [
        'eval_loss = accelerator.reduce(eval_loss, reduction="mean").item()',
        'logging.info(f"step {step}: eval_loss={eval_loss:.4f}")',
        "save_checkpoint(\n",
    ]
    at = [TRAIN.index(line) for line in lines]
    assert at == sorted(at) and TRAIN.count(".reduce(") == 1
    assert TRAIN.index("logging.info(train_tracker)") < at[0]
    assert "accelerator=accelerator,\n    )" in TRAIN[TRAIN.index("= MetricsTracker(") :]
    seen, reduced = _Seen(), Reduced()
    accelerator = SimpleNamespace(reduce=lambda tensor, reduction: tensor)
    reduced.follow(accelerator)
    listener = MetricsFilter(seen, reduced)
    loss = accelerator.reduce(torch.tensor(0.123456789), reduction="mean").item()
    record = logging.LogRecord("root", logging.INFO, "", 0, f"step {20}: eval_loss={loss:.4f}", (), None)
    assert listener.filter(record) and seen.measured == [(20, loss)]
    accelerator.reduce(torch.tensor([1.0, 2.0]), reduction="max")  # the tracker's own meters
    assert listener.filter(record) and seen.measured[1] == (20, 0.1235)
    record.msg = "step 40: eval_loss=nan"
    assert listener.filter(record) and np.isnan(seen.measured[2][1])


@pytest.mark.parametrize(("share", "held"), [(0.1, [2, 5]), (0.5, [1, 2, 4, 5]), (0.34, [1, 2, 5])])
def test_lerobot_holds_out_the_last_episodes_of_each_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, held: list[int]
) -> None:
    tasks = ["push", "push", "push", "lift", "lift", "lift"]
    if share == 0.34:
        tasks[3] = "push"
        held = [2, 3, 5]
    made: list[list[int]] = []

    class Dataset:
        def __init__(self, *_: Any, episodes: list[int], **__: Any) -> None:
            self.episodes = episodes
            self.meta = SimpleNamespace(episodes={"tasks": [[task] for task in tasks]}, camera_keys=[], features={})
            made.append(episodes)

    monkeypatch.setattr(factory_of_datasets, "LeRobotDataset", Dataset)
    monkeypatch.setattr(factory_of_datasets, "make_dataset", lambda cfg: Dataset(episodes=list(range(6))))
    monkeypatch.setattr(factory_of_datasets, "resolve_delta_timestamps", lambda *_: None)
    root = make_dataset(DataFolder(tmp_path).create(), episodes=1, frames=2)
    config = train_config.build(plan(DataFolder(tmp_path)), root=root, output=tmp_path / "x", episodes=[0])
    config.dataset.eval_split = share
    factory_of_datasets.make_train_eval_datasets(config)
    assert sorted(made[-1]) == held == list(hold_out(range(6), dict(enumerate(tasks)), share))


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


class _Seen:
    """A Watcher that notes what is logged."""

    def __init__(self) -> None:
        self.points: list[dict[str, float]] = []
        self.measured: list[tuple[int, float]] = []

    def logged(self, metrics: dict[str, float]) -> None:
        self.points.append(metrics)

    def held_out_measured(self, step: int, loss: float) -> None:
        self.measured.append((step, loss))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class _Nobody:
    """A Watcher to whom nothing happens."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def test_a_dataset_takes_its_features_and_statistics_from_its_metadata_alone_and_its_rows_by_name() -> None:
    """What `left_out_cameras.taken_out` hooks. Where LeRobot leaves cameras out itself, that can go."""
    load = inspect.getsource(LeRobotDatasetMetadata._load_metadata)
    assert "self.info = load_info(self.root)" in load and "self.stats = load_stats(self.root)" in load
    reader = inspect.getsource(dataset_reader.DatasetReader)
    assert 'load_nested_dataset(self.root / "data", features=features, episodes=self.episodes)' in reader
    assert "for key in self._meta.video_keys" in inspect.getsource(dataset_reader.DatasetReader._get_query_timestamps)
    assert list(inspect.signature(dataset_reader.load_nested_dataset).parameters) == ["pq_dir", "features", "episodes"]
    assert inspect.getsource(factory_of_datasets).count("LeRobotDatasetMetadata(") == 1
    assert "_load_metadata" not in LeRobotDataset.__dict__ and "__setstate__" not in LeRobotDatasetMetadata.__dict__


def test_empty_input_features_mean_all_of_the_datasets() -> None:
    source = inspect.getsource(factory.make_policy)
    assert "if not cfg.input_features:" in source


def test_the_policies_found_without_importing_are_those_that_lerobot_registers() -> None:
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()
    ours = {n for n, kind in PreTrainedConfig.get_known_choices().items() if kind.__module__.startswith("lerobot.")}
    assert set(policies.known()) >= ours
    assert {"act", "smolvla", "diffusion", "pi0"} <= set(policies.known())


@pytest.mark.parametrize("steps", [100, 300, 500])
def test_the_learning_rate_of_a_cosine_schedule_is_computed_as_lerobot_does(steps: int) -> None:
    schedule = CosineDecayWithWarmupSchedulerConfig(
        num_warmup_steps=40, num_decay_steps=300, peak_lr=1e-3, decay_lr=1e-5
    )
    config = {"optimizer": {"lr": 1e-3}, "scheduler": dataclasses.asdict(schedule) | {"type": schedule.type}}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler, made = schedule.build(optimizer, steps), []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        made.append(optimizer.param_groups[0]["lr"])
    assert [lr_at(config, steps, step) for step in range(1, steps + 1)] == pytest.approx(made, rel=1e-9)


def test_a_resumed_training_takes_its_configuration_and_state_from_the_checkpoint_and_its_order_from_the_loader() -> (
    None
):
    """What `resumed_config` relies on. Where accelerate keeps the epoch of LeRobot's sampler, `set_epoch` can go."""
    resolve = inspect.getsource(TrainPipelineConfig._resolve_resume_checkpoint)
    assert 'parser.parse_arg("config_path")' in resolve and "self.checkpoint_path = policy_dir.parent" in resolve
    restored = inspect.getsource(train_utils.load_training_state)
    assert all(f"load_{part}(" in restored for part in ("rng_state", "training_step", "optimizer_state"))
    assert "load_scheduler_state(" in restored
    assert "sampler.load_state_dict(sampler_state)" in TRAIN and "initial_step=step" in TRAIN
    iteration = inspect.getsource(DataLoaderShard.__iter__)
    assert iteration.index("self.set_epoch(self.iteration)") < iteration.index("self.base_dataloader.__iter__()")
    sampler = EpisodeAwareSampler([0], [10], shuffle=True, seed=1)
    sampler.load_state_dict(compute_sampler_state(7, 10, 2, 1))
    expected = [*sampler]
    sampler.load_state_dict({"epoch": 0, "start_index": 4})
    sampler.set_epoch(1)
    assert [*sampler] == expected and len(expected) == 6


def test_the_keys_that_the_console_sets_itself_are_lerobots() -> None:
    fields = {f.name for f in dataclasses.fields(TrainPipelineConfig)}
    own = {key.partition(".")[0] for key in (*owned.OWNED, *owned.FIELDS)} - {"config_path"}
    assert own <= fields
    assert {"job", "reward_model", "num_workers", "env_eval_freq", "job_name"} <= fields
