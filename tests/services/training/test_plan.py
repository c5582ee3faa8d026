"""What may be trained: requests are checked before any worker starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.datasets.marks import Mark, write_mark
from services.datasets.summary import summarize
from services.folders import DataFolder
from services.live.event_log import EventLog
from services.live.requests import TrainRequest, write_request
from services.refusal import Refusal
from services.training import plan as training
from services.training import policies
from services.training.dataset_fit import unnormalized
from tests.services.evaluation.test_plan import write_policy
from tests.support.runs import make_folder


def write_dataset(folder: DataFolder, name: str = "cubes", **info: Any) -> Path:
    """A dataset's info.json: two cameras, three episodes."""
    root = folder.datasets / name
    (root / "meta").mkdir(parents=True)
    features: dict[str, Any] = {"action": {"dtype": "float32", "shape": [6]}}
    for camera in info.pop("cameras", ("overhead", "wrist")):
        features[f"observation.images.{camera}"] = {"dtype": "video", "shape": [48, 64, 3]}
    content = {"codebase_version": "v3.0", "fps": 30, "features": features, "total_episodes": 3, "total_frames": 90}
    (root / "meta/info.json").write_text(json.dumps(content | info))
    return root


def plan(folder: DataFolder, **changes: Any) -> TrainRequest:
    return training.plan(folder, **({"dataset": "cubes", "policy": "act", "steps": 1000} | changes))


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = make_folder(tmp_path)
    write_dataset(made)
    return made


def test_a_plan_has_lerobots_defaults_made_to_measure(folder: DataFolder) -> None:
    request = plan(folder)
    assert (request.name, request.batch_size, request.log_freq, request.save_freq) == ("act_cubes", 8, 10, 200)
    assert (plan(folder, steps=1).log_freq, plan(folder, steps=1).save_freq) == (1, 1)
    assert (plan(folder, steps=200_000).log_freq, plan(folder, steps=200_000).save_freq) == (200, 20_000)
    assert plan(folder).resize is None and plan(folder, resize=" 320 X 240 ").resize == (320, 240)
    given = plan(folder, log_freq=7, save_freq=0, batch_size=64)
    assert (given.log_freq, given.save_freq, given.batch_size) == (7, 0, 64)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "nothing"}, "there is no dataset nothing in"),
        ({"dataset": ""}, "a dataset needs a name"),
        ({"dataset": "../x"}, "begins or ends with a dot"),
        ({"policy": ""}, "a policy is needed: act, "),
        ({"policy": "acts"}, "LeRobot knows no policy 'acts': did you mean act?"),
        ({"policy": "./nowhere"}, "no pretrained policy at ./nowhere"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"steps": 10**22}, "steps must be at most 1000000000, not 1e+22"),
        ({"batch_size": 0}, "batch size must be at least 1"),
        ({"log_freq": 0}, "log freq must be at least 1"),
        ({"save_freq": -1}, "save freq must be at least 0"),
        ({"exclude_cameras": ["side"]}, "no camera 'side' to leave out: it has overhead, wrist"),
        ({"exclude_cameras": ["wrist", "overhead"]}, "all cameras (overhead, wrist) would be left out"),
        ({"resize": "240"}, "a size is WIDTHxHEIGHT in pixels, such as 320x240, not '240'"),
        ({"resize": "16x12"}, "resized to 32 to 4096 pixels each way, not to 16x12"),
        (
            {"resize": "320x240", "policy": "smolvla"},
            "a size of its own: leave the resize out; LeRobot's key policy.res",
        ),
        ({"resize": "320x240", "policy": "vqbet", "exclude_cameras": ["wrist"]}, "looks at several frames at once"),
        ({"settings": ["policy.resize_shape=[1,2]"]}, "use --resize"),
        ({"settings": ["num_workers"]}, "write KEY=VALUE"),
        ({"settings": ["=3"]}, "write KEY=VALUE"),
        ({"settings": ["steps=3"]}, "the console sets that itself (use --steps)"),
        ({"settings": ["--policy.type=pi0"]}, "use --policy"),
        ({"settings": ["policy.input_features.a=3"]}, "use --exclude-cameras"),
        ({"settings": ["job.target=a10"]}, "this machine only"),
        ({"settings": ["dataset.episodes=[0]"]}, "use --exclude-episodes"),
        ({"name": "a/b"}, "the name contains '/'"),
    ],
)
def test_what_cannot_be_trained_is_refused(folder: DataFolder, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        plan(folder, **changes)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"codebase_version": "v2.1"}, "version 2.1: convert it"),
        ({"total_episodes": 0}, "holds no episode yet"),
    ],
)
def test_a_dataset_that_cannot_be_read_is_refused(tmp_path: Path, info: dict[str, Any], words: str) -> None:
    folder = make_folder(tmp_path)
    write_dataset(folder, **info)
    with pytest.raises(Refusal) as refusal:
        plan(folder)
    assert words in str(refusal.value)


