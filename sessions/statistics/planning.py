"""How many trials tell two rates apart with Boschloo's test, and what a number of trials can tell at most."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from sessions.statistics.exact import binomial, boschloo, fisher_greater, largest, staircase

MOST_PER_ARM = 1000
"""No plan is made for more trials of one arm: no bench makes them."""


class TooClose(ValueError):
    """Telling these rates apart needs more than MOST_PER_ARM trials of each arm."""


@lru_cache(maxsize=64)
def trials_per_arm(first: float, second: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """The smallest number of trials of each arm with which Boschloo's test at `alpha` has at least this `power`.

    The power is exact: all tables that the test rejects are summed. Where the arms are as unlike as that, the test then
    says so with that probability. As the power of an exact test goes up and down with the number of trials, a larger
    number may have a slightly smaller one. Raises ValueError for equal rates and what lies outside 0..1, TooClose.
    """
    check_plan(first, second, alpha, power)
    about = roughly_per_arm(first, second, alpha, power)
    if about > 1.1 * MOST_PER_ARM:
        raise TooClose(_too_close(first, second))
    start = max(1, int(0.85 * about) - 8)
    for trials in range(start, MOST_PER_ARM + 1):
        if _too_few(trials, first, second, alpha, power):
            continue
        if exact_power(trials, first, second, alpha) >= power:
            return trials
    raise TooClose(_too_close(first, second))


WIDER = (0.52, 0.54, 0.56, 0.6, 0.65, 0.75, 0.9)
"""Shares of alpha tried as Fisher's limit, to reject more than the test does, whose own is mostly 0.5 to 0.7."""
LOOKED_AT = np.linspace(0.02, 0.98, 25)
"""Common rates at which a wider region may be rejected too often."""


def _too_few(trials: int, first: float, second: float, alpha: float, power: float) -> bool:
    """Whether even a region that holds all that the test rejects has too little power: found without the test's own.

    The regions of Fisher's limits lie within each other, so one that is rejected too often at any common rate holds
    the test's. False says nothing.
    """
    fisher = fisher_greater(trials, trials)
    for share in WIDER:
        steps = staircase(fisher, share * alpha)
        if sum(_mass(steps, *rates) for rates in ((first, second), (second, first))) >= power:
            return False  # and so have those that are wider still
        counts = binomial(LOOKED_AT, trials)
        sums = np.concatenate((np.zeros((len(LOOKED_AT), 1)), np.cumsum(counts, axis=1)), axis=1)
        if 2 * np.einsum("ij,ij->i", counts, sums[:, steps]).max() > alpha * 1.000001:
            return True
    return False


def _too_close(first: float, second: float) -> str:
    return f"{first:g} and {second:g} are too close: more than {MOST_PER_ARM:,} trials of each would be needed"


def check_plan(first: float, second: float, alpha: float, power: float) -> None:
    """Raises ValueError where no plan can be made."""
    for rate in (first, second):
        if not 0 <= rate <= 1:
            raise ValueError(f"a success rate lies between 0 and 1, not at {rate:g}")
    if first == second:
        raise ValueError(f"two different success rates are needed, not {first:g} twice: no trials tell equals apart")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, not at {alpha:g}: 0.05 is usual")
    if not alpha < power < 1:
        raise ValueError(f"power lies between alpha ({alpha:g}) and 1, not at {power:g}: 0.8 is usual")


def roughly_per_arm(first: float, second: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """The same by the usual approximation, at once; for unlike rates and what `check_plan` lets pass.

    Source: J. L. Fleiss, Statistical methods for rates and proportions (1981), ch. 3.
    """
    from statistics import NormalDist

    z, y, mean = -NormalDist().inv_cdf(alpha / 2), NormalDist().inv_cdf(power), (first + second) / 2
    spread = z * sqrt(2 * mean * (1 - mean)) + y * sqrt(first * (1 - first) + second * (1 - second))
    return ceil((spread / (first - second)) ** 2)


def exact_power(trials: int, first: float, second: float, alpha: float = 0.05) -> float:
    """The probability that Boschloo's two-sided p is at most `alpha` after so many trials of each arm."""
    steps = rejected(trials, alpha)
    return min(1.0, sum(_mass(steps, *rates) for rates in ((first, second), (second, first))))


def _mass(steps: npt.NDArray[np.int64], first: float, second: float) -> float:
    trials = len(steps) - 1
    one, other = binomial([first, second], trials)
    return float(one @ np.concatenate(([0.0], np.cumsum(other)))[steps])


@lru_cache(maxsize=1024)
def rejected(trials: int, alpha: float) -> npt.NDArray[np.int64]:
    """What the two-sided test rejects for the first arm, as exact.staircase: found by halving Fisher's limit."""
    fisher = fisher_greater(trials, trials)
    near = (fisher > alpha / 2 * 0.999) & (fisher < min(1.0, 4 * alpha))
    limits = np.unique(fisher[near])
    low, high = -1, len(limits)  # limits[low] holds alpha, limits[high] does not; Fisher's own limit holds it always
    while high - low > 1:
        middle = (low + high) // 2
        holds = 2 * largest(staircase(fisher, limits[middle]), trials, trials) <= alpha * (1 + 1e-9)
        low, high = (middle, high) if holds else (low, middle)
    return staircase(fisher, limits[low] if low >= 0 else alpha / 2)


@dataclass(frozen=True)
class Reach:
    """What so many trials of each arm can tell at most.

    `least_p` is the smallest two-sided p there is: all against none. `apart_from_all` is the most successes that are
    told apart from as many as there are trials; None where even none is not. `apart_from_certain` is the highest rate
    that is told apart, with the power asked for, from one of 1; None where even 0 is not.
    """

    trials: int
    least_p: float
    apart_from_all: int | None
    apart_from_certain: float | None


def reach(trials: int, alpha: float = 0.05, power: float = 0.8) -> Reach:
    """What so many trials of each arm can tell at most, with Boschloo's test. Raises ValueError for fewer than one."""
    check_plan(0, 1, alpha, power)
    most = int(rejected(trials, alpha)[trials]) - 1 if trials > 0 else -1
    least = boschloo((trials, trials), (0, trials))
    if most < 0:
        return Reach(trials, least, None, None)
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if exact_power(trials, 1.0, middle, alpha) >= power else (low, middle)
    return Reach(trials, least, most, low)
