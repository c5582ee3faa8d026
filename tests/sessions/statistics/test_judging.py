"""Rates corrected for a judge who errs: coverage by simulation, and a second judge who tells the errors."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from sessions.statistics import wilson
from sessions.statistics.exact import binomial
from sessions.statistics.judging import Agreement, Judge, Worthless, corrected, operator

RUNS = 1200
PERFECT = Judge(1.0, 1.0)


def test_a_judge_who_never_errs_changes_nothing() -> None:
    for successes, trials in ((0, 1), (1, 1), (0, 5), (4, 5), (5, 5), (150, 200)):
        assert corrected(successes, trials, PERFECT) == pytest.approx((successes / trials, *wilson(successes, trials)))
        rate, low, high = corrected(successes, trials, Judge(1.0, 1.0, 1e9, 1e9))
        assert rate == pytest.approx(successes / trials)
        assert (low, high) == pytest.approx(wilson(successes, trials), abs=0.15 if trials < 10 else 0.02)


@pytest.mark.parametrize(("finds", "rejects"), [(0.95, 0.9), (0.8, 0.85)])
@pytest.mark.parametrize("truth", [0.1, 0.5, 0.9])
def test_known_errors_leave_the_coverage_as_it_was(finds: float, rejects: float, truth: float) -> None:
    """Exact, by summing a binomial."""
    for trials in (20, 100):
        seen = truth * finds + (1 - truth) * (1 - rejects)
        ends = np.array([corrected(k, trials, Judge(finds, rejects))[1:] for k in range(trials + 1)])
        holds = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
        straight = np.array([wilson(k, trials) for k in range(trials + 1)])
        plain = (straight[:, 0] <= seen) & (seen <= straight[:, 1])
        chance = binomial([seen], trials)[0]
        assert chance @ holds >= chance @ plain - 1e-9 and chance @ holds > 0.92


@cache
def keep(successes: int, trials: int, finds: int, rejects: int, seen: int) -> tuple[float, float]:
    try:
        return corrected(successes, trials, Judge(finds / seen, rejects / seen, seen, seen))[1:]
    except Worthless:
        return 0.0, 1.0


@pytest.mark.parametrize("truth", [0.05, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("trials", [20, 50, 200])
def test_estimated_errors_keep_the_coverage(truth: float, trials: int) -> None:
    random = np.random.default_rng(trials)
    finds, rejects, seen = 0.95, 0.85, 30
    counted = random.binomial(trials, truth * finds + (1 - truth) * (1 - rejects), RUNS)
    known = zip(counted, random.binomial(seen, finds, RUNS), random.binomial(seen, rejects, RUNS), strict=True)
    ends = [keep(int(k), trials, int(a), int(b), seen) for k, a, b in known]
    assert np.mean([low <= truth <= high for low, high in ends]) >= 0.95 - 3 * (0.05 * 0.95 / RUNS) ** 0.5
    straight = [wilson(int(k), trials) for k in counted]
    if trials == 200 and truth != 0.8:  # there both errors cancel each other
        assert np.mean([low <= truth <= high for low, high in straight]) < 0.9, "uncorrected, it would not"


def test_a_second_judge_who_never_errs_tells_the_errors_themselves() -> None:
    found = operator(Agreement(both=38, operator_only=3, second_only=2, neither=27), PERFECT)
    assert found == Judge(38 / 40, 27 / 30, 40, 30)
    assert operator(Agreement(both=9), PERFECT) is None and operator(Agreement(), PERFECT) is None
    assert Agreement(both=38, operator_only=3, second_only=2, neither=27).disagreed == 5


@pytest.mark.parametrize("truth", [0.3, 0.8])
def test_a_second_judge_who_errs_is_allowed_for_and_the_interval_keeps_its_coverage(truth: float) -> None:
    random = np.random.default_rng(9)
    second, trials, runs = Judge(0.9, 0.9), 60, 400
    held, found = 0, []
    for _ in range(runs):
        won = random.random(trials) < truth
        own = np.where(won, random.random(trials) < 0.95, random.random(trials) < 0.15)
        other = np.where(won, random.random(trials) < 0.9, random.random(trials) < 0.1)
        table = [int((own == a).astype(int) @ (other == b)) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
        judge = operator(Agreement(*table), second)
        assert judge is not None
        found.append((judge.finds_success, judge.finds_failure))
        try:
            _, low, high = corrected(int(own.sum()), trials, judge)
        except Worthless:
            low, high = 0.0, 1.0
        held += low <= truth <= high
    assert held / runs >= 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5
    assert np.mean(found, axis=0) == pytest.approx((0.95, 0.85), abs=0.06)


def test_what_tells_nothing_is_refused() -> None:
    with pytest.raises(Worthless):
        corrected(3, 5, Judge(0.5, 0.5))
    with pytest.raises(Worthless):
        operator(Agreement(1, 1, 1, 1), Judge(0.5, 0.5))
    for successes, trials, judge in ((3, 2, PERFECT), (0, 0, PERFECT), (1, 2, Judge(1.2, 0.9))):
        with pytest.raises(ValueError):
            corrected(successes, trials, judge)
