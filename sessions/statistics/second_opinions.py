"""What a second judge's opinions tell of the operator's errors and of the policies' true rates, with intervals.

The second judge's own errors are exact (chosen, as a simulated one's) or estimated from trials: then their uncertainty
goes into every interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.statistics.judging import LEAST_WORTH, Agreement, Judge, Worthless, corrected, operator

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    type Draws = NDArray[Any]

DRAWS = 2000
TAIL = 0.0125
"""Of the draws beyond either end. 0.025 would be plain 95 %: with few trials that held the truth in 90 to 93 %."""


@dataclass(frozen=True)
class Share:
    """An estimate and its interval's ends, in 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Told:
    """How well the operator judges, and each policy's true rate, None where his word carries too little for one.

    `successes_seen` and `failures_seen` are from how many trials of either kind that is known.
    """

    finds_success: Share
    finds_failure: Share
    successes_seen: float
    failures_seen: float
    rates: tuple[Share | None, ...]


def told(tables: Sequence[Agreement], second: Judge) -> Told | None:
    """From one table of agreement per policy; None where no trial, or none of one kind, is left to tell from.

    The estimates are those of `operator` and `corrected`. The intervals are percentiles of a simulation from the
    posteriors of what was counted: Jeffreys' prior for the second judge's errors, Dirichlet's with the same weight in
    all (1/4 a cell) for each policy's table; each draw is turned over as the estimates are. Source: L. Joseph,
    T. W. Gyorkos and L. Coupal, Bayesian estimation of disease prevalence and the parameters of diagnostic tests in
    the absence of a gold standard, American Journal of Epidemiology 141 (1995), for the model; M. Flor and others,
    Comparison of Bayesian and frequentist methods for prevalence estimation under misclassification, BMC Public Health
    20 (2020), compare such intervals with Lang's and Reiczigel's. A draw in which the second judge's word carries
    nothing counts beyond both ends. The generator's seed is fixed: the same tables give the same numbers. Assumes, as
    `operator` does, that both judges err independently of each other. Raises Worthless.
    """
    import numpy as np

    whole = Agreement(*(sum(cells) for cells in zip(*map(_cells, tables), strict=True))) if tables else Agreement()
    judge = operator(whole, second)
    if judge is None:
        return None
    random = np.random.default_rng(0)
    finds, rejects = (
        _errors(random, share, seen)
        for share, seen in (
            (second.finds_success, second.successes_seen),
            (second.finds_failure, second.failures_seen),
        )
    )
    each = [random.gamma(np.array(_cells(table)) + 0.25, size=(DRAWS, 4)) for table in tables]
    shares = [drawn / drawn.sum(axis=1, keepdims=True) for drawn in each]
    pooled = sum(share * table.trials for share, table in zip(shares, tables, strict=True)) / whole.trials
    worth = finds + rejects - 1
    sound = worth > LEAST_WORTH
    worth = np.where(sound, worth, 1.0)

    def truly(success: Draws, failure: Draws) -> Draws:
        every = success + failure
        turned: Draws = np.clip((success - every * (1 - rejects)) / worth, 0.0, every)
        return turned

    called = pooled[:, 0] + pooled[:, 1]
    won, missed = truly(pooled[:, 0], pooled[:, 1]), truly(pooled[:, 2], pooled[:, 3])
    succeeded = won + missed
    own_finds = won / np.maximum(succeeded, 1e-9)
    own_rejects = (1 - called - missed) / np.maximum(1 - succeeded, 1e-9)
    own_worth = own_finds + own_rejects - 1
    telling = sound & (own_worth > LEAST_WORTH)
    own_worth = np.where(telling, own_worth, 1.0)

    def rate(table: Agreement, share: Draws) -> Share | None:
        try:
            value = corrected(table.both + table.operator_only, table.trials, judge)[0]
        except (Worthless, ValueError):
            return None
        turned = np.clip((share[:, 0] + share[:, 1] + own_rejects - 1) / own_worth, 0.0, 1.0)
        return _share(value, turned, telling)

    return Told(
        _share(judge.finds_success, own_finds, sound),
        _share(judge.finds_failure, own_rejects, sound),
        judge.successes_seen or 0.0,
        judge.failures_seen or 0.0,
        tuple(rate(table, share) for table, share in zip(tables, shares, strict=True)),
    )


def _cells(table: Agreement) -> tuple[int, int, int, int]:
    return table.both, table.operator_only, table.second_only, table.neither


def _errors(random: Generator, share: float, seen: float | None) -> Draws:
    """Draws of the share of one kind that the second judge finds; exact where it was chosen."""
    import numpy as np

    if seen is None:
        return np.full(DRAWS, share)
    return random.beta(share * seen + 0.5, (1 - share) * seen + 0.5, DRAWS)


def _share(value: float, draws: Draws, telling: Draws) -> Share:
    """The estimate within its interval; draws that tell nothing lie beyond both ends."""
    import numpy as np

    low = float(np.quantile(np.where(telling, draws, 0.0), TAIL))
    high = float(np.quantile(np.where(telling, draws, 1.0), 1 - TAIL))
    return Share(value, max(0.0, min(value, low)), min(1.0, max(value, high)))


def doubted(tables: Sequence[Agreement], second: Judge) -> Told | None:
    """As `told`, of a second judge whose errors were counted against the operator's own earlier verdicts.

    Where the two differed then, either may have been wrong, and no count of such differences tells which (S. L. Hui and
    S. D. Walter, Estimating the error rates of diagnostic tests, Biometrics 36 (1980)). So each interval holds those of
    both ends: the earlier verdicts were all true, and the second judge was right wherever he differed. Conservative;
    the estimates are those of `told`. Raises Worthless.
    """
    first = told(tables, second)
    other = told(tables, Judge(1.0, 1.0, second.successes_seen, second.failures_seen))
    if first is None or other is None:
        return None
    return Told(
        _hull(first.finds_success, other.finds_success),
        _hull(first.finds_failure, other.finds_failure),
        first.successes_seen,
        first.failures_seen,
        tuple(a and b and _hull(a, b) for a, b in zip(first.rates, other.rates, strict=True)),
    )


def _hull(first: Share, other: Share) -> Share:
    return Share(first.value, min(first.low, other.low), max(first.high, other.high))
