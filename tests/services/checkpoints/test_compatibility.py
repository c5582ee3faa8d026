"""Whether a policy fits a bench: what forbids an evaluation, what is worth knowing, and what makes no difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import Checkpoint, Provenance
from services.checkpoints.compatibility import Fit, fit, fit_known, taken
from services.checkpoints.preprocessor import Preprocessor
from services.datasets.cameras import IMAGES
from tests.services.checkpoints.test_checkpoint import FEATURES, JOINTS, write
from tests.support.checkpoints import make_checkpoint, make_smolvla

NAMES = {"observation.state": JOINTS, "action": JOINTS}
CAMERA = {"type": "VISUAL", "shape": [3, 480, 640]}


def image(name: str) -> str:
    return f"observation.images.{name}"


def changed(key: str, **traits: object) -> dict[str, dict[str, Any]]:
    return {**FEATURES, key: {**FEATURES[key], **traits}}


def bench(*cameras: str, width: int = 640, height: int = 480) -> dict[str, dict[str, Any]]:
    """A bench with these cameras, and the joints of the others."""
    picture = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    return {k: f for k, f in FEATURES.items() if "images" not in k} | {image(name): picture for name in cameras}


def policy(
    tmp_path: Path,
    *cameras: str,
    size: tuple[int, int] = (640, 480),
    state: int = 6,
    provenance: Provenance | None = None,
    renames: dict[str, str] | None = None,
    dataset: dict[str, tuple[int, ...]] | None = None,
    resize: tuple[int, int] | None = None,
    crop: tuple[int, int, int, int] | None = None,
    **config: object,
) -> Checkpoint:
    """A policy of these cameras (their features' keys), trained with `renames` on a `dataset` of such statistics."""
    width, height = size
    visual = {key: {"type": "VISUAL", "shape": [3, height, width]} for key in cameras}
    inputs = {"observation.state": {"type": "STATE", "shape": [state]}, **visual}
    path = write(tmp_path, 100, input_features=inputs, **config) / "pretrained_model"
    checkpoints.write_provenance(path, provenance or Provenance(fps=30, names=NAMES))
    read = checkpoints.read(path)
    return Checkpoint(
        path=read.path, policy=read.policy, inputs=read.inputs, outputs=read.outputs, provenance=read.provenance,
        preprocessor=Preprocessor(
            renames or {}, dataset or {}, resize=resize, crops={IMAGES + "wrist": crop} if crop else {}
        ), shaping=read.shaping, room=read.room,
    )  # fmt: skip


# --- a policy and the bench that it learnt on ---------------------------------------------------------


def test_a_policy_fits_the_bench_that_it_learnt_on(tmp_path: Path) -> None:
    assert fit(policy(tmp_path, image("wrist")), FEATURES, fps=30, rates={"wrist": 30.0}) == Fit()


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (bench(), "camera wrist, which this bench does not have"),
        (
            bench("wrist", width=320, height=240),
            "camera wrist gives 320x240, the policy was trained on 640x480: set its width",
        ),
        (changed("observation.state", shape=(7,)), "observation.state has 6 values, this bench's 7 values"),
        (changed("action", names=[*JOINTS[:5], "jaw.pos"]), "other values than this bench: joint5.pos for jaw.pos"),
        ({k: f for k, f in FEATURES.items() if k != "observation.state"}, "needs observation.state (6 values)"),
    ],
    ids=["camera", "size", "joints", "names", "state"],
)
def test_what_does_not_fit_is_reported(tmp_path: Path, features: dict[str, Any], words: str) -> None:
    assert words in "; ".join(fit(policy(tmp_path, image("wrist")), features, fps=30).problems)


def test_what_differs_without_harm_is_a_note(tmp_path: Path) -> None:
    unknown = policy(tmp_path, image("wrist"), provenance=Provenance())
    found = fit(unknown, bench("wrist", "top"), fps=20)
    assert not found.problems
    assert found.notes == (
        "the policy does not use top",
        "the checkpoint does not name its joints: the bench's order is assumed",
        "the checkpoint does not say at what rate it was trained: the loop runs at 20 Hz",
    )


