"""The verbs that train and evaluate, as a script and as a person at a terminal use them, with real workers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from console.__main__ import main
from services.folders import RunFolder
from services.live.event_log import is_live
from services.live.phases import Phase
from services.live.running import live_runs
from sessions.models import SessionStatus
from tests.journeys.test_shell import ROOT, lab
from tests.support import trainings
from tests.support.evaluating import checkpoint
from tests.support.foreign import hashes
from tests.support.rig import Rig, gone, wait_until
from tests.support.terminal import Terminal

TINY = [f"--set={text}" for text in trainings.TINY]
TRAIN = ["train", "--dataset", "cubes", "--policy", "act", "--batch-size", "2", "--log-freq", "1", *TINY]
STATE = ["--bench", "sim-state"]
EVAL = [*STATE, "eval", "--task", "pick_place", "--trial-seconds", "0.5"]
ORACLE = ["--judge", "oracle", "--lockstep", "--seed", "1"]


def listed(rig: Rig, kind: str) -> dict[str, Any]:
    told: list[dict[str, Any]] = json.loads(lab(rig, "sessions", "--kind", kind, "--json").stdout)
    return told[0]


def here(rig: Rig, *arguments: str) -> int:
    """The verb in this process, whose workers start in a moment; its exit status."""
    return main(["--data-dir", str(rig.folder.root), *arguments])


def newest(rig: Rig) -> RunFolder:
    return rig.folder.run(max(p.name for p in rig.folder.runs.glob("*")))


def test_train_follows_a_training_to_its_end_and_scripts_read_what_came_of_it(quick_rig: Rig) -> None:
    rig = quick_rig  # a training that loads everything itself: tests/services/workers/training/test_supervisor.py
    trainings.make_dataset(rig.folder, rejected=[1])
    done = lab(rig, *TRAIN, "--steps", "4", "--save-freq", "2")
    assert done.returncode == 0, done.stderr
    assert "checkpoint 000002 saved" in done.stdout
    assert "finished: trained all 4 steps; loss" in done.stdout
    assert "\x1b" not in done.stdout, "plain lines where there is no terminal"
    session = listed(rig, "train")
    training = session["training"]
    assert (session["status"], session["bench"], training["progress"]["step"]) == ("finished", "", 4)
    assert [c["step"] for c in training["checkpoints"]] == [2, 4]
    assert (training["started"]["episodes"], training["started"]["episodes_total"]) == ([0, 2], 3)
    assert training["progress"]["metrics"]["loss"] > 0
    line = lab(rig, "sessions", "--kind", "train").stdout
    assert "act_cubes  4 steps  loss" in line and "2 checkpoints" in line


def test_eval_makes_the_trials_and_tells_each_verdict_and_the_tally(rig: Rig) -> None:
    path = checkpoint(rig)
    done = lab(rig, *EVAL, *ORACLE, "--checkpoint", str(path), "--trials", "2", "--condition", "lamp off")
    assert done.returncode == 0, done.stderr
    assert "trial 1: failure (oracle, 0.5 s)" in done.stdout
    assert "finished: 0 success 2 failure 0 % [0, 66]; the motion is in dataset rollout_tiny_000010" in done.stdout
    session = listed(rig, "eval")
    assert session["training"] is None
    keys = ("index", "verdict", "ended_by", "episode_index", "condition")
    assert [[t[k] for k in keys] for t in session["trials"]] == [
        [1, "failure", "time", 0, "lamp off"],
        [2, "failure", "time", 1, "lamp off"],
    ]
    assert "tiny @ 000010  0 success 2 failure 0 % [0, 66]" in lab(rig, "sessions", "--kind", "eval").stdout


def test_a_hold_from_another_terminal_leaves_the_arm_holding_and_the_trial_to_a_person(quick_rig: Rig) -> None:
    rig = quick_rig
    asked = [*STATE, "eval", "--task", "pick_place", "--trial-seconds", "60", "--checkpoint", str(checkpoint(rig))]
    asked += ["--trials", "1", "--judge", "oracle"]
    command = [*rig.console, "--data-dir", str(rig.folder.root), *asked]
    verb = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: bool(live_runs(rig.folder)), 30)
        run = live_runs(rig.folder)[0]
        wait_until(lambda: rig.snapshot(run).phase is Phase.RUNNING, 90)
        assert lab(rig, "hold").returncode == 0
        _, said = verb.communicate(timeout=30)
    finally:
        verb.kill()
    assert verb.returncode == 1
    assert "the arm holds: lab-console hold, and trial 1 waits for its verdict by a person" in said
    assert f"session {run.id} goes on" in said
    assert is_live(run) and rig.snapshot(run).phase is Phase.HELD


def test_ctrl_c_on_train_stops_with_a_checkpoint(quick_rig: Rig) -> None:
    rig = quick_rig
    trainings.make_dataset(rig.folder)
    command = [*rig.console, "--data-dir", str(rig.folder.root), *TRAIN, "--steps", "100000"]
    terminal = Terminal(command, cols=160, cwd=ROOT)
    try:
        terminal.wait_for("/100,000  loss", 90)
        terminal.press("ctrl+c")
        assert terminal.wait(60) == 130
        assert "a checkpoint is saved after this step" in terminal.text
        assert "at step" in terminal.text and "finished" not in terminal.text
        assert terminal.text.count("checkpoint saved") == 1, "said once"
    finally:
        terminal.close()
    state = rig.snapshot(newest(rig))
    assert state.status is SessionStatus.FINISHED, "as by S on the screen"
    assert state.training is not None
    assert [c.step for c in state.training.checkpoints] == [state.training.step]


def test_a_killed_training_is_said_with_the_last_lines_of_its_log(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill() -> None:
        wait_until(lambda: any(quick_rig.snapshot(run).training for run in live_runs(quick_rig.folder)), 60)
        quick_rig.close()

    trainings.make_dataset(quick_rig.folder)
    killer = threading.Thread(target=kill)
    killer.start()
    assert here(quick_rig, *TRAIN, "--steps", "100000") == 1
    killer.join()
    run, said = newest(quick_rig), capsys.readouterr().err
    assert f"session {run.id} crashed: the worker vanished without an end" in said
    assert f"the whole log is {run.log}" in said


def test_attach_without_a_terminal_follows_a_training(quick_rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    trainings.make_dataset(quick_rig.folder)
    run = trainings.train(quick_rig.folder, steps=6, save_freq=3)
    wait_until(lambda: is_live(run), 30)
    assert here(quick_rig, "attach", run.id[:-2]) == 0
    said = capsys.readouterr().out
    assert "checkpoint 000003 saved" in said
    assert "ended: trained all 6 steps" in said
    wait_until(gone(run))
    assert here(quick_rig, *EVAL, *ORACLE, "--checkpoint", run.id, "--trials", "1") == 2
    wrong = "does not fit bench sim-state: the policy's observation.state names other values"
    assert wrong in capsys.readouterr().err and newest(quick_rig).id == run.id, "nothing was started"


def test_a_worker_that_ends_by_itself_gives_the_verb_its_reason(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab.toml").write_text('[bench.odd.robot]\ntype = "no_such_arm"\n[bench.odd.sim]\n')
    monkeypatch.chdir(tmp_path)
    asked = ["eval", "--task", "x", *ORACLE, "--checkpoint", str(checkpoint(quick_rig)), "--trials", "1"]
    assert here(quick_rig, *asked) == 1
    assert "no_such_arm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["train", "--dataset", "none", "--policy", "act", "--steps", "1"], 2, "there is no dataset none"),
        (["train", "--dataset", "../a", "--policy", "act", "--steps", "1"], 2, "dot"),
        (["train", "--dataset", "a", "--policy", "act"], 2, "required: --steps"),
        (["train", "--dataset", "a", "--policy", "act", "--steps", "many"], 2, "a whole number is needed, not 'many'"),
        (["eval", "--checkpoint", "a", "--task", "t", "--trials", "1"], 2, "press F5"),
        (["eval", "--checkpoint", "a", "--task", "t", "--trials", "1", "--judge", "oracle"], 2, "there is no 'a'"),
        (["eval", "--checkpoint", "a", "--task", "t", "--judge", "oracle"], 2, "required: --trials"),
    ],
)
def test_bad_usage_is_answered_with_a_sentence(rig: Rig, arguments: list[str], status: int, said: str) -> None:
    done = lab(rig, *arguments)
    assert said in done.stderr
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert not list(rig.folder.runs.glob("*"))


def test_what_cannot_be_trained_or_tried_is_refused_before_anything_starts(rig: Rig) -> None:
    trainings.make_dataset(rig.folder)
    path = str(checkpoint(rig))
    refused = {
        "the console sets that itself": [
            "train",
            "--dataset",
            "cubes",
            "--policy",
            "act",
            "--steps",
            "1",
            "--set=steps=2",
        ],
        "write KEY=VALUE": ["train", "--dataset", "cubes", "--policy", "act", "--steps", "1", "--set", "num_workers"],
        "did you mean act?": ["train", "--dataset", "cubes", "--policy", "atc", "--steps", "1"],
        "steps must be at least 1": ["train", "--dataset", "cubes", "--policy", "act", "--steps", "0"],
        "no camera 'top' to leave out": [*TRAIN, "--steps", "1", "--exclude-cameras", "top,wrist"],
        "--judge knows oracle only": [*EVAL, "--checkpoint", path, "--trials", "1", "--judge", "me"],
        "trials must be at least 1": [*EVAL, *ORACLE, "--checkpoint", path, "--trials", "0"],
        "must begin with rollout_": [*EVAL, *ORACLE, "--checkpoint", path, "--trials", "1", "--dataset", "cubes"],
    }
    for said, arguments in refused.items():
        done = lab(rig, *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not list(rig.folder.runs.glob("*"))


def test_lerobots_configuration_is_asked_for_printed_edited_and_taken_before_anything_begins(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, plain = quick_rig.folder, ["train", "--dataset", "cubes", "--policy", "act", "--steps", "1"]
    trainings.make_dataset(folder)
    before = hashes(folder.root)
    refused = {
        "--set policy.chunk_sise: LeRobot's policy act has no such key; did you mean policy.chunk_size?":
            ["--set", "policy.chunk_sise=4"],
        "--set dataset.eval_split: the console sets that itself (use --held-out)": ["--set=dataset.eval_split=0.5"],
        "the upper bound for the number of action steps": ["--set", "policy.chunk_size=4"],
        "nothing.json: there is no such file": ["--config", "nothing.json"],
    }  # fmt: skip
    for said, more in refused.items():
        assert here(quick_rig, *plain, *more) == 2
        assert said in capsys.readouterr().err
    assert here(quick_rig, *plain, *TINY, "--set", "seed=7", "--show-config") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seed"], shown["policy"]["chunk_size"], shown["steps"]) == (7, 4, 1)
    assert here(quick_rig, *plain, *TINY, "--check") == 0
    found, meanwhile = capsys.readouterr()
    assert "building the policy" in meanwhile and "taking a few steps that nobody keeps" in meanwhile
    for said in ("policy   act, ", "disk     1 checkpoint of ", "memory   about ", "s a step ("):
        assert said in found
    assert here(quick_rig, *plain, *TINY, "--set", "policy.n_heads=3", "--check") == 1
    assert "it would fail: " in capsys.readouterr().out
    assert hashes(folder.root) == before, "nothing is left behind"

    edited, wrong = tmp_path / "edited.json", tmp_path / "wrong.json"
    changed = {**shown, "seed": 8, "batch_size": 2, "log_freq": 1, "steps": 2, "output_dir": "/x", "num_workers": 0}
    edited.write_text(json.dumps(changed, indent=1))
    wrong.write_text(edited.read_text().replace('"chunk_size"', '"chunk_sise"'))
    assert here(quick_rig, "train", "--dataset", "cubes", "--config", str(wrong)) == 2
    said = capsys.readouterr().err
    line = wrong.read_text().splitlines().index('  "chunk_sise": 4,') + 1
    assert f"wrong.json, line {line}: policy.chunk_sise: LeRobot's policy has no such key; did you mean" in said
    assert hashes(folder.root) == before
    assert here(quick_rig, "train", "--dataset", "cubes", "--config", str(edited), "--set=seed=9", "--steps=3") == 0
    assert "does not take: output_dir (--name)" in capsys.readouterr().err
    session = listed(quick_rig, "train")
    assert {"seed=9", "policy.chunk_size=4"} <= set(session["started"]["request"]["settings"])
    config = json.loads(
        (folder.trainings / "act_cubes/checkpoints/last/pretrained_model/train_config.json").read_text()
    )
    assert (config["seed"], config["batch_size"], config["steps"]) == (9, 2, 3)
    assert config["output_dir"] == str(folder.trainings / "act_cubes")


def test_a_robot_bench_has_no_oracle(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text('[bench.arm.robot]\ntype = "so101_follower"\nport = "/dev/x"\n')
    asked = ["eval", "--checkpoint", "a", "--task", "t", "--trials", "1", "--judge", "oracle"]
    done = lab(rig, *asked, cwd=tmp_path)
    assert done.returncode == 2
    assert "bench arm is real, and the oracle judges on a simulated bench only" in done.stderr


@pytest.mark.parametrize("verb", ["train", "eval"])
def test_help_shows_an_example(verb: str) -> None:
    done = subprocess.run([sys.executable, "-m", "console", verb, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert re.search(rf"^examples?:\s+lab-console {verb} --", done.stdout, re.M), done.stdout
