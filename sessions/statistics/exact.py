"""Exact tests of success rates: two arms, pairs, and several arms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from sessions.statistics.intervals import check

type Arm = tuple[int, int]
"""Successes and trials."""
type Numbers = npt.NDArray[np.float64]

TIE = 1e-9
"""Probabilities of tables are equal if they differ by no more than this share; rounding makes about 1e-12 of it."""
GRID = 400
"""Common success rates at which Boschloo's probability is computed before the best ones are refined."""
MOST_TRIALS = 2000
"""As many trials of one arm as a test takes: its tables must fit into memory."""
MOST_TABLES = 500_000
"""As many different half-tables as the test of several arms enumerates, within some tenths of a second."""


class TooMany(ValueError):
    """There are more tables than can be enumerated in a bearable time."""


# -- two arms: Boschloo -------------------------------------------------------------------------------


def boschloo(first: Arm, second: Arm) -> float:
    """Boschloo's exact unconditional test of equal rates, two-sided: twice the smaller one-sided p, at most 1.

    Source: R. D. Boschloo, Raised conditional level of significance for the 2x2-table when testing the equality of two
    probabilities, Statistica Neerlandica 24 (1970). One-sided: the largest probability, over the common rate, of a
    table whose one-sided Fisher p is not above that of this one. Swapping the arms changes no bit of it. Same as
    scipy.stats.boschloo_exact, which takes a third of a second at 200 trials of each.
    Raises ValueError for an arm without trials, with more successes than trials or with more than MOST_TRIALS.
    """
    for successes, trials in (first, second):
        _check(successes, trials)
    (k, n), (j, m) = first, second
    return min(1.0, 2 * min(_greater(k, n, j, m), _greater(j, m, k, n)))


def _check(successes: int, trials: int) -> None:
    check(successes, trials, least=1)
    if trials > MOST_TRIALS:
        raise TooMany(f"{successes}/{trials}: an exact test takes up to {MOST_TRIALS:,} trials of one arm")


@lru_cache(maxsize=256)
def _greater(k: int, n: int, j: int, m: int) -> float:
    """One-sided p of `the first rate is greater`."""
    fisher = fisher_greater(n, m)
    return largest(staircase(fisher, fisher[k, j]), n, m)


@lru_cache(maxsize=8)
def fisher_greater(n: int, m: int) -> Numbers:
    """Fisher's one-sided p of every table, (n + 1, m + 1) by successes of either arm: P(X >= k | k + j)."""
    k, j = np.arange(n + 1)[:, None], np.arange(m + 1)[None, :]
    first, second = _log_choices(n)[:, None], _log_choices(m)[None, :]
    mass = np.exp(first + second - _log_choices(n + m)[k + j])
    tail = np.zeros((n + 2, m + 2))  # tail[k, j] of the tables with the same total and more successes of the first
    for row in range(n, -1, -1):
        tail[row, 1:] = mass[row]
        tail[row, 1:] += tail[row + 1, :-1]
    made: Numbers = np.minimum(1.0, tail[: n + 1, 1:])
    made.setflags(write=False)
    return made


def staircase(fisher: Numbers, limit: float) -> npt.NDArray[np.int64]:
    """For each number of successes of the first arm: how many of the second have a Fisher p not above `limit`.

    They are the smallest ones: the p grows with the second arm's successes.
    """
    counted: npt.NDArray[np.int64] = (fisher <= limit * (1 + TIE)).sum(axis=1)
    return counted


def largest(steps: npt.NDArray[np.int64], n: int, m: int) -> float:
    """The largest probability of that region over the common rate, to some 1e-9 of it.

    The rates lie closer towards 0 and 1, as binomials are narrower there; the best few are looked at closer.
    """
    angles, first, second = _grid(n, m)
    found = _chance(steps, first, second)
    peaks = np.flatnonzero((found >= np.roll(found, 1)) & (found >= np.roll(found, -1)))
    peaks = peaks[np.argsort(found[peaks])[::-1][:4]]
    best, middles, step = float(found.max()), angles[peaks], angles[1] - angles[0]
    for _ in range(5):
        near = np.clip(middles[:, None] + np.linspace(-step, step, 13), 0, np.pi / 2)
        there = _chance(steps, *_binomials(near.ravel(), n, m)).reshape(near.shape)
        middles = near[np.arange(len(near)), there.argmax(axis=1)]
        best, step = max(best, float(there.max())), step / 6
    return min(1.0, best)


def _chance(steps: npt.NDArray[np.int64], first: Numbers, second: Numbers) -> Numbers:
    chances: Numbers = np.einsum("ij,ij->i", first, second[:, steps])
    return chances


@lru_cache(maxsize=4)
def _grid(n: int, m: int) -> tuple[Numbers, Numbers, Numbers]:
    angles: Numbers = np.linspace(0, np.pi / 2, GRID + 1, dtype=np.float64)
    return (angles, *_binomials(angles, n, m))


def _binomials(angles: Numbers, n: int, m: int) -> tuple[Numbers, Numbers]:
    """At the rates sin(angle)^2: the probabilities (rates, n + 1) of the first arm, the second's sums (rates, m + 2).

    A sum is of the first 0, 1, ... numbers of successes.
    """
    rates = np.sin(angles) ** 2
    sums = np.zeros((len(rates), m + 2))
    np.cumsum(binomial(rates, m), axis=1, out=sums[:, 1:])
    return binomial(rates, n), sums


