"""How often the interval of a trained judge's errors holds what he then does: `python -m tests.bench.judge_coverage`.

A line for each number of trials of either kind and each difference between them: his true error, and the coverage of
Wilson's interval where a cross-validated trial counts whole, as 0.7 of one, as half (what the console shows), as 0.35.
Takes about three minutes.
"""

from __future__ import annotations

import argparse

import numpy as np

from services.judges.classifier import cross_validated, fitted
from sessions.statistics.intervals import score
from tests.services.judges.test_classifier import trials

WEIGHTS = (1.0, 0.7, 0.5, 0.35)


def main() -> None:
    """Print the lines."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=60)
    asked = options.parse_args()
    for successes, failures in ((10, 14), (20, 30), (60, 60)):
        for differ in (0.5, 0.8, 1.2, 1.8):
            held: dict[float, list[bool]] = {weight: [] for weight in WEIGHTS}
            errors = []
            for seed in range(asked.runs):
                rows, won = trials(successes, failures, differ=differ, seed=seed)
                called = cross_validated(rows, won, ["a"] * len(won)).successes
                line = fitted(rows, won)
                more, truth = trials(400, 400, differ=differ, seed=5000 + seed)
                right = (more @ line.weights + line.bias > 0) == truth
                for kind, then, every in ((won, truth, successes), (~won, ~truth, failures)):
                    share, true = float((called == won)[kind].mean()), float(right[then].mean())
                    errors.append(1 - true)
                    for weight in WEIGHTS:
                        low, high = score(share, weight * every)
                        held[weight].append(low <= true <= high)
            shown = " ".join(f"{100 * np.mean(held[weight]):5.1f}" for weight in WEIGHTS)
            print(f"{successes:3} and {failures:3}, {differ}: errs in {100 * np.mean(errors):4.1f} %, held {shown} %")


if __name__ == "__main__":
    main()
