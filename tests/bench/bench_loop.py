"""The whole loop by shell verbs alone: demonstrations, a policy trained on them, trials judged by the oracle.

    uv run python -m tests.bench.bench_loop [--bench so101-sim-state] [--episodes 50] [--steps 3000] [--trials 40]
        [--data-dir DIR] [--set ...]

Runs `lab-console record`, `train` and `eval` on the built-in bench `sim-state` (joints and the cube's pose, no
pictures) in lockstep, or on `so101-sim-state` (the same through LeRobot's own drivers, over emulated servos) in real
time, each verb in its own process, in a fresh data folder. Prints what each took, the training's loss, and
the success rate with its interval. Targets: training at most 20 minutes on two cores, at least 85 % of 40 trials.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.log.headline import rate
from sessions.models import Verdict

TASK = "pick_place"
DATASET, RUN = "loop", "act_loop"
BATCH, STEPS = 32, 3000
LEARNING_RATE = 0.0005
POLICY = (
    "policy.chunk_size=30", "policy.n_action_steps=15", "policy.dim_model=128", "policy.n_heads=4",
    "policy.dim_feedforward=512", "policy.n_encoder_layers=2", "policy.n_decoder_layers=1", "policy.use_vae=false",
    "policy.dropout=0", "policy.device=cpu",
)  # fmt: skip
"""A small ACT: half a million parameters."""
TRAIN_SEED, EVAL_SEED = 7, 1000
"""Seeds of the cube's places, which differ between demonstrations and trials."""
TARGET_S, TARGET_RATE = 20 * 60, 0.85


def optimizer(steps: int) -> tuple[str, ...]:
    """AdamW with LeRobot's warm-up and cosine decay, instead of the policy's own preset."""
    return (
        "use_policy_training_preset=false", "optimizer.type=adamw", f"optimizer.lr={LEARNING_RATE}",
        "optimizer.weight_decay=0.0001", "scheduler.type=cosine_decay_with_warmup",
        f"scheduler.num_warmup_steps={max(1, steps // 50)}", f"scheduler.num_decay_steps={steps}",
        f"scheduler.peak_lr={LEARNING_RATE}", f"scheduler.decay_lr={LEARNING_RATE / 100}",
    )  # fmt: skip


@dataclass(frozen=True)
class Lab:
    """`lab-console` on one data folder."""

    root: Path
    quiet: bool
    bench: str = "sim-state"

    @property
    def pace(self) -> list[str]:
        """Servos have a time of their own."""
        return ["--lockstep"] if self.bench == "sim-state" else []

    def run(self, *arguments: str) -> float:
        """Run one verb to its end; returns the seconds it took. Raises SystemExit if it fails."""
        command = [sys.executable, "-m", "console", "--data-dir", str(self.root), "--bench", self.bench, *arguments]
        began = time.monotonic()
        output = subprocess.DEVNULL if self.quiet else None
        done = subprocess.run(command, stdout=output, env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=False)
        if done.returncode:
            raise SystemExit(f"`lab-console {arguments[0]}` left with status {done.returncode}")
        return time.monotonic() - began

    def session(self, kind: str) -> dict[str, Any]:
        """The newest session of a kind, from `sessions --json`."""
        command = [sys.executable, "-m", "console", "--data-dir", str(self.root), "sessions", "--kind", kind, "--json"]
        sessions: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return sessions[0]


def record(lab: Lab, episodes: int) -> None:
    """Record the scripted leader's demonstrations."""
    flags = ["--dataset", DATASET, "--task", TASK, "--episodes", str(episodes), "--seed", str(TRAIN_SEED)]
    took = lab.run("record", *flags, *lab.pace, "--reset-seconds", "0")
    frames = sum(e["frames"] for e in lab.session("record")["episodes"])
    print(f"record   {took:6.0f} s   {episodes} episodes, {frames:,} frames", flush=True)


def train(lab: Lab, steps: int, batch: int, settings: list[str]) -> None:
    """Train once with the options above; `settings` override them."""
    flags = ["--dataset", DATASET, "--policy", "act", "--steps", str(steps), "--batch-size", str(batch), "--name", RUN]
    sets = [f"--set={text}" for text in (*POLICY, *optimizer(steps), *settings)]
    took = lab.run("train", *flags, "--save-freq", str(steps), *sets)
    training = lab.session("train")["training"]
    metrics, parameters = training["progress"]["metrics"], training["started"]["parameters"]
    pace = metrics.get("update_s", 0) + metrics.get("dataloading_s", 0)
    loss = f"loss {metrics['loss']:.4f}, {1000 * pace:.0f} ms a step, {parameters:,} parameters"
    print(f"train    {took:6.0f} s   {steps:,} steps, {loss} (target {TARGET_S} s)", flush=True)


def evaluate(lab: Lab, trials: int) -> float:
    """Run seeded trials, judged by the oracle; returns the success rate."""
    checkpoint = lab.root / "outputs" / "train" / RUN
    flags = ["--checkpoint", str(checkpoint), "--task", TASK, "--trials", str(trials), "--seed", str(EVAL_SEED)]
    took = lab.run("eval", *flags, "--judge", "oracle", *lab.pace)
    trials_done = lab.session("eval")["trials"]
    successes = sum(t["verdict"] == Verdict.SUCCESS.value for t in trials_done)
    print(f"eval     {took:6.0f} s   {trials} trials: {successes} placed, {rate(successes, trials)}", end="")
    print(f" (target {TARGET_RATE:.0%})")
    for trial in trials_done:
        if trial["verdict"] != Verdict.SUCCESS.value:
            print(f"           trial {trial['index']}: {trial['verdict']}, ended by {trial['ended_by']}")
    return successes / trials


def main() -> None:
    """Close the loop once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="sim-state", choices=("sim-state", "so101-sim-state"))
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch-size", type=int, default=BATCH)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--data-dir", type=Path, help="keep everything here, and use a dataset or training found here")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--verbose", action="store_true", help="show the verbs' output")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loop-", ignore_cleanup_errors=True) as folder:
        lab = Lab((options.data_dir or Path(folder)).resolve(), not options.verbose, options.bench)
        if not (lab.root / "datasets" / DATASET).exists():
            record(lab, options.episodes)
        if not (lab.root / "outputs" / "train" / RUN).exists():
            train(lab, options.steps, options.batch_size, options.settings)
        evaluate(lab, options.trials)


if __name__ == "__main__":
    main()
