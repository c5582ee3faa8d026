"""What a preflight finds in data and checkpoints that are not this console's: honest, never hung, whole reasons."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.checkpoints.checkpoint import ACTION, Checkpoint, Provenance, read_provenance
from services.checkpoints.preprocessor import Preprocessor, read_preprocessor
from services.checkpoints.safetensors import shapes
from services.evaluation.preflight.checks import checks
from services.evaluation.preflight.facts import DEGREES, Live, Reference, Setting
from services.evaluation.preflight.open_loop import Asked, learnt, open_loop_checks
from services.workers.preflight import preflight, serve
from services.workers.preflight.preflight import DataReading
from services.workers.preflight.reading import (
    Ask,
    Reply,
    Request,
    Wanted,
    decode_reply,
    decode_request,
    encode,
    read,
    show,
)
from services.workers.preflight.recorded_frames import Shown
from services.workers.preflight.reference import read_reference
from services.workers.preflight.training_data import TrainingData
from sessions.preflight import Check, Level
from sessions.requests import EvalRequest
from tests.support.evaluating import state_bench
from tests.support.foreign import camera, edit_json, hashes, make, named_by_group, vector

TOP = {"observation.images.top": "top"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    features = {"observation.state": vector(), "action": vector(), "observation.images.top": camera()}
    return make(tmp_path_factory.mktemp("made") / "other", features)


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy, which the preflight leaves as it is."""
    yield Path(shutil.copytree(made, tmp_path / "other"))


def in_this_process(request: Request, _limit_s: float) -> Reply:
    """As the reading process would answer."""
    return decode_reply(serve.answer(decode_request(encode(request))))


def looked_at(path: Path, root: Path | None = None) -> tuple[Reference, TrainingData | None]:
    """What the preflight knows of a policy at `path`; fails where it waits for something."""
    known = Provenance(dataset_root=str(root)) if root else Provenance()
    checkpoint, found = Checkpoint(path=path, policy="act", provenance=known), list[object]()
    reads = threading.Thread(
        target=lambda: found.append(read_reference(checkpoint, TOP, str(path), in_this_process)), daemon=True
    )
    reads.start()
    reads.join(10)
    assert found, "it waits"
    return found[0]  # type: ignore[return-value]


def test_the_process_that_reads_answers_what_this_one_would(data: Path) -> None:
    def asked(ask: Ask | None) -> tuple[object, object]:
        found = read(data, (), ("top",), ask)
        values = {(e.number, key): v.tolist() for e in found.episodes for key, v in e.values.items()}
        looks = {
            name: [(each.fields.tolist(), each.sharpness) for each in slot.looks] for name, slot in found.slots.items()
        }
        return (found.fps, found.names, found.tasks, found.unseen, values), looks

    assert asked(None) == asked(in_this_process)
    wanted = [
        Wanted(episode=n, camera=camera, width=32, height=24, frames=(0, 3)) for n in (0, 1) for camera in ("top", "no")
    ]
    top, other = show(data, wanted)[:2]
    assert [picture.shape for picture in top] == [(24, 32, 3)] * 2  # type: ignore[union-attr]
    assert other == []


def of(name: str, reference: Reference, **live: object) -> Check:
    bench = Live(**{"task": "Pick the cube", "fps": 30.0, **live})  # type: ignore[arg-type]
    return next(check for check in checks(reference, bench) if check.name == name)


def one(pattern: str) -> Callable[[Path], Path]:
    return lambda root: next(iter(root.glob(pattern)))


@pytest.mark.parametrize(
    ("pattern", "read"),
    [("meta/info.json", False), ("meta/episodes/*/*.parquet", False), ("data/*/*.parquet", False),
     ("videos/*/*/*.mp4", True), ("meta/tasks.parquet", True)],
)  # fmt: skip
def test_a_pipe_in_the_place_of_a_file_of_the_data_is_not_waited_for(data: Path, pattern: str, read: bool) -> None:
    path = one(pattern)(data)
    path.unlink()
    os.mkfifo(path)
    reference, _ = looked_at(data, data)
    assert bool(reference.problem) is not read
    assert pattern != "videos/*/*/*.mp4" or "Not a file" in reference.unseen["top"]


def test_a_pipe_beside_a_policy_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("train_config.json", "lab-console.json", "policy_preprocessor.json", "some.safetensors"):
        os.mkfifo(tmp_path / name)
    assert "does not say" in looked_at(tmp_path)[0].problem
    assert read_provenance(tmp_path) == Provenance()
    assert read_preprocessor(tmp_path) == Preprocessor()
    assert shapes(tmp_path / "some.safetensors") == {}


