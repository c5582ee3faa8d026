"""LeRobot's training configuration from a request: defaults, the operator's keys, cameras left out, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets.io_utils import load_info
from lerobot.jobs.hf import build_remote_config_file

from services.folders import DataFolder
from services.live.requests import TrainRequest
from services.refusal import Refusal
from services.targets.lab_targets import placed
from services.workers.training import config as train_config
from services.workers.training.config import ConfigProblem
from services.workers.training.left_out_cameras import left_out
from sessions.target import Target, TargetKind
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


def test_hf_jobs_gets_a_configuration_that_lerobot_reads_there(roots: dict[str, Path], tmp_path: Path) -> None:
    """Only this is tested: no job was ever submitted."""
    target = Target(name="hf", kind=TargetKind.HF, flavor="a10g-small", time="3h")
    assert not build(roots).job.is_remote
    config = build(roots, on=target, exclude_cameras=("front",))
    assert (config.job.target, config.job.timeout, config.job.is_remote) == ("a10g-small", "3h", True)
    written = build_remote_config_file(config, "lab/act", tmp_path / "train_config.json")
    values = json.loads(written.read_text())
    assert "job" not in values and values["dataset"]["root"] is None
    there = train_config.decode(TrainPipelineConfig, values)
    assert (there.steps, there.dataset.episodes, sorted(there.policy.input_features)) == (5, [0], [WRIST, JOINTS])
    assert (there.policy.push_to_hub, there.policy.repo_id) == (True, "lab/act")
    request = TrainRequest(dataset="cubes", policy="act", name="mine", steps=5, data_dir="/nowhere")
    for wrong, why in (
        ({}, "OWNER/NAME"),
        ({"dataset": "lab/cubes", "resize": (32, 32)}, "no picture is resized"),
        ({"dataset": "lab/cubes", "processes": 2}, "leave --processes out"),
        ({"dataset": "lab/cubes", "policy": "/a/path"}, "give its id"),
    ):
        with pytest.raises(Refusal, match=why):
            placed(msgspec.structs.replace(request, **wrong), target)
    assert placed(msgspec.structs.replace(request, dataset="lab/cubes"), target).on == target


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


def test_a_resize_is_in_the_inputs_or_under_the_policys_own_key_and_refused_where_neither_can_be(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    policy = build(roots, resize=(40, 36)).policy
    assert sorted(policy.input_features) == [FRONT, WRIST, JOINTS]
    assert policy.input_features[WRIST].shape == (3, 36, 40) and policy.input_features[JOINTS].shape == (6,)
    policy.save_pretrained(tmp_path / "act")
    assert build(roots, policy=f"{tmp_path}/act").policy.input_features[FRONT].shape == (3, 36, 40)
    assert build(roots, policy=f"{tmp_path}/act", resize=(50, 40)).policy.input_features[FRONT].shape == (3, 40, 50)
    own = build(roots, policy="multi_task_dit", resize=(40, 36)).policy
    assert own.image_resize_shape == [36, 40] or own.image_resize_shape == (36, 40)
    assert not own.input_features, "they stay the dataset's: the policy resizes"
    own.input_features = policy.input_features
    own.save_pretrained(tmp_path / "own")
    with pytest.raises(ConfigProblem, match=r"--resize 50x40: the layers of .* fit the pictures"):
        build(roots, policy=f"{tmp_path}/own", resize=(50, 40))
    with pytest.raises(ConfigProblem, match="--resize: policy smolvla brings pictures to a size of its own"):
        build(roots, policy="smolvla", resize=(50, 40))


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


def test_a_configuration_of_another_lerobot_is_named_with_every_key_that_this_one_lacks(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    file = write_checkpoint(tmp_path, 100) / "pretrained_model" / "config.json"

    def refused() -> str:
        with pytest.raises(ConfigProblem) as caught:
            build(roots, policy=str(file.parent))
        return str(caught.value)

    given = json.loads(file.read_text())
    file.write_text(json.dumps({"type": "act", "chunk_sise": 4, "zz": True, "dim_model": 32}))
    assert refused().startswith(
        f"{file} is of another LeRobot: policy act of this one has no chunk_sise (did you mean chunk_size?), zz;"
    )
    file.write_text(json.dumps({**given, "type": "sac"}))
    assert refused().startswith(f"{file} names 'sac' as its type; this LeRobot has act")
    file.write_text(json.dumps({"type": "act", "dim_model": "wide"}))
    assert refused().startswith(f"{file}: this LeRobot refuses it: `dim_model`: Couldn't parse 'wide' into an int")
    file.write_text("{")
    assert refused().startswith(f"{file} cannot be read: Expecting")
    file.unlink()
    assert refused() == f"{file} is missing: a pretrained policy has one"


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


def test_a_camera_of_another_tool_is_left_out_and_no_other(foreign: Path) -> None:
    features = load_info(foreign).features

    def inputs(*wanted: str) -> tuple[list[str], list[str]]:
        config = build({"pusht": foreign}, dataset="pusht", exclude_cameras=wanted)
        return sorted(config.policy.input_features or {}), list(left_out(config, wanted, features))

    assert inputs("observation.wrist_image") == (["observation.image", JOINTS], ["observation.wrist_image"])
    assert inputs() == ([], [])
    with pytest.raises(ConfigProblem, match=r"--exclude-cameras wrist: dataset pusht has observation.image"):
        inputs("wrist")


def test_a_stream_of_pictures_leaves_no_camera_out_and_is_refused(foreign: Path) -> None:
    wrist = "observation.wrist_image"
    with pytest.raises(ConfigProblem, match=r"LeRobot streams every picture, and .*wrist_image is to be left"):
        build({"pusht": foreign}, "dataset.streaming=true", dataset="pusht", exclude_cameras=(wrist,))


def test_leaving_out_what_a_pretrained_policy_does_not_look_at_is_refused(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    build(roots, exclude_cameras=("front",)).policy.save_pretrained(tmp_path)
    with pytest.raises(ConfigProblem, match=r"--exclude-cameras front: .* does not look at that camera"):
        build(roots, policy=f"{tmp_path}", exclude_cameras=("front",))


def test_a_pretrained_policy_that_looks_at_a_camera_that_is_not_there_is_refused_with_what_to_do(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    third = "observation.images.third"
    visual = build(roots, exclude_cameras=("front",)).policy
    inputs = visual.input_features
    visual.input_features = {JOINTS: inputs[JOINTS], **dict.fromkeys((FRONT, third), inputs[WRIST])}
    visual.save_pretrained(tmp_path / "two")
    own = tmp_path / "two"
    with pytest.raises(ConfigProblem) as caught:
        build(roots, policy=f"{own}")
    rename = f'rename_map={{"{WRIST}":"{third}"}}'
    assert str(caught.value) == (
        f"two looks at third, and dataset pictures gives it front, wrist: give it one of these under its own name with "
        f"--set '{rename}', or train policy act anew"
    )
    assert build(roots, rename, policy=f"{own}").rename_map == {WRIST: third}
    visual.input_features[WRIST] = inputs[WRIST]
    visual.save_pretrained(own)
    with pytest.raises(ConfigProblem, match="two looks at third, and dataset pictures gives it front, wrist: train on"):
        build(roots, policy=f"{own}")
    with pytest.raises(ConfigProblem, match="two looks at third, and dataset pictures gives it front: train on"):
        build(roots, policy=f"{own}", exclude_cameras=("wrist",))


@pytest.mark.parametrize(
    ("trained_with", "renames", "expected"),
    [
        ([FRONT], {}, {WRIST: "wrist"}),
        (["observation.images.camera1"], {FRONT: "observation.images.camera1"}, {WRIST: "wrist"}),
        ([FRONT, WRIST], {}, {}),
        ([FRONT, WRIST, "observation.images.third"], {}, {}),
        (["observation.images.camera1", "observation.images.camera2"], {}, {}),  # LeRobot refuses it, naming all
        ([FRONT, "observation.images.third"], {}, {}),
        ([], {}, {FRONT: "front", WRIST: "wrist"}),
    ],
)
def test_what_a_pretrained_policy_does_not_look_at_is_left_out_by_itself(
    roots: dict[str, Path], trained_with: list[str], renames: dict[str, str], expected: dict[str, str]
) -> None:
    config = build(roots, f"rename_map={json.dumps(renames)}")
    visual = build(roots, exclude_cameras=("front",)).policy.input_features
    config.policy.input_features = {JOINTS: visual[JOINTS], **dict.fromkeys(trained_with, visual[WRIST])}
    features = load_info(roots["pictures"]).features
    assert left_out(config, (), features) == expected
    assert left_out(config, ("wrist",), features) == expected | {WRIST: "wrist"}