def test_where_the_preprocessor_cuts_a_part_out_the_pictures_have_to_be_as_in_the_training(tmp_path: Path) -> None:
    wide, narrow = bench("wrist"), bench("wrist", width=320, height=240)
    theirs = policy(tmp_path / "theirs", image("wrist"), size=(128, 128), resize=(128, 128), crop=(60, 100, 300, 400))
    cuts = "cuts 400x300 at 100,60 out of them"
    assert f"gives 640x480, the policy {cuts}: they have to be as large as those that" in fit(theirs, wide).notes[0]
    assert f"gives 320x240, the policy {cuts}, which is not within: set its width" in fit(theirs, narrow).problems[0]
    trained_on = Provenance(fps=30, names=NAMES, camera_sizes={"wrist": (640, 480)})
    ours = policy(tmp_path / "ours", image("wrist"), crop=(6, 10, 30, 40), provenance=trained_on)
    assert fit(ours, wide) == Fit()
    assert "and was trained on 640x480: set its width" in fit(ours, narrow).problems[0]


def test_where_the_preprocessor_resizes_only_another_shape_than_in_the_training_is_refused(tmp_path: Path) -> None:
    """Of our own checkpoints it is known what the dataset's pictures were; of others there is nothing to compare."""
    trained_on = Provenance(fps=30, names=NAMES, camera_sizes={"wrist": (640, 480)})
    small = policy(tmp_path / "ours", image("wrist"), size=(320, 240), resize=(320, 240), provenance=trained_on)
    assert fit(small, bench("wrist")) == fit_known(small, {"wrist": {"shape": (480, 640, 3)}}) == Fit()
    larger = fit(small, bench("wrist", width=1280, height=960))
    assert not larger.problems and "trained on 640x480, resized to 320x240: nothing is stretched" in larger.notes[0]
    for found in (
        fit(small, bench("wrist", width=1280, height=720)),
        fit_known(small, {"wrist": {"shape": (720, 1280, 3)}}),
    ):
        assert "gives 1280x720, the policy was trained on 640x480, resized to 320x240: set its" in found.problems[0]
    foreign = policy(tmp_path / "theirs", image("wrist"), size=(224, 224), resize=(224, 224))
    assert fit(foreign, bench("wrist", width=300, height=300)) == Fit()
    stretched = fit(foreign, bench("wrist"))
    assert stretched == Fit(notes=("camera wrist gives 640x480, which the policy stretches to 224x224",))


# --- names ----------------------------------------------------------------------------------------------

RENAMES = {image("top"): image("camera1"), image("wrist"): image("camera2")}


def test_cameras_are_known_by_the_names_that_the_training_renamed(tmp_path: Path) -> None:
    renamed = policy(tmp_path, image("camera1"), image("camera2"), renames=RENAMES)
    assert renamed.cameras == ("top", "wrist")
    assert fit(renamed, bench("top", "wrist")) == Fit()
    assert fit_known(renamed, {"top": {}, "wrist": {}}) == Fit()
    assert set(taken(renamed, bench("top", "wrist", "side")).values()) == {"observation.state", *RENAMES}


def test_a_bench_may_call_its_cameras_as_the_policy_does(tmp_path: Path) -> None:
    renamed = policy(tmp_path, image("camera1"), image("camera2"), renames=RENAMES)
    assert fit(renamed, bench("camera1", "wrist")) == Fit()
    both = taken(renamed, bench("camera1", "top", "wrist"))
    assert both[image("camera1")] == image("top"), "the name that it learnt, where both are there"


def test_a_name_that_the_policy_knows_as_another_one_is_no_source(tmp_path: Path) -> None:
    swapped = {image("a"): image("b"), image("b"): image("a")}
    one = policy(tmp_path, image("a"), renames=swapped)
    assert one.cameras == ("b",)
    assert fit(one, bench("a")).problems == (
        "the policy needs camera b (its own name for it is a), which this bench does not have",
    )
    assert fit_known(one, {"a": {}}).problems == (
        "the policy needs camera b (its own name for it is a); this bench has a: map one to it, as b=a",
    )


def test_renames_and_features_are_read_as_lerobot_saves_them(tmp_path: Path) -> None:
    renames = {image("top"): image("camera1")}
    path = make_checkpoint(tmp_path / "000010", cube=False, cameras={"camera1": (96, 72)}, renames=renames)
    found = checkpoints.read(path)
    assert found.preprocessor.renames == renames
    assert found.preprocessor.learnt["observation.state"] == (6,)
    assert found.preprocessor.learnt[image("top")] == (3, 1, 1)
    assert image("camera1") not in found.preprocessor.learnt, "statistics bear the dataset's names"
    assert found.cameras == ("top",)


# --- cameras that it never got --------------------------------------------------------------------------


def test_empty_cameras_are_never_demanded(tmp_path: Path) -> None:
    padded = policy(tmp_path, image("wrist"), image("empty_camera_0"), image("empty_camera_1"), empty_cameras=2)
    assert padded.cameras == ("wrist",)
    assert fit(padded, bench("wrist")) == Fit()


