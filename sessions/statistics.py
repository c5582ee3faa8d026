"""The confidence interval of a success rate.

Implemented here because importing scipy.stats takes seconds, for which a verdict's effect on the screen must not
wait. A test compares it with scipy's.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt


@lru_cache(maxsize=1024)
def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a rate, both ends in 0..1; (0, 1) before the first trial.

    Same as scipy.stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson").
    Raises ValueError unless 0 <= successes <= trials and 0 < confidence < 1.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} trials cannot have succeeded")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    if not trials:
        return 0.0, 1.0
    z = _z(confidence)
    rate = successes / trials
    middle = rate + z * z / (2 * trials)
    reach = z * sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    whole = 1 + z * z / trials
    low, high = (middle - reach) / whole, (middle + reach) / whole
    return 0.0 if successes == 0 else low, 1.0 if successes == trials else high


@lru_cache(maxsize=8)
def _z(confidence: float) -> float:
    from statistics import NormalDist  # slow import (fractions, decimal), not needed for the first paint

    return NormalDist().inv_cdf((1 + confidence) / 2)
