"""The sequential comparison: its error with peeking after each pair, its saving, its decisions."""

from __future__ import annotations

from itertools import product

import msgspec
import numpy as np
import pytest

from sessions.statistics import wilson
from sessions.statistics.exact import boschloo
from sessions.statistics.planning import trials_per_arm
from sessions.statistics.rule import Decision, Sequential, standing
from sessions.statistics.sequential import chances, plan

RULE = plan(0.76, 0.9)
RUNS = 20_000


def peeked(rule: Sequential, first: float, second: float, seed: int) -> tuple[float, float, float]:
    """Shares that end for the first and for the second, and mean pairs, of RUNS comparisons with random outcomes."""
    random = np.random.default_rng(seed)
    outcomes = (random.random((2, rule.most, RUNS)) < np.array([first, second])[:, None, None]).astype(np.int64)
    lead, unlike = np.cumsum(outcomes[0] - outcomes[1], axis=0), np.cumsum(outcomes[0] != outcomes[1], axis=0)
    at = np.minimum(unlike, len(rule.better))
    called = np.abs(lead) >= np.array([10**6, *rule.better])[at]
    over = called | (np.abs(lead) <= np.array([-1, *rule.equal])[at]) | (unlike >= len(rule.better))
    over[-1] = True
    when = over.argmax(axis=0)
    runs = np.arange(RUNS)
    ended, ahead = called[when, runs], lead[when, runs] > 0
    return float((ended & ahead).mean()), float((ended & ~ahead).mean()), float(when.mean() + 1)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_equal_policies_are_called_unlike_no_more_often_than_alpha(rate: float) -> None:
    first, second, _ = peeked(RULE, rate, rate, seed=14)
    within = 3 * (0.05 * 0.95 / RUNS) ** 0.5
    assert first + second <= 0.05 + within
    exact = chances(RULE, rate, rate)
    assert exact.first + exact.second <= 0.05
    assert first + second == pytest.approx(exact.first + exact.second, abs=within)


def test_it_holds_too_where_conditions_differ_in_difficulty() -> None:
    """Pairs are of one condition: each may have a rate of its own."""
    random = np.random.default_rng(15)
    wrong, runs = 0, 1500
    for _ in range(runs):
        rates = np.tile([0.05, 0.95, 0.5, 0.8], 50)[: RULE.most]
        outcomes = random.random((len(rates), 2)) < rates[:, None]
        wrong += standing(RULE, outcomes.tolist()).decision in (Decision.FIRST, Decision.SECOND)
    assert wrong / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_it_needs_a_quarter_fewer_trials_than_the_fixed_plan_of_equal_error_and_power() -> None:
    fixed = trials_per_arm(0.76, 0.9)
    exact = chances(RULE, 0.76, 0.9)
    assert exact.second >= 0.8 and exact.pairs <= 0.75 * fixed
    first, second, pairs = peeked(RULE, 0.76, 0.9, seed=16)
    assert second == pytest.approx(exact.second, abs=0.01) and first < 0.001
    assert pairs == pytest.approx(exact.pairs, rel=0.02)


def test_peeking_at_the_fixed_test_would_not_hold() -> None:
    """Why it is not offered: Boschloo after each of 25 trials calls equal policies unlike far too often."""
    random = np.random.default_rng(17)
    wrong = 0
    for outcomes in random.random((120, 25, 2)) < 0.5:
        sums = outcomes.cumsum(axis=0)
        wrong += any(boschloo((int(k), n), (int(j), n)) <= 0.05 for n, (k, j) in enumerate(sums, 1))
    assert wrong / 120 > 0.08


def test_the_exact_chances_are_those_of_all_sequences() -> None:
    rule = Sequential(alpha=0.3, power=0.5, least=(0.8, 0.3), most=5, better=(3, 2, 3, 2), equal=(-1, -1, -1, 0))
    first, second = 0.7, 0.4
    kinds = {
        (a, b): (first if a else 1 - first) * (second if b else 1 - second) for a, b in product((True, False), repeat=2)
    }
    ends = dict.fromkeys(Decision, 0.0)
    pairs = 0.0
    for made in product(kinds, repeat=5):
        weight = float(np.prod([kinds[pair] for pair in made]))
        there = standing(rule, made)
        ends[there.decision] += weight
        pairs += weight * there.pairs
    exact = chances(rule, first, second)
    assert (exact.first, exact.second) == pytest.approx((ends[Decision.FIRST], ends[Decision.SECOND]))
    assert exact.pairs == pytest.approx(pairs) and ends[Decision.GO_ON] == 0


