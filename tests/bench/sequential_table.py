"""Expected trials and errors of ways to compare two policies, each asked after every pair. The table of README.

    uv run python -m tests.bench.sequential_table [--runs 20000]

All are to tell 76 from 90 % at 5 % with a power of 80 %. Seeds are fixed. Trials are of each arm. `pairs` is the rule
of sessions/statistics/sequential (its error and power are exact, without the simulation); `e-process` bets on the two
true rates, either way round, the best that any e-process of Turner, Ly and Gruenwald (Generic E-variables for exact
sequential k-sample tests, 2024) can do here; `Pocock` and `O'Brien-Fleming` look at the pooled z ten times, with
fieldtrial's boundaries for a normal statistic and the maximum that gives the power in this simulation.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
from fieldtrial.stats import constant_boundaries

from sessions.statistics.planning import exact_power, rejected, trials_per_arm
from sessions.statistics.sequential import chances, plan

LOW, HIGH, ALPHA, POWER = 0.76, 0.9, 0.05, 0.8
RATES = ((0.1, 0.1), (0.5, 0.5), (0.9, 0.9), (LOW, HIGH))

type Sums = npt.NDArray[np.int64]


def outcomes(first: float, second: float, most: int, runs: int, seed: int) -> Sums:
    """Successes so far, (2, most, runs)."""
    random = np.random.default_rng(seed)
    won = random.random((2, most, runs)) < np.array([first, second])[:, None, None]
    return np.cumsum(won, axis=1, dtype=np.int64)


def stopped(crossed: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Share of the runs that crossed, and the mean number of pairs, of (most, runs)."""
    most = len(crossed)
    when = np.where(crossed.any(axis=0), crossed.argmax(axis=0) + 1, most)
    return float(crossed.any(axis=0).mean()), float(when.mean())


def e_process(sums: Sums) -> npt.NDArray[np.bool_]:
    """Where the wealth is 1/alpha or more: half of it is bet on the first, half on the second being better."""
    won = np.diff(sums, axis=1, prepend=0)
    mean = (LOW + HIGH) / 2

    def grown(first: float, second: float) -> npt.NDArray[np.float64]:
        steps = [
            np.where(one == 1, np.log(rate / mean), np.log((1 - rate) / (1 - mean)))
            for one, rate in zip(won, (first, second), strict=True)
        ]
        made: npt.NDArray[np.float64] = np.cumsum(steps[0] + steps[1], axis=0)
        return made

    return np.asarray(np.logaddexp(grown(LOW, HIGH), grown(HIGH, LOW)) - np.log(2) >= np.log(1 / ALPHA))


def group_sequential(sums: Sums, shape: str) -> npt.NDArray[np.bool_]:
    """Where the pooled z crosses at one of ten looks."""
    most = sums.shape[1]
    looks = np.unique(np.ceil(np.arange(1, 11) * most / 10).astype(int))
    bounds = constant_boundaries(len(looks), alpha=ALPHA, shape=shape).boundaries  # type: ignore[arg-type]
    crossed = np.zeros(sums.shape[1:], dtype=bool)
    for look, bound in zip(looks, bounds, strict=True):
        first, second = sums[:, look - 1]
        rate = (first + second) / (2 * look)
        spread = np.sqrt(np.maximum(rate * (1 - rate) * 2 / look, 1e-12))
        crossed[look - 1] = np.abs(first - second) / look / spread >= bound
    return crossed


def boschloo_peeked(sums: Sums, most: int) -> npt.NDArray[np.bool_]:
    """Where Boschloo's test, made for a fixed number, rejects after each pair."""
    crossed = np.zeros((most, sums.shape[2]), dtype=bool)
    for pairs in range(1, most + 1):
        steps = rejected(pairs, ALPHA)
        first, second = sums[:, pairs - 1]
        crossed[pairs - 1] = (second < steps[first]) | (first < steps[second])
    return crossed


def least_most(runs: int, crossed: str) -> int:
    """The smallest maximum, in steps of 5 pairs, with which that design has the power in the simulation."""
    most = 100
    while True:
        sums = outcomes(LOW, HIGH, most, runs, seed=3)
        found = e_process(sums) if crossed == "e" else group_sequential(sums, crossed)
        if stopped(found)[0] >= POWER:
            return most
        most += 5


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    runs = parser.parse_args().runs
    fixed = trials_per_arm(LOW, HIGH, ALPHA, POWER)
    rule = plan(LOW, HIGH, ALPHA, POWER)
    print("| Way | most | called unlike at 10, 50, 90 % | power | trials if equal at 10, 50, 90 % | 76 against 90 % |")
    print("|---|---|---|---|---|---|")
    errors = [f"{100 * exact_power(fixed, p, q, ALPHA):.1f}" for p, q in RATES[:3]]
    print(line("fixed, Boschloo at the end", fixed, errors, exact_power(fixed, LOW, HIGH, ALPHA), [fixed] * 4, fixed))
    made = [chances(rule, *rates) for rates in RATES]
    errors = [f"{100 * (c.first + c.second):.1f}" for c in made[:3]]
    print(line("pairs (exact)", rule.most, errors, made[3].second, [c.pairs for c in made], fixed))
    ways = {"Pocock, 10 looks": "pocock", "O'Brien-Fleming, 10 looks": "obrien_fleming", "e-process": "e"}
    for name, kind in ways.items():
        most = least_most(runs // 2, kind)
        ends = []
        for seed, rates in enumerate(RATES, 100):
            sums = outcomes(*rates, most, runs, seed)
            ends.append(stopped(e_process(sums) if kind == "e" else group_sequential(sums, kind)))
        print(line(name, most, [f"{100 * e[0]:.1f}" for e in ends[:3]], ends[3][0], [e[1] for e in ends], fixed))
    ends = [
        stopped(boschloo_peeked(outcomes(*rates, fixed, runs // 4, seed), fixed))
        for seed, rates in enumerate(RATES, 200)
    ]
    errors = [f"{100 * e[0]:.1f}" for e in ends[:3]]
    print(line("Boschloo after each pair: not valid", fixed, errors, ends[3][0], [e[1] for e in ends], fixed))


def line(name: str, most: int, errors: list[str], power: float, trials: list[float], fixed: int) -> str:
    """One row."""
    equal = ", ".join(f"{t:.0f}" for t in trials[:3])
    saved = 100 * (trials[3] / fixed - 1)
    wrong = ", ".join(errors)
    return f"| {name} | {most} | {wrong} % | {100 * power:.0f} % | {equal} | {trials[3]:.0f} ({saved:+.0f} %) |"


if __name__ == "__main__":
    main()
