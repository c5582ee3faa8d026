"""What can be evaluated, before a worker starts; and what each key means."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from services.bench.profiles import Profile, load_benches
from services.checkpoints.checkpoint import Provenance, write_provenance
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.refusal import Refusal
from tests.support.runs import make_folder


def write_policy(
    folder: DataFolder, name: str = "cubes", *, camera: str = "", provenance: Provenance | None = None
) -> Path:
    """As much of a pretrained policy as is looked at without torch."""
    path = folder.outputs / "train" / name / "checkpoints" / "000500" / "pretrained_model"
    path.mkdir(parents=True)
    inputs = {"observation.state": {"type": "STATE", "shape": [6]}}
    if camera:
        inputs[f"observation.images.{camera}"] = {"type": "VISUAL", "shape": [3, 480, 640]}
    config = {"type": "act", "input_features": inputs, "output_features": {"action": {"type": "ACTION", "shape": [6]}}}
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    write_provenance(path, provenance or Provenance())
    return path


def bench(name: str = "sim") -> Profile:
    return load_benches(built_in=True).pick(name)


def test_a_plan_takes_what_the_checkpoint_and_the_bench_know(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    path = write_policy(folder, provenance=Provenance(session="20260217-142000-abcd", fps=15))
    request = evaluation.plan(folder, bench(), checkpoint=str(path), task="pick_place", trials=20)
    assert request.task == "Pick up the cube and place it in the bowl"
    assert (request.dataset, request.trained_in, request.fps) == ("rollout_cubes_000500", "20260217-142000-abcd", 15)
    assert (request.trials, request.trial_seconds) == (20, bench().recording.episode_seconds)


def test_each_evaluation_of_a_checkpoint_gets_a_dataset_of_its_own(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    path = write_policy(folder, "bowl (v2) über")
    names = []
    for _ in range(3):
        request = evaluation.plan(folder, bench(), checkpoint=str(path), task="x")
        names.append(request.dataset)
        (folder.datasets / request.dataset).mkdir()
    assert names == ["rollout_bowl_v2_ber_000500", "rollout_bowl_v2_ber_000500-2", "rollout_bowl_v2_ber_000500-3"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"checkpoint": "nowhere"}, "NAME or NAME@STEP of a training, or a session's id"),
        ({"task": " "}, "a task is needed"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"trials": 2**64}, "trials must be at most 1000000000, not 1.84467e"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"trial_seconds": 0.0}, "trial seconds must be at least 0.0667"),
        ({"trial_seconds": float("nan")}, "trial seconds must be at least"),
        ({"judge": "anna"}, "--judge knows oracle only"),
        ({"dataset": "cubes"}, "must begin with rollout_"),
        ({"dataset": "rollout_a b"}, "holds ' '"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_words(tmp_path: Path, options: dict[str, object], words: str) -> None:
    folder = make_folder(tmp_path)
    asked = {"checkpoint": str(write_policy(folder)), "task": "x", **options}
    with pytest.raises(Refusal) as refusal:
        evaluation.plan(folder, bench(), **asked)  # type: ignore[arg-type]
    assert words in str(refusal.value)


def test_a_camera_that_the_bench_lacks_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    path = write_policy(folder, camera="top")
    with pytest.raises(Refusal, match="the policy needs camera top; this bench has overhead, wrist"):
        evaluation.plan(folder, bench(), checkpoint=str(path), task="x")
    with pytest.raises(Refusal, match="the policy needs camera top; this bench has no camera"):
        evaluation.plan(folder, bench("sim-state"), checkpoint=str(path), task="x")


def test_the_loop_runs_as_fast_as_the_policy_learnt_whatever_the_bench_records_at(tmp_path: Path) -> None:
    folder, profile = make_folder(tmp_path), bench()
    path = str(write_policy(folder, camera="wrist", provenance=Provenance(fps=50)))
    assert evaluation.plan(folder, profile, checkpoint=path, task="x").fps == 50
    look = evaluation.inspect(folder, profile, path)
    slow = "camera wrist gives 30 pictures a second, and the loop runs at 50 Hz: some are seen twice"
    assert (look.problem, look.notes) == ("", (slow,))


@pytest.mark.parametrize("fps", [-30, 1000])
def test_a_rate_that_no_loop_runs_at_is_refused(tmp_path: Path, fps: int) -> None:
    folder = make_folder(tmp_path)
    path = str(write_policy(folder, provenance=Provenance(fps=fps)))
    with pytest.raises(Refusal, match=f"learnt at {fps} Hz: a control loop runs at 1 to 240 Hz"):
        evaluation.plan(folder, bench(), checkpoint=path, task="x")


def test_a_look_names_the_task_as_the_bench_does(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    known, other = "Pick up the cube and place it in the bowl", "Stack the cubes"
    for number, (tasks, name) in enumerate((((known,), "pick_place"), ((other, known), other), ((), ""))):
        path = write_policy(folder, f"run{number}", camera="wrist", provenance=Provenance(tasks=tasks))
        look = evaluation.inspect(folder, bench(), str(path))
        assert look.checkpoint is not None and (look.checkpoint.path, look.task, look.problem) == (path, name, "")
    assert "there is no 'nowhere'" in evaluation.inspect(folder, bench(), "nowhere").problem


def test_oracle_and_lockstep_belong_to_the_simulated_bench(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    real = msgspec.structs.replace(bench(), sim=None)
    path = str(write_policy(folder))
    with pytest.raises(Refusal, match="the oracle judges on the simulated bench only: use the screen"):
        evaluation.plan(folder, real, checkpoint=path, task="x", judge="oracle")
    with pytest.raises(Refusal, match="lockstep drives the simulated bench only"):
        evaluation.plan(folder, real, checkpoint=path, task="x", lockstep=True)
    assert evaluation.plan(folder, bench(), checkpoint=path, task="x", judge="oracle", lockstep=True).judge == "oracle"