def cut(root: Path) -> None:
    path = one("data/*/*.parquet")(root)
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut, "Parquet magic bytes not found"),
        (lambda root: shutil.rmtree(root / "meta/episodes"), "meta/episodes has no row of 0"),
        (lambda root: (root / "meta/info.json").write_text("{"), "meta/info.json is missing, or no JSON"),
        (lambda root: edit_json(root / "meta/info.json", lambda i: i.update(codebase_version="v2.1")), "version 2.1"),
    ],
)
def test_data_that_cannot_be_read_are_not_checked_with_the_whole_reason(
    data: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(data)
    before = hashes(data)
    reference, read = looked_at(data, data)
    assert read is None and says in reference.problem
    assert of("training data", reference).level is Level.UNCHECKED
    assert hashes(data) == before


def test_states_that_are_no_numbers_hide_no_joint_that_is_outside_of_the_data(data: Path) -> None:
    path = one("data/*/*.parquet")(data)
    table = pq.read_table(path)
    states = np.array(table["observation.state"].to_pylist(), np.float32)
    states[3, 0] = np.nan
    column = table.schema.get_field_index("observation.state")
    field = table.schema.field(column)
    pq.write_table(table.set_column(column, field, pa.array(states.tolist(), field.type)), path)
    reference, _ = looked_at(data, data)
    pose = {"shoulder_pan": 170.0, "shoulder_lift": 1.0, "elbow_flex": 2.0}
    check = of("pose", reference, pose=pose)
    assert check.level is Level.WARNING and "shoulder_pan at 170.0" in check.found


def test_recorded_actions_that_are_no_numbers_are_not_blamed_on_the_policy() -> None:
    recorded = np.zeros((4, 2), np.float32)
    recorded[2, 1] = np.nan
    asked = [Asked(0, 0, np.zeros((4, 2), np.float32), recorded, recorded[0], 5.0)]
    own, _ = open_loop_checks(asked, learnt(("a", "b"), [recorded]), steps=4, fps=30)
    assert own.level is Level.UNCHECKED and "no numbers" in own.found


def test_a_policy_that_gives_no_numbers_has_no_good_seams_and_a_reading_that_is_none_is_not_within_the_range() -> None:
    none, zeros = np.full((4, 2), np.nan, np.float32), np.zeros((4, 2), np.float32)
    asked = [Asked(0, at, none, zeros, zeros[0], 5.0) for at in (0, 4)]
    found = open_loop_checks(asked, learnt(("a", "b"), [zeros]), steps=4, fps=30)
    assert [check.level for check in found if check.name in ("own data", "seams")] == [Level.BAD]
    data = Reference(low={"elbow_flex": -10.0}, high={"elbow_flex": 10.0})
    assert of("pose", data, pose={"elbow_flex": float("nan")}).level is Level.WARNING


def test_an_encoders_ticks_are_not_taken_for_degrees() -> None:
    ticks = Reference(low={"elbow_flex": 812.0}, high={"elbow_flex": 3100.0})
    assert of("units", ticks, setting=Setting(units=DEGREES)).level is Level.WARNING


def test_names_in_groups_are_the_joints_names(data: Path) -> None:
    named_by_group(data)
    reference, _ = looked_at(data, data)
    assert set(reference.low) == {"shoulder_pan", "shoulder_lift", "elbow_flex"}


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_policy_of_lerobots_own_training_is_compared_with_the_episodes_and_the_download_that_it_learnt_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    kept = tmp_path / "home/hub/datasets--me--other"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / (revision or "v3.0")).write_text("a" * 40)
    shutil.copytree(data, kept / "snapshots" / ("a" * 40))
    (kept / "snapshots" / ("b" * 40)).mkdir()
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path / "home"))
    policy = tmp_path / "policy"
    policy.mkdir()
    told = {"dataset": {"repo_id": "me/other", "root": None, "revision": revision, "episodes": [1, 2]}}
    (policy / "train_config.json").write_text(json.dumps(told))
    reference, read = looked_at(policy)
    assert not reference.problem and read is not None
    assert [episode.number for episode in read.episodes] == [1, 2]
    assert min(episode.values[ACTION].min() for episode in read.episodes) > 5, "episode 0 is not among them"


class _Stalled(DataReading):
    """On a disk that never answers."""

    def run(self) -> None:
        Event().wait()


def test_data_on_a_disk_that_does_not_answer_are_not_checked_and_trials_wait_for_them_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "READING_S", 0.05)
    stalled = _Stalled(Checkpoint(path=tmp_path, policy="act"), Shown({}, {}), str(tmp_path))
    stalled.start()
    source: Any = SimpleNamespace(policy=SimpleNamespace(loaded=None))
    profile, root = state_bench(), str(tmp_path)
    request = EvalRequest(data_dir=root, profile=profile, task="pick", checkpoint="x", fps=30, dataset="d", trials=1)
    made = preflight.Preflight(request, [(source, stalled)], Setting()).run({}, {})
    assert made.checks[0].level is Level.UNCHECKED and "not read within" in made.checks[0].found
