"""Intervals of rates and of their difference: the numbers of scipy, statsmodels and fieldtrial."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import product

import pytest

from sessions.statistics import newcombe, wilson


def test_it_gives_what_scipy_gives() -> None:
    from scipy.stats import binomtest

    for trials in (1, 2, 3, 5, 6, 15, 20, 40, 200):
        for successes in range(trials + 1):
            for confidence in (0.8, 0.95, 0.99):
                there = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
                assert wilson(successes, trials, confidence) == pytest.approx((there.low, there.high), abs=1e-12)


def test_at_the_edges_it_gives_what_statsmodels_and_fieldtrial_give() -> None:
    from fieldtrial.stats import proportion_ci
    from statsmodels.stats.proportion import proportion_confint

    for successes, trials in ((0, 1), (1, 1), (0, 5), (5, 5), (0, 200), (200, 200), (77, 200)):
        interval = proportion_ci(successes, trials, method="wilson").interval
        assert wilson(successes, trials) == pytest.approx((interval.low, interval.high), abs=1e-12)
        ends = proportion_confint(successes, trials, method="wilson")
        assert wilson(successes, trials) == pytest.approx(ends, abs=1e-12)


def test_known_tallies_as_they_are_reported() -> None:
    assert [round(100 * end) for end in wilson(4, 6)] == [30, 90]
    assert [round(100 * end) for end in wilson(12, 20)] == [39, 78]
    assert [round(100 * end) for end in wilson(6, 15)] == [20, 64]


def test_no_trial_tells_nothing_and_the_ends_stay_within_0_and_1() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 5)[0] == 0.0 and wilson(5, 5)[1] == 1.0


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)])
def test_what_cannot_be_is_refused(successes: int, trials: int, confidence: float) -> None:
    with pytest.raises(ValueError):
        wilson(successes, trials, confidence)


def test_it_needs_no_heavy_library() -> None:
    code = "import sys, sessions.statistics as s; s.wilson(4, 6); sys.exit(bool({'scipy', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def tables(*trials: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Every pair of results of so many trials, 0/n and n/n among them."""
    for n, m in product(trials, repeat=2):
        yield from (((k, n), (j, m)) for k, j in product(range(n + 1), range(m + 1)))


def test_the_interval_of_a_difference_is_that_of_statsmodels_and_of_fieldtrial() -> None:
    from fieldtrial.stats.compare import newcombe_interval
    from statsmodels.stats.proportion import confint_proportions_2indep

    for first, second in tables(1, 2, 5, 15):
        there = newcombe_interval(*first, *second)
        assert newcombe(first, second) == pytest.approx(there, abs=1e-12)
    for first, second in [
        ((1, 1), (0, 1)),
        ((0, 5), (5, 5)),
        ((4, 5), (1, 5)),
        ((6, 15), (5, 5)),
        ((171, 200), (150, 200)),
    ]:
        there = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
        assert newcombe(first, second) == pytest.approx(there, abs=1e-9)


def test_the_interval_of_a_difference_covers_where_the_arms_are_unlike() -> None:
    """Exact: 5 trials against 40."""
    import numpy as np

    from sessions.statistics.exact import binomial

    few, many, rates = 5, 40, np.linspace(0.05, 0.95, 10)
    ends = np.array([[newcombe((k, few), (j, many)) for j in range(many + 1)] for k in range(few + 1)])
    shares = [
        one @ ((ends[..., 0] <= p - q) & (p - q <= ends[..., 1])) @ other
        for p, one in zip(rates, binomial(rates, few), strict=True)
        for q, other in zip(rates, binomial(rates, many), strict=True)
    ]
    assert abs(np.mean(shares) - 0.955) < 0.015 and min(shares) > 0.85


def test_the_interval_of_a_difference_turns_round_with_the_arms() -> None:
    for first, second in tables(1, 3, 5):
        low, high = newcombe(first, second)
        assert newcombe(second, first) == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [((0, 0), (1, 2)), ((1, 2), (0, 0)), ((3, 2), (1, 2)), ((1, 2), (-1, 2))])
def test_a_difference_that_cannot_be_is_refused(first: tuple[int, int], second: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        newcombe(first, second)


def test_the_intervals_cover_what_they_shall_on_average() -> None:
    """Exact, by summing binomials: 95 % within a point over the rates, and never far below."""
    import numpy as np

    from sessions.statistics.exact import binomial

    rates = np.linspace(0.02, 0.98, 49)
    for trials in (5, 20, 50):
        ends = np.array([wilson(k, trials) for k in range(trials + 1)])
        holds = (ends[:, 0] <= rates[:, None]) & (rates[:, None] <= ends[:, 1])
        covered = (binomial(rates, trials) * holds).sum(axis=1)
        assert abs(covered.mean() - 0.95) < 0.015 and covered.min() > 0.83
        both = np.array([[newcombe((k, trials), (j, trials)) for j in range(trials + 1)] for k in range(trials + 1)])
        chances = binomial(rates[::6], trials)
        shares = [
            one @ ((both[..., 0] <= p - q) & (p - q <= both[..., 1])) @ other
            for p, one in zip(rates[::6], chances, strict=True)
            for q, other in zip(rates[::6], chances, strict=True)
        ]
        assert abs(np.mean(shares) - 0.955) < 0.015 and min(shares) > 0.87
