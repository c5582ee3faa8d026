"""Checkpoints on disk: complete or not, found by path or session, labelled by run and step."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import CheckpointProblem, Provenance
from services.checkpoints.preprocessor import Preprocessor
from services.checkpoints.safetensors import shapes
from services.folders import DataFolder
from services.live import events as ev
from sessions.models import SessionKind
from tests.support.runs import make_folder, session_id, started, write_run

STATE_FILES = ("training_step.json", "optimizer_state.safetensors", "optimizer_param_groups.json")
JOINTS = tuple(f"joint{n}.pos" for n in range(6))
FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (6,), "names": list(JOINTS)},
    "observation.images.wrist": {"dtype": "video", "shape": (480, 640, 3), "names": ["height", "width", "channels"]},
    "action": {"dtype": "float32", "shape": (6,), "names": list(JOINTS)},
}


def weights(size: int = 16) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


def write(output: Path, step: int, *, scheduled: bool = False, **changed: object) -> Path:
    """A complete checkpoint of `step` below a training's output."""
    folder = output / "checkpoints" / f"{step:06d}"
    pretrained, state = folder / "pretrained_model", folder / "training_state"
    pretrained.mkdir(parents=True)
    state.mkdir()
    config = {
        "type": "act",
        "input_features": {
            "observation.state": {"type": "STATE", "shape": [6]},
            "observation.images.wrist": {"type": "VISUAL", "shape": [3, 480, 640]},
        },
        "output_features": {"action": {"type": "ACTION", "shape": [6]}},
        **changed,
    }
    (pretrained / "config.json").write_text(json.dumps(config))
    (pretrained / "train_config.json").write_text(json.dumps({"scheduler": {"type": "x"} if scheduled else None}))
    (pretrained / "model.safetensors").write_bytes(weights())
    for name in STATE_FILES:
        (state / name).write_text("{}")
    return folder


def trained(folder: DataFolder, output: Path, number: int = 1) -> str:
    name = session_id(number)
    facts = ev.TrainingStarted(
        policy="act", output_dir=str(output), steps=9, batch_size=8, device="cpu", parameters=1, episodes=(0,),
        episodes_total=1, frames=9,
    )  # fmt: skip
    write_run(folder, name, started(name, kind=SessionKind.TRAIN), facts)
    return name


@pytest.mark.parametrize("missing", [*STATE_FILES, "scheduler_state.json"])
def test_a_half_written_checkpoint_is_passed_over(tmp_path: Path, missing: str) -> None:
    whole = write(tmp_path, 100)
    half = write(tmp_path, 200, scheduled=missing == "scheduler_state.json")
    (half / "training_state" / missing).unlink(missing_ok=True)
    assert checkpoints.complete(tmp_path) == [whole]
    assert checkpoints.read(tmp_path).step == 100
    with pytest.raises(CheckpointProblem, match=rf"is incomplete: its training_state lacks {missing}.*use 000100"):
        checkpoints.read(half)


def test_weights_that_are_cut_short_are_noticed(tmp_path: Path) -> None:
    cut = write(tmp_path, 100)
    (cut / "pretrained_model" / "model.safetensors").write_bytes(weights()[:-1])
    assert checkpoints.missing(cut) == "its model.safetensors is cut short"
    for path in (cut, cut / "pretrained_model"):
        with pytest.raises(CheckpointProblem, match="cut short"):
            checkpoints.read(path)
    with pytest.raises(CheckpointProblem, match=r"000100 is incomplete: its model.safetensors is cut short"):
        checkpoints.read(tmp_path)
    shutil.rmtree(cut)
    with pytest.raises(CheckpointProblem, match="holds no complete checkpoint yet"):
        checkpoints.read(tmp_path)


