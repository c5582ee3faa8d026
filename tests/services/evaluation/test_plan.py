"""What can be evaluated, before a worker starts; and what each key means."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.__main__ import main
from services.bench.profiles import Profile, load_benches
from services.bench.robots import MOTORS
from services.checkpoints.checkpoint import Provenance, write_provenance
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.live import launch
from services.refusal import Checks, Refusal
from sessions.bench import SIM_PORT
from tests.support.runs import make_folder

JOINTS = tuple(f"{motor}.pos" for motor in MOTORS)


def write_policy(
    folder: DataFolder,
    name: str = "cubes",
    *,
    camera: str = "",
    size: tuple[int, int] = (480, 640),
    state: int = 6,
    action: int = 6,
    cube: int = 0,
    provenance: Provenance | None = None,
) -> Path:
    """As much of a pretrained policy as is looked at without torch."""
    path = folder.outputs / "train" / name / "checkpoints" / "000500" / "pretrained_model"
    path.mkdir(parents=True)
    inputs: dict[str, Any] = {"observation.state": {"type": "STATE", "shape": [state]}}
    if camera:
        inputs[f"observation.images.{camera}"] = {"type": "VISUAL", "shape": [3, *size]}
    if cube:
        inputs["observation.environment_state"] = {"type": "ENV", "shape": [cube]}
    outputs = {"action": {"type": "ACTION", "shape": [action]}}
    config = {"type": "act", "input_features": inputs, "output_features": outputs}
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
        ({"dataset": "rollout_a b"}, "the name contains a space"),
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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"state": 7}, "the policy's observation.state has 7 values, this bench's 6 values"),
        ({"action": 5}, "the policy's action has 5 values, this bench's 6 values"),
        (
            {"names": ("waist.pos", *JOINTS[1:])},
            "observation.state names other values than this bench: waist.pos for shoulder_pan.pos",
        ),
        (
            {"camera": "wrist", "size": (240, 320)},
            "camera wrist gives 640x480, the policy was trained on 320x240: set its width and height in lab.toml",
        ),
        ({"cube": 5}, "the policy needs observation.environment_state (5 values), which this bench does not observe"),
    ],
)
def test_what_lab_toml_and_the_checkpoint_tell_is_refused_before_anything_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    folder = make_folder(tmp_path)
    names = options.pop("names", ())
    provenance = Provenance(fps=30, names=dict.fromkeys(("observation.state", "action"), names) if names else {})
    path = write_policy(folder, provenance=provenance, **options)
    with pytest.raises(Refusal, match=re.escape(words)):
        evaluation.plan(folder, bench(), checkpoint=str(path), task="x")
    assert words in evaluation.inspect(folder, bench(), str(path)).problem, "the form says so, too"
    monkeypatch.setattr(launch, "spawn", lambda *_: pytest.fail("a worker was started"))
    monkeypatch.chdir(tmp_path)
    verb = ["--data-dir", str(folder.root), "eval", "--checkpoint", str(path), "--task", "x", "--trials", "1"]
    assert main([*verb, "--judge", "oracle"]) == 2
    assert not list(folder.runs.glob("*"))


def test_a_two_armed_bench_is_compared_with_both_arms(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    arm = {"port": "/dev/none"}
    two = msgspec.structs.replace(
        bench(), sim=None, robot={"type": "bi_so_follower", "left_arm_config": arm, "right_arm_config": arm}
    )
    with pytest.raises(Refusal, match=r"observation.state has 6 values, this bench's 12 values"):
        evaluation.plan(folder, two, checkpoint=str(write_policy(folder, "one")), task="x")
    both = tuple(f"{side}_{name}" for side in ("left", "right") for name in JOINTS)
    provenance = Provenance(names=dict.fromkeys(("observation.state", "action"), both))
    path = write_policy(folder, "two", state=12, action=12, provenance=provenance)
    assert evaluation.plan(folder, two, checkpoint=str(path), task="x").checkpoint == str(path)


def test_what_only_the_devices_know_is_left_to_the_worker(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    other = msgspec.structs.replace(bench(), sim=None, robot={"type": "koch_follower", "cameras": {"top": {}}})
    path = write_policy(folder, camera="top", size=(240, 320), state=4, action=4)
    assert evaluation.plan(folder, other, checkpoint=str(path), task="x").checkpoint == str(path)


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
    ports = msgspec.structs.replace(bench(), robot=bench().robot | {"port": SIM_PORT})
    with pytest.raises(Refusal, match="LeRobot's drivers run in real time: leave --lockstep out"):
        evaluation.plan(folder, ports, checkpoint=path, task="x", lockstep=True)
    assert evaluation.plan(folder, bench(), checkpoint=path, task="x", judge="oracle", lockstep=True).judge == "oracle"


LONG = "Q" * 3000


@pytest.mark.parametrize("big", [LONG, "a," * 1500, "x180 y-60," * 300, "9" * 3000, "a=b," * 900, "host:" + "9" * 3000])
@pytest.mark.parametrize(
    "argument",
    ["checkpoint", "judge", "second_judge", "conditions", "order", "sequential", "camera_map", "left_out_cameras",
     "server", "server_path", "dataset"],
)  # fmt: skip
def test_no_refusal_repeats_a_very_long_text_whole(tmp_path: Path, argument: str, big: str) -> None:
    asked = {"checkpoint": "sim-scripted", "task": "pick_place", "conditions": "x180 y-60,x190 y-60", argument: big}
    checks = Checks(collect=True)
    evaluation.plan(DataFolder(tmp_path), load_benches(built_in=True).pick("sim"), **asked, checks=checks)  # type: ignore[arg-type]
    assert checks.refused and max(map(len, checks.refused.values())) < 700


@pytest.mark.parametrize("argument", ["trials", "trial_seconds", "countdown", "seed", "order_seed"])
@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_number_without_an_end_is_refused_in_a_sentence(tmp_path: Path, argument: str, value: int) -> None:
    checks = Checks(collect=True)
    asked = {"checkpoint": "sim-scripted", "task": "pick_place", "conditions": "x180 y-60,x190 y-60", argument: value}
    evaluation.plan(DataFolder(tmp_path), load_benches(built_in=True).pick("sim"), **asked, checks=checks)  # type: ignore[arg-type]
    assert any(len(said) < 700 for said in checks.refused.values())