def binomial(rates: npt.ArrayLike, n: int) -> Numbers:
    """The probabilities of 0, 1, ..., n successes at each rate: (rates, n + 1)."""
    rate = np.asarray(rates, dtype=float)[:, None]
    k = np.arange(n + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(k == 0, 0.0, k * np.log(rate)) + np.where(k == n, 0.0, (n - k) * np.log1p(-rate))
    made: Numbers = np.exp(logs + _log_choices(n))
    return made


@lru_cache(maxsize=64)
def _log_choices(n: int) -> Numbers:
    """The logarithm of C(n, k) for k in 0..n."""
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    made: Numbers = logs[n] - logs - logs[::-1]
    made.setflags(write=False)
    return made


# -- pairs: McNemar -----------------------------------------------------------------------------------


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact McNemar test, two-sided, of the pairs in which only one succeeded: twice the smaller tail, at most 1.

    Source: Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12 (1947), with the binomial distribution for the normal one; statsmodels' mcnemar(exact=True).
    Pairs in which both succeeded or both failed carry nothing. Raises ValueError for negative numbers.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"numbers of pairs are not negative: {only_first}, {only_second}")
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = choices = 1
    for k in range(fewer):
        choices = choices * (n - k) // (k + 1)  # C(n, k + 1) from C(n, k)
        tail += choices
    return min(1.0, tail / 2 ** (n - 1)) if n else 1.0


# -- several arms: Freeman-Halton, Holm ---------------------------------------------------------------


def freeman_halton(arms: Sequence[Arm]) -> float:
    """The exact test that several arms have one rate: the probability of all tables that are not likelier than this.

    The tables have the same numbers of trials and successes in all. Source: G. H. Freeman and J. H. Halton, Note on an
    exact treatment of contingency, goodness of fit and other problems of significance, Biometrika 38 (1951). Each half
    of the arms is enumerated, halves of the same total and probability as one; then all pairs of halves are summed.
    Raises ValueError for fewer than two arms or an arm without trials, TooMany where the halves are too many.
    """
    if len(arms) < 2:
        raise ValueError("several arms are needed to compare them")
    for successes, trials in arms:
        _check(successes, trials)
    total, trials = sum(k for k, _ in arms), sum(n for _, n in arms)
    if total in (0, trials):
        return 1.0
    logs = {n: np.log(total / trials) * np.arange(n + 1) + np.log1p(-total / trials) * np.arange(n, -1, -1)
            + _log_choices(n) for _, n in arms}  # fmt: skip
    here = sum(float(logs[n][k]) for k, n in arms)
    ordered = sorted(arms, key=lambda arm: arm[1])
    left, right = _half(ordered[::2], logs, total), _half(ordered[1::2], logs, total)
    unlikely = everything = 0.0
    starts = np.searchsorted(right[0], np.arange(total + 2))
    for at in np.unique(left[0]):
        of = slice(*np.searchsorted(left[0], [at, at + 1]))
        other = slice(starts[total - at], starts[total - at + 1])
        sums = np.concatenate(([0.0], np.cumsum(right[2][other])))
        limits = np.searchsorted(right[1][other], here + TIE - left[1][of], side="right")
        unlikely += float(left[2][of] @ sums[limits])
        everything += float(left[2][of].sum() * sums[-1])
    return min(1.0, unlikely / everything)


type Half = tuple[npt.NDArray[np.int64], Numbers, Numbers]
"""Total successes, log probability, and summed probability of all half-tables with both; sorted by the first two."""


def _half(arms: Sequence[Arm], logs: dict[int, Numbers], most: int) -> Half:
    made: Half = np.zeros(1, dtype=np.int64), np.zeros(1), np.ones(1)
    for _, n in arms:
        if len(made[0]) * (n + 1) > MOST_TABLES:
            raise TooMany("there are too many tables to enumerate: compare fewer arms, or two at a time")
        totals = (made[0][:, None] + np.arange(n + 1)).ravel()
        weights = (made[1][:, None] + logs[n]).ravel()
        masses = (made[2][:, None] * np.exp(logs[n])).ravel()
        keep = totals <= most
        made = _merged(totals[keep], weights[keep], masses[keep])
    return made


def _merged(totals: npt.NDArray[np.int64], weights: Numbers, masses: Numbers) -> Half:
    order = np.lexsort((weights, totals))
    totals, weights, masses = totals[order], weights[order], masses[order]
    new = np.concatenate(([True], (np.diff(totals) != 0) | (np.diff(weights) > TIE / 100)))
    starts = np.flatnonzero(new)
    return totals[starts], weights[starts], np.add.reduceat(masses, starts)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values adjusted for their number, in their order: all that are at most alpha hold together at alpha.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6
    (1979).
    """
    adjusted, largest_yet = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        largest_yet = max(largest_yet, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = largest_yet
    return adjusted


def pairs(arms: Sequence[Arm]) -> list[tuple[int, int, float]]:
    """Each two arms, from 0, with Boschloo's p adjusted after Holm."""
    both = list(combinations(range(len(arms)), 2))
    found = holm([boschloo(arms[a], arms[b]) for a, b in both])
    return [(a, b, p) for (a, b), p in zip(both, found, strict=True)]
