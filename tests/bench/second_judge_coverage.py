"""How often the intervals that a second judge's opinions give hold the truth.

`python -m tests.bench.second_judge_coverage`; one line a case: the policy's true rate, trials, how well the operator
and the second judge find successes and failures, from how many trials of either kind the latter is known (`exact`:
chosen), and the coverage of the policy's rate and of the operator's two shares, each meant to be 95 %, with the mean
width of the first. Takes about a minute.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np

from sessions.statistics.judging import Judge, Worthless
from sessions.statistics.second_opinions import told
from tests.sessions.statistics.test_second_opinions import estimated, table


def main() -> None:
    """Print the cases and, last, the least and the mean coverage."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    random = np.random.default_rng(asked.seed)
    rows = []
    cases = product((0.1, 0.5, 0.9), (20, 60, 200), ((0.95, 0.85), (1.0, 1.0)), ((0.9, 0.85), (0.97, 0.97)),
                    (15, 50, None))  # fmt: skip
    for truth, trials, own, (finds, rejects), seen in cases:
        held, wide = [], []
        for _ in range(asked.runs):
            second = Judge(finds, rejects)
            tables = [table(random, each, trials, own, second) for each in (truth, 0.5)]
            try:
                found = told(tables, estimated(random, second, seen))
            except Worthless:
                continue
            if found is None or min(found.successes_seen, found.failures_seen) < 2 or not (rate := found.rates[0]):
                continue
            shares = (rate, found.finds_success, found.finds_failure)
            held.append([share.low <= true <= share.high for share, true in zip(shares, (truth, *own), strict=True)])
            wide.append(rate.high - rate.low)
        rows.append(np.mean(held, axis=0))
        shown = " ".join(f"{100 * each:5.1f}" for each in rows[-1])
        known = seen or "exact"
        print(f"{truth} {trials:3} {own} {(finds, rejects)} {known:>5}: {shown} %, width {np.mean(wide):.2f}")
    print(
        f"least {100 * np.min(rows):.1f} %, mean {100 * np.mean(rows):.1f} %, noise of one {150 / asked.runs**0.5:.1f}"
    )


if __name__ == "__main__":
    main()
