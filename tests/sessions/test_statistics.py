"""The interval of a success rate: scipy's numbers, without scipy's import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sessions.statistics import wilson


def test_it_gives_what_scipy_gives() -> None:
    from scipy.stats import binomtest

    for trials in (1, 2, 3, 5, 6, 15, 20, 40, 200):
        for successes in range(trials + 1):
            for confidence in (0.8, 0.95, 0.99):
                there = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
                assert wilson(successes, trials, confidence) == pytest.approx((there.low, there.high), abs=1e-12)


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
    code = "import sys, sessions.statistics as s; s.wilson(4, 6); sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
