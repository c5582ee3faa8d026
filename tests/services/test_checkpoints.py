"""Checkpoints on disk: complete or not, found by path or session, fitting a bench or not."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from services import checkpoints
from services import events as ev
from services.checkpoints import CheckpointProblem, Provenance
from services.folders import DataFolder
from sessions.models import SessionKind
from tests.services.runs import make_folder, session_id, started, write_run

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
    with pytest.raises(CheckpointProblem, match="holds no complete checkpoint yet"):
        checkpoints.read(tmp_path)


def test_a_policy_without_its_training_state_can_still_be_run(tmp_path: Path) -> None:
    half = write(tmp_path, 100)
    (half / "training_state" / STATE_FILES[0]).unlink()
    assert checkpoints.read(half / "pretrained_model").policy == "act"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"type": 3}', b'{"type": "act", "input_features": {"a": 1}}', b"\xff"]
)
def test_a_configuration_that_is_none_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    (path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointProblem, match="is no LeRobot policy configuration"):
        checkpoints.read(path)


def test_a_sidecar_that_cannot_be_read_is_no_reason_to_refuse_the_policy(tmp_path: Path) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    (path / checkpoints.SIDECAR).write_text("{torn")
    assert checkpoints.read(path).provenance == Provenance()


def test_a_checkpoint_is_found_by_path_by_session_and_by_step(tmp_path: Path) -> None:
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
    ):
        found = checkpoints.resolve(folder, wanted)
        assert (found.path, found.step) == (paths[step], step)
    assert found.label == "cubes @ 000100"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("", "a checkpoint is needed"),
        ("no/such", "is neither a path nor a training session's id"),
        ("20260217-142001@300", "no complete checkpoint of step 300; it has: 000100"),
        ("20260217-142001@x", "no complete checkpoint of step x"),
        ("20260217-14200", "fits 2 sessions"),
        ("20260217-142002", "is no training that got as far as its first step"),
    ],
)
def test_what_is_not_found_is_said_in_words(tmp_path: Path, wanted: str, words: str) -> None:
    folder = make_folder(tmp_path)
    output = folder.outputs / "train" / "cubes"
    write(output, 100)
    trained(folder, output)
    write_run(folder, session_id(2))
    with pytest.raises(CheckpointProblem) as problem:
        checkpoints.resolve(folder, wanted)
    assert words in str(problem.value)


def changed(key: str, **traits: object) -> dict[str, dict[str, object]]:
    return {**FEATURES, key: {**FEATURES[key], **traits}}


def test_a_policy_fits_the_bench_that_it_learnt_on(tmp_path: Path) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    checkpoints.write_provenance(path, Provenance(fps=30, names={"observation.state": JOINTS, "action": JOINTS}))
    found = checkpoints.fit(checkpoints.read(path), FEATURES, fps=30)
    assert found == checkpoints.Fit()


@pytest.mark.parametrize(
    ("features", "fps", "words"),
    [
        ({k: f for k, f in FEATURES.items() if "wrist" not in k}, 30, "camera wrist, which this bench does not have"),
        (
            changed("observation.images.wrist", shape=(240, 320, 3)),
            30,
            "camera wrist gives 320x240, the policy learnt 640x480",
        ),
        (changed("observation.state", shape=(7,)), 30, "observation.state has 6 values, this bench's 7 values"),
        (
            changed("action", names=[*JOINTS[:5], "jaw.pos"]),
            30,
            "names other values than this bench: joint5.pos for jaw.pos",
        ),
        (FEATURES, 15, "the policy learnt at 30 Hz, this bench runs at 15 Hz"),
    ],
    ids=["camera", "size", "joints", "names", "fps"],
)
def test_what_does_not_fit_is_said_in_words(
    tmp_path: Path, features: dict[str, dict[str, object]], fps: int, words: str
) -> None:
    path = write(tmp_path, 100) / "pretrained_model"
    checkpoints.write_provenance(path, Provenance(fps=30, names={"observation.state": JOINTS, "action": JOINTS}))
    assert words in "; ".join(checkpoints.fit(checkpoints.read(path), features, fps=fps).problems)


def test_what_differs_without_harm_is_a_note(tmp_path: Path) -> None:
    checkpoint = checkpoints.read(write(tmp_path, 100))
    more = {**FEATURES, "observation.images.top": FEATURES["observation.images.wrist"]}
    found = checkpoints.fit(checkpoint, more)
    assert not found.problems
    assert found.notes == (
        "the policy does not look at top",
        "the checkpoint does not name its joints: they are taken in the bench's order",
    )