def test_of_a_policy_that_came_without_its_training_state_the_folder_to_name_is_told(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    shutil.rmtree(write(folder.outputs / "train" / "cubes", 100) / "training_state")
    for wanted in ("cubes", "cubes@100"):
        with pytest.raises(CheckpointProblem, match=r"it has no training_state .*name its pretrained_model folder"):
            checkpoints.resolve(folder, wanted)


def test_a_policy_without_its_training_state_can_still_be_run(tmp_path: Path) -> None:
    half = write(tmp_path, 100)
    (half / "training_state" / STATE_FILES[0]).unlink()
    assert checkpoints.read(half / "pretrained_model").policy == "act"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"type": 3}', b'{"type": "act", "input_features": {"a": 1}}', b"\xff"]
)
def test_an_invalid_configuration_is_reported(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    (path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointProblem, match="is not a LeRobot policy configuration"):
        checkpoints.read(path)


def test_a_sidecar_that_cannot_be_read_is_no_reason_to_refuse_the_policy(tmp_path: Path) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    (path / checkpoints.SIDECAR).write_text("{torn")
    assert checkpoints.read(path).provenance == Provenance()


def test_a_checkpoint_is_found_by_path_by_name_by_session_and_by_step(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    output = folder.outputs / "train" / "cubes"
    paths = {step: write(output, step) / "pretrained_model" for step in (100, 200)}
    name = trained(folder, output)
    for wanted, step in (
        (str(output), 200),
        ("outputs/train/cubes", 200),
        (str(output / "checkpoints" / "000100"), 100),
        (name, 200),
        (name[:-2], 200),
        (f"{name}@100", 100),
        ("cubes", 200),
        ("cubes @ 000100", 100),  # as every list shows it
    ):
        found = checkpoints.resolve(folder, wanted)
        assert (found.path, found.step) == (paths[step], step)
    assert found.label == "cubes @ 000100"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("", "a checkpoint is needed"),
        ("no/such", "there is no 'no/such': a path, NAME or NAME@STEP of a training, or a session's id"),
        ("20260217-142001@300", "no complete checkpoint of step 300; it has: 000100"),
        ("cubes@7", "training cubes has no complete checkpoint of step 7; it has: 000100"),
        ("20260217-142001@x", "no complete checkpoint of step x"),
        ("20260217-14200", "fits 2 sessions"),
        ("20260217-142002", "is not a training that reached its first step"),
    ],
)
def test_what_is_not_found_is_reported(tmp_path: Path, wanted: str, words: str) -> None:
    folder = make_folder(tmp_path)
    output = folder.outputs / "train" / "cubes"
    write(output, 100)
    trained(folder, output)
    write_run(folder, session_id(2))
    with pytest.raises(CheckpointProblem) as problem:
        checkpoints.resolve(folder, wanted)
    assert words in str(problem.value)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/data/outputs/train/act_v2/checkpoints/020000/pretrained_model", "act_v2 @ 020000"),
        ("/data/outputs/train/act_v2/checkpoints/020000", "act_v2 @ 020000"),
        ("outputs/train/act_v2/checkpoints/020000", "act_v2 @ 020000"),
        ("/models/smolvla_base", "smolvla_base"),
        ("/models/mine/pretrained_model", "mine"),
        ("/a/models/2", "2"),
        ("", ""),
    ],
)
def test_a_checkpoint_is_called_by_its_run_and_step(path: str, label: str) -> None:
    assert checkpoints.label(path) == checkpoints.Checkpoint(Path(path), policy="act").label == label


def test_the_newest_of_each_training_comes_first(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    for run, step, age in (("old", 100, 900), ("new", 100, 300), ("new", 200, 100)):
        os.utime(write(folder.trainings / run, step), (1_770_000_000 - age,) * 2)
    (folder.trainings / "empty").mkdir()
    (folder.trainings / "a file").write_text("")
    (folder.trainings / "new" / "checkpoints" / "1²").mkdir()
    found = checkpoints.newest(folder)
    assert found == [
        "outputs/train/new/checkpoints/000200",
        "outputs/train/old/checkpoints/000100",
        "outputs/train/new/checkpoints/000100",
    ]
    assert [checkpoints.resolve(folder, text).step for text in found] == [200, 100, 100]
    assert checkpoints.newest(DataFolder(tmp_path / "nothing")) == []


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b'{"steps": 3}',
        b'{"steps": [{"registry_name": "rename_observations_processor", "config": {"rename_map": [1]}}]}',
        b'{"steps": [{"registry_name": "normalizer_processor", "state_file": "/nowhere/at/all"}]}',
    ],
)  # fmt: skip
def test_a_preprocessor_that_tells_nothing_is_empty(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    (path / "policy_preprocessor.json").write_bytes(content)
    found = checkpoints.read(path)
    assert (found.preprocessor, found.cameras) == (Preprocessor(), ("wrist",))


@pytest.mark.parametrize("content", [b"", b"12345678", weights()[:-20], (1 << 60).to_bytes(8, "little")])
def test_statistics_that_are_torn_tell_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.safetensors").write_bytes(content)
    assert shapes(tmp_path / "torn.safetensors") == {}
