"""How often the intervals that a second judge's opinions give hold the truth.

`python -m tests.bench.second_judge_coverage`; one line a case: the policy's true rate, trials, how well the operator
and the second judge find successes and failures, from how many trials of either kind the latter is known (`exact`:
chosen), and the coverage of the policy's rate and of the operator's two shares, each meant to be 95 %, with the mean
width of the first. Then the same of a second judge who was trained on so many verdicts of this operator, errors and
all: coverage as the console shows it, and of the rate if those verdicts were taken for true. Of runs in which too few
trials of a kind are left, nothing is told, nor counted here. Takes about two minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from sessions.statistics.judging import Agreement, Judge, Worthless
from sessions.statistics.second_opinions import Told, doubted, told
from tests.sessions.statistics.test_second_opinions import estimated, table

FEW = 2.0
RATES, TRIALS = (0.1, 0.5, 0.9), (20, 60, 200)


def tell(how: Callable[..., Told | None], tables: Sequence[Agreement], second: Judge) -> Told | None:
    """What the console would tell; None where it tells nothing."""
    try:
        found = how(tables, second)
    except Worthless:
        return None
    enough = found is not None and min(found.successes_seen, found.failures_seen) >= FEW
    return found if enough and found and found.rates[0] else None


def holds(found: Told, truth: float, own: tuple[float, float]) -> list[bool]:
    """Whether the rate's interval and those of the operator's two shares do."""
    shares = (found.rates[0], found.finds_success, found.finds_failure)
    return [s is not None and s.low <= true <= s.high for s, true in zip(shares, (truth, *own), strict=True)]


def known(runs: int, random: np.random.Generator) -> None:
    """A second judge whose errors are exact, or counted against the truth."""
    least = []
    for truth, trials, own, (finds, rejects), seen in product(
        RATES, TRIALS, ((0.95, 0.85), (1.0, 1.0)), ((0.9, 0.85), (0.97, 0.97)), (15, 50, None)
    ):
        held, wide, second = [], [], Judge(finds, rejects)
        for _ in range(runs):
            tables = [table(random, each, trials, own, second) for each in (truth, 0.5)]
            if found := tell(told, tables, estimated(random, second, seen)):
                held.append(holds(found, truth, own))
                wide += [rate.high - rate.low for rate in found.rates[:1] if rate]
        least.append(np.mean(held, axis=0))
        shown = " ".join(f"{100 * each:5.1f}" for each in least[-1])
        how = seen or "exact"
        print(f"{truth} {trials:3} {own} {(finds, rejects)} {how:>5}: {shown} %, width {np.mean(wide):.2f}")
    print(f"least {100 * np.min(least):.1f} %, mean {100 * np.mean(least):.1f} %, of {runs} runs each")


def trained(runs: int, random: np.random.Generator) -> None:
    """A second judge whose errors were counted against verdicts that this operator had given with his own errors."""
    least, without = [], []
    for truth, trials, own, (finds, rejects), on in product(
        RATES, TRIALS, ((0.95, 0.85), (0.97, 0.97)), ((0.9, 0.85), (0.97, 0.97)), (40, 100)
    ):
        held, plain, second = [], [], Judge(finds, rejects)
        for _ in range(runs):
            then = table(random, 0.5, on, own, second)
            successes, failures = then.both + then.operator_only, then.second_only + then.neither
            counted = Judge(then.both / successes, then.neither / failures, successes, failures)
            tables = [table(random, truth, trials, own, second)]
            if (found := tell(doubted, tables, counted)) and (straight := tell(told, tables, counted)):
                held.append(holds(found, truth, own))
                plain.append(holds(straight, truth, own)[0])
        if len(held) < runs / 2:
            continue
        least.append(np.mean(held, axis=0))
        without.append(np.mean(plain))
        shown = " ".join(f"{100 * each:5.1f}" for each in least[-1])
        print(f"{truth} {trials:3} {own} {(finds, rejects)} trained on {on:3}: {shown} %; else {100 * without[-1]:.1f}")
    rate = f"{100 * np.min(np.array(least)[:, 0]):.1f}"
    print(f"least {100 * np.min(least):.1f} %, of the rate {rate} %, where it is told in half of {runs} runs; "
          f"of the rate if the verdicts were taken for true {100 * np.min(without):.1f} %")  # fmt: skip


def main() -> None:
    """Print both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    known(asked.runs, np.random.default_rng(asked.seed))
    trained(asked.runs, np.random.default_rng(asked.seed))


if __name__ == "__main__":
    main()
