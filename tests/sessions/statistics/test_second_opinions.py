"""What a second judge's opinions tell keeps its coverage, whether his errors are exact or estimated."""

from __future__ import annotations

import numpy as np
import pytest

from sessions.statistics.judging import Agreement, Judge, Worthless, corrected, operator
from sessions.statistics.second_opinions import Share, doubted, told

RUNS = 200
NOISE = 3 * (0.05 * 0.95 / RUNS) ** 0.5


def table(random: np.random.Generator, truth: float, trials: int, own: tuple[float, float], other: Judge) -> Agreement:
    """Trials judged by an operator who finds these shares of successes and of failures, and by `other`."""
    won = random.random(trials) < truth
    first = np.where(won, random.random(trials) < own[0], random.random(trials) >= own[1])
    second = np.where(won, random.random(trials) < other.finds_success, random.random(trials) >= other.finds_failure)
    counts = [int(((first == a) & (second == b)).sum()) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
    return Agreement(*counts)


def estimated(random: np.random.Generator, true: Judge, seen: int | None) -> Judge:
    """What is known of a judge after so many trials of either kind; None: he is known exactly."""
    if seen is None:
        return true
    found, rejected = random.binomial(seen, true.finds_success), random.binomial(seen, true.finds_failure)
    return Judge(found / seen, rejected / seen, seen, seen)


@pytest.mark.parametrize("seen", [None, 15, 50])
@pytest.mark.parametrize(
    ("truth", "trials", "own"),
    [(0.1, 60, (0.95, 0.85)), (0.5, 20, (0.95, 0.85)), (0.9, 200, (1.0, 1.0)), (0.9, 30, (0.95, 0.85))],
)
def test_every_interval_keeps_its_coverage(
    truth: float, trials: int, own: tuple[float, float], seen: int | None
) -> None:
    """`tests.bench.second_judge_coverage` tries many more cases."""
    random = np.random.default_rng(trials)
    second, held = Judge(0.9, 0.85), []
    for _ in range(RUNS):
        tables = [table(random, each, trials, own, second) for each in (truth, 0.5)]
        if not (found := told(tables, estimated(random, second, seen))):
            continue
        shares = (found.rates[0], found.finds_success, found.finds_failure)
        held.append([s is None or s.low <= t <= s.high for s, t in zip(shares, (truth, *own), strict=True)])
    assert len(held) > 0.9 * RUNS
    assert min(np.mean(held, axis=0)) >= 0.95 - NOISE


def test_an_estimated_judge_taken_for_exact_would_not_keep_it() -> None:
    """What the uncertainty of his errors is allowed for: it is not there for nothing."""
    random, second, held = np.random.default_rng(5), Judge(0.9, 0.85), []
    for _ in range(RUNS):
        one, known = table(random, 0.9, 200, (1.0, 1.0), second), estimated(random, second, 15)
        try:
            found = told([one], Judge(known.finds_success, known.finds_failure))
        except Worthless:
            continue
        rate = found.rates[0] if found else None
        held.append(rate is not None and rate.low <= 0.9 <= rate.high)
    assert np.mean(held) < 0.85


@pytest.mark.parametrize(("truth", "trials"), [(0.5, 200), (0.9, 200), (0.1, 60)])
def test_errors_in_the_verdicts_that_he_was_trained_on_are_allowed_for(truth: float, trials: int) -> None:
    """The operator errs in 5 and 15 % there as well: the second judge is then taken for worse than he is."""
    random, second, own = np.random.default_rng(trials), Judge(0.97, 0.97), (0.95, 0.85)
    held, plain = [], []
    for _ in range(RUNS):
        then = table(random, 0.5, 100, own, second)
        successes, failures = then.both + then.operator_only, then.second_only + then.neither
        known = Judge(then.both / successes, then.neither / failures, successes, failures)
        tables = [table(random, truth, trials, own, second)]
        found, straight = doubted(tables, known), told(tables, known)
        if not (found and straight and min(found.successes_seen, found.failures_seen) >= 2):
            continue
        shares = (found.rates[0], found.finds_success, found.finds_failure)
        held.append([s is None or s.low <= t <= s.high for s, t in zip(shares, (truth, *own), strict=True)])
        rate = straight.rates[0]
        plain.append(rate is None or rate.low <= truth <= rate.high)
    assert len(held) > 0.75 * RUNS
    assert min(np.mean(held, axis=0)) >= 0.95 - NOISE
    assert np.mean(plain) <= np.mean(held, axis=0)[0]


def test_the_estimates_are_those_of_operator_and_corrected_and_the_same_again() -> None:
    tables, second = (Agreement(20, 2, 3, 25), Agreement(30, 1, 2, 7)), Judge(0.9, 0.85, 40, 40)
    found = told(tables, second)
    judge = operator(Agreement(50, 3, 5, 32), second)
    assert found and judge and found == told(tables, second)
    assert (found.finds_success.value, found.finds_failure.value) == (judge.finds_success, judge.finds_failure)
    for share, own in zip(found.rates, tables, strict=True):
        assert share and share.value == corrected(own.both + own.operator_only, own.trials, judge)[0]
        assert 0 <= share.low < share.value < share.high <= 1


def test_the_less_is_known_of_the_second_judge_the_wider_it_is() -> None:
    def width(seen: float | None) -> float:
        found = told([Agreement(40, 3, 4, 53)], Judge(0.9, 0.9, seen, seen))
        assert found and found.rates[0]
        return found.rates[0].high - found.rates[0].low

    assert width(None) == pytest.approx(width(1e6), abs=0.01) and width(None) < width(100) < width(20)


def test_what_cannot_be_told() -> None:
    assert told([], Judge(0.9, 0.9)) is None and told([Agreement(both=5)], Judge(1.0, 1.0)) is None
    with pytest.raises(Worthless):
        told([Agreement(5, 5, 5, 5)], Judge(0.5, 0.5, 20, 20))
    with pytest.raises(Worthless):
        told([], Judge(0.5, 0.5))
    half = told([Agreement(10, 10, 10, 10)], Judge(0.9, 0.9))  # the operator's word carries nothing
    assert half and half.rates == (None,)
    edge = told([Agreement(1, 0, 0, 1)], Judge(1.0, 1.0))
    assert edge and edge.finds_success == Share(1.0, edge.finds_success.low, 1.0) and edge.finds_success.low < 0.5
