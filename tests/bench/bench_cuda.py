"""What only a machine with a GPU shows, by the console's own verbs: the needs against what is used, pace, trials.

`python -m tests.bench.bench_cuda [--device cuda] [--steps N] [--batch-size N]`: records two demonstrations on the
simulated bench (two cameras of 640x480), asks `train --check` what a training of LeRobot's ACT in its full size needs,
trains it, resumes it, asks for a batch that is too large for any, and lets the checkpoint try the task on the same
device, in lockstep and in real time. Prints the sentences of the verbs and the figures of the log; it has no target.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DATASET, RUN = "cuda", "act_cuda"
FULL_SIZE = ("policy.pretrained_backbone_weights=null",)
"""LeRobot's ACT, 52 million parameters, without weights that only a hub has."""
TOO_MANY = 512
WITHIN_S = 120.0


class Lab:
    """`lab-console` on one data folder."""

    def __init__(self, root: Path, device: str) -> None:
        self.root, self.device = root, device
        self.settings = [f"--set={text}" for text in (*FULL_SIZE, f"policy.device={device}")]

    def run(self, *arguments: str) -> None:
        """One verb with what it says; it may fail."""
        print(f"$ lab-console {' '.join(a for a in arguments if not a.startswith('--set'))}", flush=True)
        began = time.monotonic()
        command = [sys.executable, "-m", "console", "--data-dir", str(self.root), "--bench", "sim", *arguments]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        try:
            status: int | str = subprocess.run(command, env=environment, check=False, timeout=WITHIN_S).returncode
        except subprocess.TimeoutExpired:
            status = "none: it was still at it"
        print(f"  status {status} after {time.monotonic() - began:.1f} s", flush=True)

    def sessions(self, kind: str) -> list[dict[str, Any]]:
        """The log's sessions of a kind, newest first."""
        command = [sys.executable, "-m", "console", "--data-dir", str(self.root), "sessions", "--kind", kind, "--json"]
        found: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return found


def main() -> None:
    """Go through it once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-cuda-", ignore_cleanup_errors=True) as place:
        lab = Lab(Path(place), options.device)
        lab.run("record", "--dataset", DATASET, "--task", "pick_place", "--episodes", "2", "--seed", "1", "--lockstep")
        train(lab, options.steps, options.batch_size)
        evaluate(lab)


def train(lab: Lab, steps: int, batch: int) -> None:
    """Needs, a training, its resumption, and one that cannot work."""
    common = ["--dataset", DATASET, "--policy", "act", *lab.settings, "--set=num_workers=4"]
    half = steps // 2
    sized = ["--steps", str(half), "--batch-size", str(batch), "--save-freq", str(half), "--log-freq", "10"]
    lab.run("train", *common, *sized, "--check")
    lab.run("train", *common, *sized, "--name", RUN)
    described(lab)
    lab.run("train", "--resume", RUN, "--steps", str(steps))
    described(lab)
    huge = ["--steps", "2", "--batch-size", str(TOO_MANY)]
    lab.run("train", *common, *huge, "--check")
    lab.run("train", *common, *huge, "--name", "act_huge")


def described(lab: Lab) -> None:
    """What the log keeps of the newest training."""
    training = lab.sessions("train")[0]["training"] or {}
    for name in ("started", "progress"):
        print(f"  {name}: {json.dumps(training.get(name))[:1500]}", flush=True)


def evaluate(lab: Lab) -> None:
    """Trials on the same device; what is measured of each."""
    asked = ["--checkpoint", RUN, "--task", "pick_place", "--trials", "2", "--trial-seconds", "6", "--judge", "oracle"]
    for pace in (["--lockstep", "--seed", "3"], ["--seed", "3"]):
        lab.run("eval", *asked, *pace)
        session = lab.sessions("eval")[0]
        print(f"  policy: {json.dumps(session.get('policy'))[:600]}")
        for trial in session["trials"]:
            print(f"  trial {trial['index']}: {trial['verdict']}, {json.dumps(trial.get('measured'))}", flush=True)


if __name__ == "__main__":
    main()