def test_a_dataset_with_a_torn_info_is_refused(folder: DataFolder) -> None:
    (folder.datasets / "cubes/meta/info.json").write_text('{"fps": 3')
    with pytest.raises(Refusal, match=r"cannot be trained on: meta/info\.json is torn"):
        plan(folder)


def test_a_dataset_without_an_accepted_episode_is_refused(folder: DataFolder) -> None:
    for index in range(3):
        write_mark(folder.datasets / "cubes", index, Mark(accepted=False))
    with pytest.raises(Refusal, match="none of the 3 episodes of dataset cubes is accepted"):
        plan(folder)


def test_the_episodes_that_would_be_used_are_reported(folder: DataFolder) -> None:
    def used() -> str:
        return training.episodes_used(summarize(folder.datasets / "cubes"))

    assert used() == "3 episodes, no marks: every episode counts"
    write_mark(folder.datasets / "cubes", 1, Mark(accepted=False))
    assert used() == "2 of 3 episodes, 1 rejected left out; 2 without a mark count"
    for index in (0, 2):
        write_mark(folder.datasets / "cubes", index, Mark())
    assert used() == "2 of 3 episodes, 1 rejected left out"


def test_a_camera_is_left_out_once_and_settings_keep_their_values(folder: DataFolder) -> None:
    request = plan(folder, exclude_cameras=["wrist ", "", "wrist"], settings=["--policy.betas= [0.9, 0.95]"])
    assert request.exclude_cameras == ("wrist",)
    assert request.settings == ("policy.betas=[0.9, 0.95]",)


def test_names_are_unique_among_trainings_and_those_that_run(folder: DataFolder) -> None:
    (folder.outputs / "train/act_cubes").mkdir(parents=True)
    assert plan(folder).name == "act_cubes-2"
    run = folder.run("20260217-142000-0001")
    run.root.mkdir(parents=True)
    write_request(run, plan(folder))
    assert plan(folder).name == "act_cubes-2"
    with EventLog(run):
        assert plan(folder).name == "act_cubes-3"
        with pytest.raises(Refusal, match="a training act_cubes-2 exists"):
            plan(folder, name="act_cubes-2")


def test_a_hub_id_is_taken_as_it_is(folder: DataFolder) -> None:
    request = plan(folder, policy="lerobot/smolvla_base")
    assert (request.policy, request.name) == ("lerobot/smolvla_base", "smolvla_base_cubes")


