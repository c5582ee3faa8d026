"""LeRobot's training configuration from a request: defaults, the operator's keys, cameras left out, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.folders import DataFolder
from services.live.requests import TrainRequest
from services.workers.training import config as train_config
from services.workers.training.config import ConfigProblem
from tests.services.checkpoints.test_checkpoint import write as write_checkpoint
from tests.support.trainings import make_dataset

FRONT, WRIST, JOINTS = "observation.images.front", "observation.images.wrist", "observation.state"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One dataset with pictures, one with a cube's pose."""
    folder = DataFolder(tmp_path_factory.mktemp("config")).create()
    return {
        "pictures": make_dataset(folder, "pictures", cameras=True, episodes=1, frames=2),
        "cubes": make_dataset(folder, "cubes", episodes=1, frames=2),
    }


def build(roots: dict[str, Path], *settings: str, dataset: str = "pictures", **changes: Any) -> Any:
    fields = {"policy": "act", "name": "mine", "steps": 5, "data_dir": "/nowhere", **changes}
    request = TrainRequest(dataset=dataset, settings=settings, **fields)
    return train_config.build(request, root=roots[dataset], output=Path("/nowhere/mine"), episodes=[0])


def test_the_consoles_defaults_stand_unless_the_operator_overrides_them(roots: dict[str, Path]) -> None:
    config = build(roots, log_freq=3)
    assert (config.steps, config.log_freq, config.env_eval_freq, config.dataset.episodes) == (5, 3, 0, [0])
    assert config.policy.push_to_hub is False and config.wandb.enable is False
    changed = build(roots, "env_eval_freq=7", "num_workers=3", "policy.push_to_hub=true", "seed=1", "seed=2")
    assert (changed.env_eval_freq, changed.num_workers, changed.policy.push_to_hub, changed.seed) == (7, 3, True, 2)


def test_values_are_written_as_on_lerobots_command_line(roots: dict[str, Path]) -> None:
    config = build(
        roots, "policy.pretrained_backbone_weights=null", "policy.use_vae=false",
        "dataset.image_transforms.enable=true", "policy.optimizer_lr=1e-3", "rename_map={a: b}",
    )  # fmt: skip
    assert (config.policy.pretrained_backbone_weights, config.policy.use_vae) == (None, False)
    assert config.dataset.image_transforms.enable is True
    assert (config.policy.optimizer_lr, config.rename_map) == (0.001, {"a": "b"})


def test_without_exclusions_lerobot_chooses_the_inputs_itself(roots: dict[str, Path]) -> None:
    assert not build(roots).policy.input_features


def test_a_camera_left_out_is_no_input_and_shapes_are_channels_first(roots: dict[str, Path]) -> None:
    policy = build(roots, exclude_cameras=("front",)).policy
    assert sorted(policy.input_features) == [WRIST, JOINTS]
    assert policy.input_features[WRIST].shape == (3, 48, 64)


def test_the_environments_state_is_normalized_as_the_joints_unless_the_operator_maps_it(roots: dict[str, Path]) -> None:
    assert build(roots, dataset="cubes").policy.normalization_mapping["ENV"].value == "MEAN_STD"
    assert "ENV" not in build(roots).policy.normalization_mapping
    own = build(roots, "policy.normalization_mapping={STATE: MIN_MAX}", dataset="cubes").policy.normalization_mapping
    assert {k: v.value for k, v in own.items()} == {"STATE": "MIN_MAX"}