ONE, OTHER, BOTH, NEITHER = (True, False), (False, True), (True, True), (False, False)


def test_what_it_says_and_how_far_the_line_is() -> None:
    start = standing(RULE, [])
    assert (start.decision, start.pairs, start.lead) == (Decision.GO_ON, 0, 0)
    assert start.line == start.wins_to_line
    assert start.wins_to_line is not None
    some = standing(RULE, [ONE, BOTH, NEITHER, ONE, OTHER])
    assert (some.decision, some.pairs, some.unlike, some.lead) == (Decision.GO_ON, 5, 3, 1)
    assert some.wins_to_line is not None and some.line == 1 + some.wins_to_line
    won = [ONE] * start.wins_to_line
    assert standing(RULE, won[1:]).decision is Decision.GO_ON
    assert standing(RULE, won).decision is Decision.FIRST and standing(RULE, won).line is None
    assert standing(RULE, [OTHER] * len(won)).decision is Decision.SECOND


def test_a_decision_stays_whatever_comes_later() -> None:
    start = standing(RULE, []).wins_to_line
    assert start is not None
    made = standing(RULE, [ONE] * start)
    assert standing(RULE, [*[ONE] * start, *[OTHER] * 60]) == made


def test_it_ends_at_the_most_pairs_and_early_without_a_difference() -> None:
    used_up = standing(RULE, [BOTH] * (RULE.most + 5))
    assert (used_up.decision, used_up.pairs, used_up.at_most) == (Decision.NONE, RULE.most, True)
    assert standing(RULE, [BOTH] * (RULE.most - 1)).decision is Decision.GO_ON
    even = standing(RULE, [ONE, OTHER] * 40)
    assert even.decision is Decision.NONE and not even.at_most and even.pairs < RULE.most


def test_the_rule_is_kept_in_a_file_as_it_was_made() -> None:
    assert msgspec.json.decode(msgspec.json.encode(RULE), type=Sequential) == RULE
    assert len(msgspec.json.encode(RULE)) < 1000


def test_the_error_of_the_lines_alone_is_exact() -> None:
    """Without the most pairs: the walk of unlike pairs, its probabilities as whole numbers of sequences."""
    rule = plan(0.4, 0.8)
    width = len(rule.better)
    going = {0: 1}
    wrong = 0.0
    for unlike in range(1, width + 1):
        step: dict[int, int] = {}
        for lead, ways in going.items():
            for next_lead in (lead + 1, lead - 1):
                step[next_lead] = step.get(next_lead, 0) + ways
        wrong += sum(ways for lead, ways in step.items() if abs(lead) >= rule.better[unlike - 1]) / 2**unlike
        going = {k: v for k, v in step.items() if rule.equal[unlike - 1] < abs(k) < rule.better[unlike - 1]}
    assert 0.02 < wrong <= 0.05


@pytest.mark.parametrize(
    "asked", [(0.5, 0.5), (0.0, 0.5), (0.5, 1.0), (0.5, 0.55), (0.76, 0.9, 0.05, 0.8, 20), (0.2, 0.8, 0.05, 0.8, 5000)]
)
def test_what_no_rule_can_do_is_refused(asked: tuple[float, ...]) -> None:
    with pytest.raises(ValueError):
        plan(*asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(("first", "second"), [(0.76, 0.9), (0.9, 0.9), (0.5, 0.5)])
def test_the_intervals_of_the_rates_keep_about_their_coverage_after_an_early_end(first: float, second: float) -> None:
    """They do not allow for it: shown beside what the rule says, they must not be much too narrow."""
    random = np.random.default_rng(18)
    outcomes = random.random((2, RULE.most, 4000)) < np.array([first, second])[:, None, None]
    one, other = outcomes.astype(np.int64)
    lead, unlike = np.cumsum(one - other, axis=0), np.cumsum(one != other, axis=0)
    at = np.minimum(unlike, len(RULE.better))
    over = (np.abs(lead) >= np.array([10**6, *RULE.better])[at]) | (np.abs(lead) <= np.array([-1, *RULE.equal])[at])
    over[-1] = True
    when = over.argmax(axis=0)
    for arm, rate in ((one, first), (other, second)):
        successes = np.cumsum(arm, axis=0)[when, np.arange(4000)]
        held = [low <= rate <= high for low, high in map(wilson, successes.tolist(), (when + 1).tolist())]
        assert np.mean(held) >= 0.92
