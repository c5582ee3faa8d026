"""Confidence intervals of success rates and of their difference.

Implemented here because importing scipy.stats takes seconds, for which a verdict's effect on the screen must not
wait. Tests compare them with scipy's and statsmodels'.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt


@lru_cache(maxsize=1024)
def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a rate, both ends in 0..1; (0, 1) before the first trial.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).

    Same as scipy.stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson").
    Raises ValueError unless 0 <= successes <= trials and 0 < confidence < 1.
    """
    check(successes, trials)
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    return score(successes / trials, trials, confidence) if trials else (0.0, 1.0)


def score(rate: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """The same of a rate in so many trials, which need be no whole number where they tell as much as fewer would."""
    z = z_of(confidence)
    middle = rate + z * z / (2 * trials)
    reach = z * sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    whole = 1 + z * z / trials
    low, high = (middle - reach) / whole, (middle + reach) / whole
    return 0.0 if rate == 0 else low, 1.0 if rate == 1 else high


def newcombe(first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95) -> tuple[float, float]:
    """Newcombe's hybrid score interval of the difference of two rates, first minus second, both ends in -1..1.

    `first` and `second` are successes and trials. Source: R. G. Newcombe, Interval estimation for the difference
    between independent proportions, Statistics in Medicine 17 (1998), method 10: Wilson's ends, added in squares.
    Raises ValueError unless 0 <= successes <= trials and trials > 0 in both.
    """
    (k, n), (j, m) = first, second
    check(k, n, least=1)
    check(j, m, least=1)
    (low, high), (below, above) = wilson(k, n, confidence), wilson(j, m, confidence)
    p, q = k / n, j / m
    down, up = sqrt((p - low) ** 2 + (above - q) ** 2), sqrt((high - p) ** 2 + (q - below) ** 2)
    return max(-1.0, p - q - down), min(1.0, p - q + up)


def check(successes: int, trials: int, least: int = 0) -> None:
    """Raises ValueError unless so many of so many trials, at least `least`, can have succeeded."""
    if trials < least:
        raise ValueError(f"{successes}/{trials}: at least one trial is needed")
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} trials cannot have succeeded")


@lru_cache(maxsize=8)
def z_of(confidence: float) -> float:
    """How many standard deviations to either side hold `confidence` of a normal distribution."""
    from statistics import NormalDist  # slow import (fractions, decimal), not needed for the first paint

    return NormalDist().inv_cdf((1 + confidence) / 2)