def test_a_path_becomes_the_policy_in_it_and_half_a_checkpoint_is_refused(folder: DataFolder, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    with pytest.raises(Refusal, match="is not a checkpoint"):
        plan(folder, policy=str(half))
    pretrained = tmp_path / "mine/pretrained_model"
    pretrained.mkdir(parents=True)
    (pretrained / "config.json").write_text('{"type": "vqbet"}')
    header = json.dumps({}).encode()
    (pretrained / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    request = plan(folder, policy=str(pretrained))
    assert (request.policy, request.name) == (str(pretrained), "vqbet_cubes")


def test_a_pretrained_policy_that_looks_at_a_camera_that_is_not_there_is_refused(
    folder: DataFolder,
) -> None:
    policy = write_policy(folder, "two", camera="side")
    with pytest.raises(
        Refusal, match="looks at side, and dataset cubes gives it overhead, wrist: give it one of these"
    ):
        plan(folder, policy=str(policy))
    names = "rename_map={observation.images.wrist: observation.images.side}"
    renamed = plan(folder, policy=str(policy), settings=[names])
    assert renamed.settings, "LeRobot is asked about that"
    assert plan(folder, policy=str(write_policy(folder, "other", camera="wrist"))).policy


def test_policies_are_known_without_loading_lerobot() -> None:
    assert {"act", "smolvla", "diffusion"} <= set(policies.known())


# --- cameras ------------------------------------------------------------------------------------------


def picture(height: int = 48, width: int = 64, channels: int = 3) -> dict[str, Any]:
    return {"dtype": "video", "shape": [height, width, channels], "names": ["height", "width", "channels"]}


def write_features(folder: DataFolder, name: str, **features: Any) -> None:
    root = write_dataset(folder, name, cameras=())
    info = json.loads((root / "meta/info.json").read_text())
    info["features"] |= {key.replace("__", "."): feature for key, feature in features.items()}
    (root / "meta/info.json").write_text(json.dumps(info))


def test_a_camera_of_another_tool_is_left_out_by_its_key_or_the_end_of_it(folder: DataFolder) -> None:
    write_features(folder, "pusht", observation__image=picture(), observation__wrist_image=picture())
    for word in ("observation.wrist_image", "wrist_image"):
        assert plan(folder, dataset="pusht", exclude_cameras=[word]).exclude_cameras == ("observation.wrist_image",)
    with pytest.raises(Refusal, match=r"dataset pusht has no camera 'wrist' to leave out: it has observation.image"):
        plan(folder, dataset="pusht", exclude_cameras=["wrist"])


def test_pictures_that_lerobot_gives_no_policy_are_refused_before_the_start(folder: DataFolder) -> None:
    write_features(folder, "libero", image=picture(), wrist_image=picture())
    with pytest.raises(Refusal, match=r"begins with 'observation.', and this dataset's image, wrist_image do not"):
        plan(folder, dataset="libero")
    write_features(folder, "mixed", image=picture(), observation__image=picture())
    with pytest.raises(Refusal, match=r"dataset's image does not: .* --exclude-cameras image$"):
        plan(folder, dataset="mixed")
    assert plan(folder, dataset="mixed", exclude_cameras=["image"]).exclude_cameras == ("image",)


def test_a_depth_map_is_refused_before_the_start_with_what_leaves_it_out(folder: DataFolder) -> None:
    top, depth = picture(), picture(channels=1)
    write_features(folder, "deep", observation__images__top=top, observation__images__top_depth=depth)
    with pytest.raises(Refusal, match=r"camera top_depth gives a depth map: .* --exclude-cameras top_depth$"):
        plan(folder, dataset="deep")
    assert plan(folder, dataset="deep", exclude_cameras=["top_depth"]).exclude_cameras == ("top_depth",)
    write_features(folder, "dark", observation__images__top_depth=depth)
    with pytest.raises(Refusal, match="record a colour camera, or choose another policy"):
        plan(folder, dataset="dark")
    assert plan(folder, dataset="dark", policy="tdmpc").policy == "tdmpc"


def test_what_lerobot_would_not_normalize_or_could_not_learn_is_refused_before_the_start(folder: DataFolder) -> None:
    write_features(folder, "still", **{"observation.state": {"dtype": "float32", "shape": [6]}})
    info = folder.datasets / "still/meta/info.json"
    shown = json.loads(info.read_text())
    del shown["features"]["action"]
    info.write_text(json.dumps(shown))
    with pytest.raises(Refusal, match=r"still has no feature 'action', .*: it has observation\.state"):
        plan(folder, dataset="still")
    stats = folder.datasets / "cubes/meta/stats.json"
    stats.write_text(json.dumps({"observation.images.wrist": {"mean": [0.5]}}))
    with pytest.raises(Refusal, match=r"no statistics of action in meta/stats\.json, .* recompute_stats` makes a copy"):
        plan(folder)
    stats.write_text(json.dumps({"observation.images.wrist": {"mean": [0.5]}, "action": {"mean": [0.0]}}))
    with pytest.raises(Refusal, match=r"the pictures of overhead in meta/.*: leave out --exclude-cameras overhead, or"):
        plan(folder)
    assert plan(folder, exclude_cameras=["overhead"]).exclude_cameras == ("overhead",), "nobody reads its pictures"
    for unread in (b"{", b"[]"):
        stats.write_bytes(unread)
        assert plan(folder), "the survey refuses it with what repairs it"


def test_another_observation_without_statistics_is_worth_a_word_where_the_policy_takes_it(folder: DataFolder) -> None:
    vector = {"dtype": "float32", "shape": [4]}
    write_features(folder, "force", observation__force=vector, observation__environment_state=vector)
    (folder.datasets / "force/meta/stats.json").write_text(json.dumps({"action": {"mean": [0.0]}}))
    assert plan(folder, dataset="force").dataset == "force"
    both = ["observation.force", "observation.environment_state", "observation.state", "action"]
    known = {"action": {"mean": [0.0]}, "observation.state": {"mean": [0.0]}}
    assert unnormalized("act", both, known) == ("observation.environment_state",)
    assert unnormalized("smolvla", both, known) == (), "it takes neither"
    assert unnormalized("a_plugin", both, known) == ("observation.force", "observation.environment_state")
    assert unnormalized("act", both, {}) == ("observation.environment_state", "observation.state")


def test_a_policy_of_one_camera_and_one_of_equal_pictures_say_what_to_leave_out(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "missing_extra", lambda policy: "")
    with pytest.raises(Refusal, match=r"policy vqbet looks at one camera, .* --exclude-cameras wrist$"):
        plan(folder, policy="vqbet")
    write_features(folder, "odd", observation__images__a=picture(), observation__images__b=picture(height=96))
    with pytest.raises(Refusal, match=r"those of b differ from a's: .* --exclude-cameras b$"):
        plan(folder, dataset="odd", policy="diffusion")
    assert plan(folder, dataset="odd", policy="diffusion", exclude_cameras=["b"]).exclude_cameras == ("b",)


def test_a_policy_whose_packages_are_not_installed_is_refused_with_the_command_that_installs_them(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "_installed", lambda package: package != "diffusers")
    policies.missing_extra.cache_clear()
    try:
        assert (policies.missing_extra("act"), policies.missing_extra("diffusion")) == ("", "diffusion")
        with pytest.raises(Refusal, match=r"not installed: uv pip install 'lerobot\[diffusion\]==0\.6\.1'"):
            plan(folder, policy="diffusion")
    finally:
        policies.missing_extra.cache_clear()


def test_a_data_folder_that_lerobot_cannot_read_is_refused(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "lab[1]")
    write_dataset(made)
    with pytest.raises(Refusal, match=r"has '\[' in its path"):
        plan(made)
