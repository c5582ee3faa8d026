"""Plans: exact powers against fieldtrial's and against a sum over all tables."""

from __future__ import annotations

from itertools import product
from math import comb

import pytest

from sessions.statistics.exact import boschloo
from sessions.statistics.planning import TooClose, exact_power, reach, trials_per_arm


@pytest.mark.parametrize(("trials", "first", "second"), [(1, 0.0, 1.0), (5, 0.2, 0.9), (9, 1.0, 0.5), (14, 0.1, 0.5)])
def test_the_power_is_the_sum_over_the_tables_that_are_rejected(trials: int, first: float, second: float) -> None:
    summed = 0.0
    for k, j in product(range(trials + 1), repeat=2):
        if boschloo((k, trials), (j, trials)) <= 0.05:
            summed += comb(trials, k) * first**k * (1 - first) ** (trials - k) \
                * comb(trials, j) * second**j * (1 - second) ** (trials - j)  # fmt: skip
    assert exact_power(trials, first, second) == pytest.approx(summed, abs=1e-9)


@pytest.mark.parametrize(("trials", "first", "second"), [(5, 0.1, 0.9), (20, 0.4, 0.8), (40, 0.6, 0.8)])
def test_the_power_is_that_of_fieldtrial(trials: int, first: float, second: float) -> None:
    from fieldtrial.stats import boschloo_power

    assert exact_power(trials, first, second) == pytest.approx(boschloo_power(first, second, trials).power, abs=1e-9)


@pytest.mark.parametrize(("first", "second", "needed"), [(0.6, 0.8, 81), (0.76, 0.9, 115), (0.2, 0.8, 10), (0, 1, 3)])
def test_the_plan_is_the_first_number_that_is_enough(first: float, second: float, needed: int) -> None:
    assert trials_per_arm(first, second) == trials_per_arm(second, first) == needed
    assert exact_power(needed, first, second) >= 0.8
    below = range(1, needed) if needed < 20 else range(2, needed, 11)
    assert all(exact_power(trials, first, second) < 0.8 for trials in (*below, needed - 1) if trials)


@pytest.mark.parametrize("shift", [0.2, 0.35])
@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.01, 0.9)])
def test_no_number_is_passed_over_that_is_enough(shift: float, alpha: float, power: float) -> None:
    for low in (0.02, 0.5):
        needed = trials_per_arm(low, low + shift, alpha, power)
        before = range(max(1, needed - 12), needed)
        assert all(exact_power(trials, low, low + shift, alpha) < power for trials in before)


def test_what_few_trials_tell_at_most() -> None:
    five = reach(5)
    assert five.apart_from_all == 1
    assert boschloo((5, 5), (1, 5)) <= 0.05 < boschloo((5, 5), (2, 5))
    assert five.least_p == pytest.approx(2 / 1024)
    assert five.apart_from_certain is not None
    assert exact_power(5, 1.0, five.apart_from_certain) >= 0.8 > exact_power(5, 1.0, five.apart_from_certain + 0.001)
    assert reach(1).apart_from_all is None and reach(2).apart_from_all is None


@pytest.mark.parametrize(
    ("first", "second", "alpha", "power"),
    [(0.5, 0.5, 0.05, 0.8), (-0.1, 0.5, 0.05, 0.8), (0.5, 60, 0.05, 0.8), (0.5, 0.8, 0, 0.8), (0.5, 0.8, 0.05, 1.0),
     (0.5, float("nan"), 0.05, 0.8), (0.5, 0.8, 0.05, 0.05)],
)  # fmt: skip
def test_what_is_no_plan_is_refused(first: float, second: float, alpha: float, power: float) -> None:
    with pytest.raises(ValueError):
        trials_per_arm(first, second, alpha, power)


def test_what_no_bench_can_tell_is_said_so() -> None:
    with pytest.raises(TooClose, match="too close"):
        trials_per_arm(0.5, 0.51)
