"""Exact tests against scipy, statsmodels, fieldtrial and brute force with fractions."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, prod

import numpy as np
import pytest

from sessions.statistics import exact
from sessions.statistics.exact import TooMany, boschloo, freeman_halton, holm, mcnemar, pairs

RATES = np.sin(np.linspace(0, np.pi / 2, 4001)) ** 2


@cache
def brute(n: int, m: int) -> dict[tuple[int, int], float]:
    """Boschloo's two-sided p of every table: Fisher's p as fractions, the common rate on a fine grid."""
    tables = list(product(range(n + 1), range(m + 1)))

    def fisher(k: int, j: int, sign: int) -> Fraction:
        ways = {a: comb(n, a) * comb(m, k + j - a) for a in range(max(0, k + j - m), min(n, k + j) + 1)}
        return Fraction(sum(w for a, w in ways.items() if sign * a >= sign * k), sum(ways.values()))

    chances = {(a, b): comb(n, a) * comb(m, b) * RATES ** (a + b) * (1 - RATES) ** (n + m - a - b) for a, b in tables}
    found: dict[tuple[int, int], float] = {}
    sides = []
    for sign in (1, -1):
        p = {table: fisher(*table, sign) for table in tables}
        sides.append({t: float(max(sum(chances[o] for o in tables if p[o] <= p[t]))) for t in tables})
    for table in tables:
        found[table] = min(1.0, 2 * min(side[table] for side in sides))
    return found


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 4), (2, 3), (5, 5), (6, 4), (8, 8), (11, 7)])
def test_boschloo_is_what_brute_force_gives(n: int, m: int) -> None:
    for (k, j), p in brute(n, m).items():
        assert boschloo((k, n), (j, m)) == pytest.approx(p, rel=1e-5)


def test_boschloo_is_what_scipy_gives() -> None:
    from scipy.stats import boschloo_exact

    for (k, n), (j, m) in [
        ((5, 5), (4, 5)),
        ((6, 15), (5, 5)),
        ((1, 3), (5, 5)),
        ((0, 1), (1, 1)),
        ((20, 40), (31, 38)),
    ]:
        there = boschloo_exact([[k, j], [n - k, m - j]], alternative="two-sided", n=32).pvalue
        assert boschloo((k, n), (j, m)) == pytest.approx(there, rel=1e-6)


def test_boschloo_is_what_fieldtrial_gives_at_the_edges_too() -> None:
    from fieldtrial.stats import compare_independent

    for n, m in ((1, 1), (1, 6), (5, 5), (20, 13)):
        for k, j in {(0, 0), (0, m), (n, 0), (n, m), (n // 2, m)}:
            there = compare_independent(k, n, j, m, test="boschloo").primary.pvalue
            assert boschloo((k, n), (j, m)) == pytest.approx(there, rel=1e-6)


def test_boschloo_at_two_hundred_is_the_largest_on_a_far_finer_grid() -> None:
    from sessions.statistics.exact import _binomials, _chance, fisher_greater, largest, staircase

    angles = np.linspace(0, np.pi / 2, 8_001)
    first, second = _binomials(angles, 200, 190)
    fisher = fisher_greater(200, 190)
    for k, j in ((3, 0), (120, 90), (199, 180), (60, 41), (1, 0), (200, 0), (30, 60)):
        steps = staircase(fisher, fisher[k, j])
        fine = float(_chance(steps, first, second).max())
        assert fine * (1 - 1e-9) <= largest(steps, 200, 190) <= fine * (1 + 1e-4)


def test_boschloo_does_not_care_which_arm_is_first_nor_what_is_called_success() -> None:
    for n, m in ((1, 1), (5, 5), (3, 9), (40, 37)):
        for k, j in product(range(0, n + 1, max(1, n // 5)), range(0, m + 1, max(1, m // 5))):
            assert boschloo((k, n), (j, m)) == boschloo((j, m), (k, n))
            assert boschloo((n - k, n), (m - j, m)) == pytest.approx(boschloo((k, n), (j, m)), rel=1e-6)


def test_the_comparisons_of_the_real_bench() -> None:
    assert round(boschloo((5, 5), (4, 5)), 2) == 0.75
    assert round(boschloo((6, 15), (5, 5)), 3) == 0.020
    assert round(boschloo((4, 5), (1, 5)), 3) == 0.109
    assert round(boschloo((1, 3), (5, 5)), 2) == 0.09
    assert round(freeman_halton([(1, 5), (4, 5), (1, 5)]), 3) == 0.201


def test_mcnemar_is_what_statsmodels_and_fieldtrial_give() -> None:
    from fieldtrial.stats import mcnemar_exact
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    for b, c in product(range(9), repeat=2):
        there = theirs([[3, b], [c, 2]], exact=True).pvalue if b + c else 1.0
        assert mcnemar(b, c) == pytest.approx(min(1.0, there), abs=1e-12)
    assert mcnemar(2, 9) == pytest.approx(mcnemar_exact(2, 9).pvalue, abs=1e-12)
    assert mcnemar(400, 700) == pytest.approx(theirs([[0, 400], [700, 0]], exact=True).pvalue, rel=1e-9)


def brute_homogeneity(arms: list[tuple[int, int]]) -> Fraction:
    total = sum(k for k, _ in arms)
    tables = [t for t in product(*(range(n + 1) for _, n in arms)) if sum(t) == total]
    ways = {t: prod(comb(n, k) for k, (_, n) in zip(t, arms, strict=True)) for t in tables}
    here = ways[tuple(k for k, _ in arms)]
    return Fraction(sum(w for w in ways.values() if w <= here), sum(ways.values()))


def test_homogeneity_is_what_brute_force_with_fractions_gives() -> None:
    shapes = [(1, 1), (5, 5), (1, 2, 3), (5, 5, 5), (4, 6, 2), (3, 3, 3, 3), (2, 5, 1, 4), (2, 2, 2, 2, 2)]
    for shape in shapes:
        for successes in product(*(sorted({0, n // 2, n}) for n in shape)):
            arms = list(zip(successes, shape, strict=True))
            assert freeman_halton(arms) == pytest.approx(float(brute_homogeneity(arms)), rel=1e-9)


def test_homogeneity_of_two_is_fishers_and_cares_for_no_order() -> None:
    from scipy.stats import fisher_exact

    for (k, n), (j, m) in [((4, 5), (1, 5)), ((0, 1), (1, 1)), ((60, 200), (85, 190)), ((5, 5), (0, 7))]:
        there = fisher_exact([[k, n - k], [j, m - j]]).pvalue
        assert freeman_halton([(k, n), (j, m)]) == pytest.approx(there, rel=1e-6)
    arms = [(3, 9), (7, 8), (2, 5), (10, 20)]
    assert freeman_halton(arms) == pytest.approx(freeman_halton(arms[::-1]), rel=1e-9)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: boschloo((60, 200), (85, 199)),
        lambda: boschloo((199, 200), (150, 198)),
        lambda: freeman_halton([(100, 200), (120, 199), (90, 198), (105, 197)]),
        lambda: mcnemar(80, 120),
    ],
)
def test_two_hundred_trials_of_each_take_no_noticeable_time(asked: Callable[[], float]) -> None:
    took = []
    for _ in range(3):
        for remembered in (exact._greater, exact.fisher_greater, exact._grid, exact._log_choices):
            remembered.cache_clear()
        began = time.process_time()
        asked()
        took.append(time.process_time() - began)
    assert min(took) < 0.05


def test_too_many_tables_are_said_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(TooMany):
        freeman_halton([(100, 200 - arm) for arm in range(9)])
    assert time.monotonic() - began < 5


def test_holm_is_what_statsmodels_gives() -> None:
    from statsmodels.stats.multitest import multipletests

    for ps in ([0.01, 0.04, 0.03, 0.005], [0.5], [0.2, 0.2, 0.2], [0.9, 1.0, 0.001]):
        assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), abs=1e-12)
    assert holm([]) == []
    assert [(a, b) for a, b, _ in pairs([(1, 5), (4, 5), (1, 5)])] == [(0, 1), (0, 2), (1, 2)]


@pytest.mark.parametrize(
    "asked",
    [
        lambda: boschloo((0, 0), (1, 2)),
        lambda: boschloo((3, 2), (1, 2)),
        lambda: boschloo((1, 5000), (1, 2)),
        lambda: mcnemar(-1, 2),
        lambda: freeman_halton([(1, 2)]),
        lambda: freeman_halton([(1, 2), (0, 0)]),
    ],
)
def test_what_cannot_be_is_refused(asked: Callable[[], float]) -> None:
    with pytest.raises(ValueError):
        asked()


def test_no_scipy_and_no_reference_is_loaded() -> None:
    names = "sessions.statistics.exact, sessions.statistics.planning, services.log.trials.numbers"
    code = f"import sys, {names}\nsys.exit(bool({{'scipy', 'statsmodels', 'fieldtrial'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