def test_cameras_that_the_dataset_lacked_are_not_demanded(tmp_path: Path) -> None:
    base = (image("camera1"), image("camera2"), image("camera3"))
    trained = policy(tmp_path, *base, renames=RENAMES, dataset={image("top"): (3, 1, 1), image("wrist"): (3, 1, 1)})
    assert trained.cameras == ("top", "wrist")
    assert fit(trained, bench("top", "wrist")) == Fit()
    given = fit(trained, bench("top", "wrist", "camera3"))
    assert given.notes == ("the policy does not use camera3",), "nor given: it never learnt from it"


def test_a_camera_left_out_of_the_training_is_not_demanded_though_the_dataset_has_it(tmp_path: Path) -> None:
    one = policy(tmp_path, image("wrist"), dataset={image("wrist"): (3, 1, 1), image("top"): (3, 1, 1)})
    assert one.cameras == ("wrist",)


@pytest.mark.parametrize("dataset", [{}, {"observation.state": (6,), image("elsewhere"): (3, 1, 1)}])
def test_where_the_dataset_is_not_known_every_camera_is_demanded(
    tmp_path: Path, dataset: dict[str, tuple[int, ...]]
) -> None:
    one = policy(tmp_path, image("camera1"), image("camera2"), dataset=dataset)
    assert fit(one, bench("camera1")).problems == ("the policy needs camera camera2, which this bench does not have",)


# --- sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"type": "smolvla", "resize_imgs_with_padding": [512, 512]},
        {"type": "pi0", "image_resolution": [224, 224]},
        {"type": "diffusion", "resize_shape": [96, 96]},
        {"type": "multi_task_dit", "image_resize_shape": [224, 224]},
        {"type": "vla_jepa", "resize_images_to": [224, 224]},
        {"type": "groot"},
    ],
    ids=lambda config: config["type"],
)
def test_another_size_of_picture_is_a_note_where_the_policy_resizes(tmp_path: Path, config: dict[str, object]) -> None:
    found = fit(policy(tmp_path, image("wrist"), size=(256, 256), **config), FEATURES, fps=30)
    assert found == Fit(
        notes=("camera wrist gives 640x480, the policy's configuration says 256x256: it resizes pictures itself",)
    )


@pytest.mark.parametrize(
    "config",
    [
        {"type": "act"},
        {"type": "diffusion", "resize_shape": None, "crop_shape": [84, 84]},
        {"type": "vqbet", "crop_shape": [84, 84]},
        {"type": "xvla", "resize_imgs_with_padding": None},
    ],
    ids=lambda config: config["type"],
)
def test_another_size_of_picture_is_refused_where_it_does_not(tmp_path: Path, config: dict[str, object]) -> None:
    found = fit(policy(tmp_path, image("wrist"), size=(256, 256), **config), FEATURES, fps=30)
    assert found.problems == (
        "camera wrist gives 640x480, the policy was trained on 256x256: set its width and height in lab.toml",
    )


@pytest.mark.parametrize(
    ("declared", "learnt", "names", "problems", "notes"),
    [
        (32, {"observation.state": (6,)}, True, (), ()),
        (32, {"observation.state": (6,)}, False, (), ()),
        (32, {"observation.state": (32,)}, True, (), ()),  # statistics may be padded, too (policies/evo1)
        (32, {}, True, (), ()),
        (32, {}, False, (), ("the policy has room for 32 values of observation.state: this bench's 6 are padded",)),
        (7, {"observation.state": (6,)}, False, (), ()),  # the base had seven
        (6, {"observation.state": (7,)}, False, ("observation.state has 7 values, this bench's 6 values",), ()),
        (7, {}, False, ("observation.state has 7 values, this bench's 6 values",), ()),
    ],
)
def test_a_padded_state_is_compared_by_what_the_dataset_had(
    tmp_path: Path,
    declared: int,
    learnt: dict[str, tuple[int, ...]],
    names: bool,
    problems: tuple[str, ...],
    notes: tuple[str, ...],
) -> None:
    of = Provenance(fps=30, names=NAMES if names else {"action": JOINTS})
    pads = policy(tmp_path, state=declared, dataset=learnt, provenance=of, type="pi0", max_state_dim=32)
    found = fit(pads, bench(), fps=30)
    for said, wanted in ((found.problems, problems), (found.notes, notes)):
        assert len(said) == len(wanted)
        assert all(words in text for words, text in zip(wanted, said, strict=True))