def test_a_pretrained_policy_keeps_its_inputs_but_for_the_camera_left_out(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    policy = build(roots, "policy.dim_model=64", exclude_cameras=("front",)).policy
    from lerobot.utils.feature_utils import dataset_to_policy_features

    from tests.support.demos import features

    policy.input_features = {k: f for k, f in dataset_to_policy_features(features()).items() if k != "action"}
    policy.save_pretrained(tmp_path)
    again = build(roots, "policy.optimizer_lr=0.5", policy=f"{tmp_path}", exclude_cameras=("wrist",)).policy
    assert sorted(again.input_features) == [FRONT, JOINTS]
    assert (again.dim_model, again.optimizer_lr, str(again.pretrained_path)) == (64, 0.5, str(tmp_path))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            "policy.dim_modl=3",
            "--set policy.dim_modl: LeRobot's policy act has no such key; did you mean policy.dim_mo",
        ),
        ("num_worker=3", "--set num_worker: LeRobot's training has no such key; did you mean num_workers?"),
        ("eval.n_episode=3", "did you mean eval.n_episodes"),
        ("zzz=3", "--set zzz: LeRobot's training has no such key"),
        ("policy.dim_model=abc", "--set policy.dim_model: "),
        ("policy.dim_model={a", "--set policy.dim_model: '{a' is not a value"),
        ("wandb.enable=maybe", "--set wandb.enable: Couldn't parse 'maybe' into a bool"),
        ("dataset.image_transforms.enble=true", "`enble`"),
        ("num_workers.x=3", "num_workers"),
        ("policy.n_action_steps=300", "upper bound for the number of action steps"),
        (
            "optimizer.lr=1e-4",
            "--set optimizer.lr: the policy's preset would replace it; set policy.optimizer_lr, or set use",
        ),
        (
            "scheduler.type=diffuser",
            "--set scheduler.type: the policy's preset would replace it; its own keys begin with",
        ),
    ],
)
def test_a_key_or_value_that_lerobot_does_not_take_is_named(roots: dict[str, Path], setting: str, words: str) -> None:
    with pytest.raises(ConfigProblem) as problem:
        build(roots, setting)
    assert words in str(problem.value)
    assert "\n" not in str(problem.value)


def test_an_optimizer_of_ones_own_takes_the_place_of_the_preset(roots: dict[str, Path]) -> None:
    own = ("use_policy_training_preset=false", "optimizer.type=adamw", "optimizer.lr=0.25")
    assert build(roots, *own).optimizer.lr == 0.25
    with pytest.raises(ConfigProblem, match="Couldn't find a choice class for 'adm'"):
        build(roots, own[0], "optimizer.type=adm")


def test_a_policy_of_no_plug_in_is_named(roots: dict[str, Path]) -> None:
    with pytest.raises(ConfigProblem, match="no policy 'mystery' is registered, not even by a plug-in"):
        build(roots, policy="mystery")


def test_a_pretrained_policy_that_runs_foreign_code_is_refused(roots: dict[str, Path], tmp_path: Path) -> None:
    pretrained = write_checkpoint(tmp_path, 100) / "pretrained_model"
    step = {"class": "os.system", "config": {"command": f"touch {tmp_path / 'mark'}"}}
    (pretrained / "policy_postprocessor.json").write_text(json.dumps({"name": "p", "steps": [step]}))
    with pytest.raises(ConfigProblem, match=r"is not loaded: step 1 of policy_postprocessor\.json names the class"):
        build(roots, policy=str(pretrained))
    assert not (tmp_path / "mark").exists()


# --- cameras left out -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset as pusht's, whose cameras have no `images` in their keys."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    picture = {"dtype": "image", "shape": (24, 32, 3), "names": ["height", "width", "channels"]}
    vector = {"dtype": "float32", "shape": (2,), "names": ["x", "y"]}
    features = {"observation.state": vector, "action": vector}
    features |= {"observation.image": picture, "observation.wrist_image": picture}
    root = tmp_path_factory.mktemp("foreign") / "pusht"
    LeRobotDataset.create("me/pusht", 10, features, root=root, use_videos=False).finalize()
    return root


def test_a_camera_of_another_tool_is_left_out_and_the_checkpoint_says_what_happened(foreign: Path) -> None:
    def inputs(*left_out: str) -> tuple[list[str], tuple[str, ...]]:
        config = build({"pusht": foreign}, dataset="pusht", exclude_cameras=left_out)
        features = train_config.load_info(foreign).features
        policy = config.policy.input_features or dict.fromkeys(k for k in features if k.startswith("observation."))
        return sorted(policy), train_config.cameras_left_out(features, policy, config.rename_map)

    assert inputs("observation.wrist_image") == (["observation.image", JOINTS], ("observation.wrist_image",))
    assert inputs()[1] == ()
    with pytest.raises(ConfigProblem, match=r"--exclude-cameras wrist: dataset pusht has observation.image"):
        inputs("wrist")


def test_leaving_out_what_a_pretrained_policy_does_not_look_at_is_refused(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    build(roots, exclude_cameras=("front",)).policy.save_pretrained(tmp_path)
    with pytest.raises(ConfigProblem, match=r"--exclude-cameras front: .* does not look at that camera"):
        build(roots, policy=f"{tmp_path}", exclude_cameras=("front",))


def test_a_camera_that_a_rename_map_hides_counts_by_its_own_name(roots: dict[str, Path]) -> None:
    features = train_config.load_info(roots["pictures"]).features
    renames = {FRONT: "observation.images.camera1"}
    assert train_config.cameras_left_out(features, ["observation.images.camera1"], renames) == ("wrist",)
