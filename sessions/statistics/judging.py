"""Rates of success corrected for a judge who errs, and what a second judge tells of the first one's errors.

The judge of an evaluation stays the operator: these functions only say how wide the truth may lie around his count.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from sessions.statistics.intervals import check, wilson, z_of


@dataclass(frozen=True)
class Judge:
    """How well somebody judges: the shares of true successes that he calls a success, of failures a failure.

    `successes_seen` and `failures_seen` are from how many trials of either kind that is known; None: it was chosen, as
    a simulated judge's, and is exact.
    """

    finds_success: float
    finds_failure: float
    successes_seen: float | None = None
    failures_seen: float | None = None

    @property
    def worth(self) -> float:
        """Youden's index: 1 for a judge who never errs, 0 for one whose word carries nothing."""
        return self.finds_success + self.finds_failure - 1


LEAST_WORTH = 0.05
"""Up to this worth a judge's word carries nothing."""
TOO_ALIKE = "this judge's successes and failures are too much alike to tell a rate from them"


class Worthless(ValueError):
    """A judge's word carries nothing: no rate can be told from it."""


def corrected(successes: int, trials: int, judge: Judge, confidence: float = 0.95) -> tuple[float, float, float]:
    """The true rate of success and its interval's ends, in 0..1, where `judge` called so many of so many a success.

    Sources: W. J. Rogan and B. Gladen, Estimating prevalence from the results of a screening test, American Journal of
    Epidemiology 107 (1978), for the rate. The interval is Wilson's, turned over in the same way, where the errors are
    exactly known; else that of Z. Lang and J. Reiczigel, Confidence limits for prevalence of disease adjusted for
    estimated sensitivity and specificity, Preventive Veterinary Medicine 113 (2014). Raises ValueError for what cannot
    be, Worthless where the judge's word carries nothing.
    """
    check(successes, trials, least=1)
    for share in (judge.finds_success, judge.finds_failure):
        if not 0 <= share <= 1:
            raise ValueError(f"a share of trials lies between 0 and 1, not at {share:g}")
    if judge.worth <= LEAST_WORTH:
        raise Worthless(TOO_ALIKE)

    def turned(rate: float) -> float:
        return min(1.0, max(0.0, (rate + judge.finds_failure - 1) / judge.worth))

    rate = turned(successes / trials)
    if judge.successes_seen is None or judge.failures_seen is None:
        low, high = wilson(successes, trials, confidence)
        return rate, turned(low), turned(high)
    low, high = _lang_reiczigel(successes, trials, judge, z_of(confidence))
    return rate, min(rate, low), max(rate, high)


def _lang_reiczigel(successes: int, trials: int, judge: Judge, z: float) -> tuple[float, float]:
    assert judge.successes_seen is not None and judge.failures_seen is not None
    n, seen, other = trials + z * z, judge.successes_seen + 2, judge.failures_seen + 2
    p = (successes + z * z / 2) / n
    finds = (judge.successes_seen * judge.finds_success + 1) / seen
    rejects = (judge.failures_seen * judge.finds_failure + 1) / other
    worth = finds + rejects - 1
    if worth <= LEAST_WORTH:
        return 0.0, 1.0
    rate = (p + rejects - 1) / worth
    of_success, of_failure = finds * (1 - finds) / seen, rejects * (1 - rejects) / other
    shift = 2 * z * z * (rate * of_success - (1 - rate) * of_failure)
    reach = z / worth * sqrt(p * (1 - p) / n + rate**2 * of_success + (1 - rate) ** 2 * of_failure)
    low, high = (min(1.0, max(0.0, rate + shift + side * reach)) for side in (-1, 1))
    return low, high


@dataclass(frozen=True)
class Agreement:
    """How often the operator and a second judge called a trial a success: both, either alone, neither."""

    both: int = 0
    operator_only: int = 0
    second_only: int = 0
    neither: int = 0

    @property
    def trials(self) -> int:
        """All of them."""
        return self.both + self.operator_only + self.second_only + self.neither

    @property
    def disagreed(self) -> int:
        """Trials to look at again."""
        return self.operator_only + self.second_only


def operator(agreement: Agreement, second: Judge) -> Judge | None:
    """How well the operator judges, from a second judge whose errors are known and independent of his.

    Source: S. D. Walter and L. M. Irwig, Estimation of test error rates, disease prevalence and relative risk from
    misclassified data, Journal of Clinical Epidemiology 41 (1988): with the errors of one judge known, the cells of the
    table give those of the other one. What each cell holds of true successes is turned over as a rate is. The trials
    that it is known from are fewer than there were by the square of the second judge's worth. None where no trial, or
    none of one kind, is left to tell from. Raises Worthless.
    """
    if second.worth <= LEAST_WORTH:
        raise Worthless("the second judge's successes and failures are too much alike to tell errors from them")

    def truly(success: int, failure: int) -> float:
        """Of the trials with this word of the operator: how many were true successes."""
        every = success + failure
        return min(float(every), max(0.0, (success - every * (1 - second.finds_failure)) / second.worth))

    won = truly(agreement.both, agreement.operator_only)
    called = agreement.both + agreement.operator_only
    missed = truly(agreement.second_only, agreement.neither)
    rejected = agreement.second_only + agreement.neither
    successes, failures = won + missed, (called - won) + (rejected - missed)
    if successes <= 0 or failures <= 0:
        return None
    worth = second.worth**2
    return Judge(won / successes, (rejected - missed) / failures, successes * worth, failures * worth)
