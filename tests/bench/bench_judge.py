"""Whether a trained second judge judges new trials as he is said to: trained, then tried, on the simulated bench.

    uv run python -m tests.bench.bench_judge

By shell verbs, in a data folder of its own: trials of the scripted person at 50 %, judged by the oracle; a judge
trained on their last pictures; the same number of new trials with him as the second judge. Prints what was said of him
and how he did, and how long a look takes. Takes about five minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from services.folders import DataFolder
from services.judges.kept import judges, read, read_weights
from services.judges.looks import LAST, numbers_of
from services.log import logbook
from sessions.second_judge import seen_by_both
from sessions.statistics import wilson


def shell(home: str, *words: str) -> None:
    """Run a verb; what it prints is left out."""
    command = [sys.executable, "-P", "-m", "console", "--bench", "sim", *words]
    subprocess.run(command, check=True, env={**os.environ, "LAB_CONSOLE_HOME": home}, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print a line for each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--trials", type=int, default=40)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        trials = ("--checkpoint", "sim-scripted@0.5", "--task", "pick_place", "--trials", str(asked.trials))
        tried = ("eval", *trials, "--judge", "oracle", "--lockstep", "--trial-seconds", "8")
        shell(home, *tried, "--seed", "1")
        began = time.monotonic()
        shell(home, "judge", "bowl")
        print(f"trained in {time.monotonic() - began:.1f} s on {asked.trials} trials")
        shell(home, *tried, "--seed", "1000", "--second-judge", "bowl")
        folder = DataFolder(Path(home))
        trained = read(judges(folder) / "bowl").trained
        every, found = trained.successes + trained.failures, trained.successes_found + trained.failures_found
        print(f"cross-validated: right in {found} of {every}")
        both = seen_by_both(max(logbook.sessions(folder).sessions, key=lambda each: each.id).trials)
        right = sum(trial.second is trial.verdict for trial in both)
        low, high = wilson(right, len(both))
        print(f"new trials: right in {right} of {len(both)}: {100 * right / len(both):.0f} % "
              f"[{100 * low:.0f}, {100 * high:.0f}]")  # fmt: skip
        random = np.random.default_rng(1)
        shade = np.linspace(0, 150, trained.cameras[0].height).astype(np.uint8)[:, None, None]
        pictures = {
            seen.camera: list(random.integers(0, 100, (LAST, seen.height, seen.width, 3), dtype=np.uint8) + shade)
            for seen in trained.cameras
        }
        weights, took = read_weights(judges(folder) / "bowl", trained), []
        for _ in range(20):
            began = time.perf_counter()
            weights.calls_success(numbers_of(pictures, trained.cameras))
            took.append(1000 * (time.perf_counter() - began))
        print(f"a look at {LAST} pictures of {len(trained.cameras)} cameras: {np.median(took):.0f} ms")


if __name__ == "__main__":
    main()