def test_a_state_that_is_not_padded_has_the_size_that_the_configuration_says(tmp_path: Path) -> None:
    of = Provenance(fps=30, names={"action": JOINTS})
    found = fit(policy(tmp_path, state=7, dataset={"observation.state": (6,)}, provenance=of), bench())
    assert found.problems == ("the policy's observation.state has 7 values, this bench's 6 values",)


def test_a_smolvla_trained_on_from_a_base_fits_the_bench_of_its_demonstrations(tmp_path: Path) -> None:
    path = make_smolvla(tmp_path / "000010", {image("top"): image("camera1"), image("wrist"): image("camera2")})
    assert len(json.loads((path / "config.json").read_bytes())["input_features"]) == 5, "the state, three, an empty one"
    found = checkpoints.read(path)
    assert found.cameras == ("top", "wrist")
    there = {**bench("top", "wrist"), **{k: FEATURES[k] | {"names": None} for k in ("observation.state", "action")}}
    assert fit(found, there, fps=30) == Fit(
        notes=tuple(
            f"camera {name} gives 640x480, the policy's configuration says 256x256: it resizes pictures itself"
            for name in ("top", "wrist")
        )
    )


# --- rates ----------------------------------------------------------------------------------------------


def test_a_camera_slower_than_the_loop_is_a_note(tmp_path: Path) -> None:
    one = policy(tmp_path, image("wrist"))
    slow = "camera wrist gives 15 pictures a second, and the loop runs at 30 Hz: some are seen twice"
    assert fit(one, bench("wrist", "top"), fps=30, rates={"wrist": 15, "top": 5}) == Fit(
        notes=("the policy does not use top", slow)
    )
    assert fit_known(one, {"wrist": {"fps": 15}, "top": {"fps": 5}}, fps=30) == Fit(notes=(slow,))


@pytest.mark.parametrize("rate", [30, 60, None, 0, "15"])
def test_a_camera_as_fast_as_the_loop_or_of_unknown_rate_is_not_spoken_of(tmp_path: Path, rate: object) -> None:
    assert fit_known(policy(tmp_path, image("wrist")), {"wrist": {"fps": rate}}, fps=30) == Fit()


# --- statistics ---------------------------------------------------------------------------------------


def rename_statistics(folder: Path, part: str, prefix: str) -> None:
    """Give a processor's statistics the names that old or half migrated checkpoints have."""
    from safetensors.numpy import load_file, save_file

    (path,) = folder.glob(f"policy_{part}_*.safetensors")
    save_file({f"{prefix}{name}": value for name, value in load_file(path).items()}, path)


def raw(found: Fit) -> list[str]:
    """The problems with statistics."""
    return [problem for problem in found.problems if "statistics" in problem]


def test_processors_without_statistics_of_the_policys_features_are_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "000100", cameras={"wrist": (64, 48)}, cube=False)
    found, given = checkpoints.read(folder), bench("wrist", width=64, height=48)
    assert raw(fit(found, given)) == raw(fit_known(found, {"wrist": {}})) == []

    rename_statistics(folder, "postprocessor", "so100.buffer.")
    found = checkpoints.read(folder)
    (problem,) = raw(fit(found, given))
    assert problem.startswith(
        "the policy's postprocessor has no statistics of action (it has those of so100.buffer.action"
    )
    assert "migrate_policy_normalization" in problem
    assert raw(fit_known(found, {"wrist": {}})) == [problem], "it is known before a worker starts"

    rename_statistics(folder, "preprocessor", "so100.buffer.")
    first, second = raw(fit(checkpoints.read(folder), given))
    assert "preprocessor has no statistics of observation.state, observation.images.wrist" in first
    assert second == problem


def test_processors_whose_statistics_are_missing_altogether_are_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "000100", cube=True)
    for path in folder.glob("policy_*processor_*.safetensors"):
        path.unlink()
    first, second = fit_known(checkpoints.read(folder), {}).problems
    assert "no statistics of observation.state (it has none)" in first
    assert "environment_state" not in first, "its mode is IDENTITY: ACT names no ENV"
    assert "no statistics of action (it has none)" in second


def test_statistics_under_the_datasets_names_fit_a_policy_that_renames(tmp_path: Path) -> None:
    names = {"observation.images.wrist": "observation.images.camera1"}
    folder = make_checkpoint(tmp_path / "000100", cameras={"camera1": (64, 48)}, cube=False, renames=names)
    assert fit_known(checkpoints.read(folder), {"wrist": {}}).problems == ()
