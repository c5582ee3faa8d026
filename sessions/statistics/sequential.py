"""A comparison of two policies that may end early, at a controlled error: the sequential sign test of pairs.

Trials come in pairs, one of each policy under the same condition. A pair with success of one policy alone is unlike;
the others carry nothing. Were the policies equal, either would win an unlike pair with probability 1/2, whatever the
rate of success and however it differs between conditions: the error is exact, and the same at base rates of 10, 50
and 90 %, which holds for no test of the two rates themselves.

The rule, fixed before the first trial, says after each number of unlike pairs which lead ends the comparison: a large
one for the policy that has it, a small one (late) without a difference. Of all rules on the lead with this error and
this power it needs about the fewest trials: found by backward induction, whose two prices of an error are searched.
Sources: A. Wald, Sequential Analysis (1947), ch. 6 (unlike pairs of two binomial streams); G. Lorden, Structure of
sequential tests minimizing an expected sample size, Z. Wahrscheinlichkeitstheorie 51 (1980) (backward induction).
tests/bench/sequential_table.py compares it with others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, log, sqrt

import numpy as np
import numpy.typing as npt

from sessions.statistics.planning import check_plan, trials_per_arm
from sessions.statistics.rule import NEVER, Sequential, share_of, unlike_of

MOST_PAIRS = 600
"""No rule is made for more pairs: no bench makes them, and the search would take minutes."""
type Numbers = npt.NDArray[np.float64]


# -- making the rule ----------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def plan(first: float, second: float, alpha: float = 0.05, power: float = 0.8, most: int = 0) -> Sequential:
    """The rule that tells `first` from `second` with this power, in at most `most` pairs (0: half more than fixed).

    `fixed` is the number of trials per arm of the plan with Boschloo's test. Half of the price is of the trials that
    equal policies take, half of those that unlike ones do. Raises ValueError where no plan can be made, where `most`
    is too small for the power, or larger than MOST_PAIRS.
    """
    check_plan(first, second, alpha, power)
    if min(first, second) == 0 or max(first, second) == 1:
        raise ValueError("the least effect lies between rates above 0 and below 1: no policy is known never to fail")
    most = most or ceil(1.5 * trials_per_arm(first, second, alpha, power))
    if most > MOST_PAIRS:
        raise ValueError(f"{most} pairs are more than a rule is made for ({MOST_PAIRS}): choose a larger least effect")
    share, unlike = share_of(first, second), unlike_of(first, second)
    width = max(1, min(most, ceil(1.1 * most * unlike + 2)))
    found, fewest = None, inf
    centre, reach = np.array([log(400.0), log(60.0)]), 2.2
    for _ in range(3):
        steps = [np.linspace(at - reach, at + reach, 13) for at in centre]
        prices = np.stack([grid.ravel() for grid in np.meshgrid(*steps, indexing="ij")])
        better, equal = _lines(share, width, *np.exp(prices))
        to_one, to_other, alike = _ends(better, equal, 0.5)
        right, _, pairs = _ends(better, equal, share)
        wrong, cost = to_one + to_other, pairs + alike
        fits = np.flatnonzero((wrong <= alpha) & (right >= power))
        for at in fits[np.argsort(cost[fits])][:8]:
            made = Sequential(
                alpha=alpha,
                power=power,
                least=(first, second),
                most=most,
                better=tuple(better[at].tolist()),
                equal=tuple(equal[at].tolist()),
            )
            there, null = chances(made, max(first, second), min(first, second)), chances(made, *_equals(unlike))
            if there.first >= power and there.pairs + null.pairs < fewest:
                found, fewest, centre = made, there.pairs + null.pairs, prices[:, at]
        reach /= 5
    if found is None:
        few = f"{most} pairs are too few to tell {first:g} from {second:g} with a power of {power:g}"
        raise ValueError(f"{few}: allow more, or choose rates further apart")
    return found


def _equals(unlike: float) -> tuple[float, float]:
    """Two equal rates whose pairs are unlike as often, or nearly."""
    rate = (1 + sqrt(max(0.0, 1 - 2 * unlike))) / 2
    return rate, rate


def _lines(share: float, width: int, wrong: Numbers, missed: Numbers) -> tuple[npt.NDArray[np.int64], ...]:
    """The best lines, (prices, width) each, for these prices of calling equals unlike and of missing a difference.

    A pair costs 1 under either; all costs are weighted by the likelihood of a path to the state.
    """
    lead = np.arange(-width, width + 1)
    better = np.zeros((len(wrong), width), dtype=np.int64)
    equal = np.full((len(wrong), width), NEVER, dtype=np.int64)
    later: Numbers | None = None
    for unlike in range(width, 0, -1):
        won, lost = (unlike + lead) / 2, (unlike - lead) / 2
        one = np.exp(won * log(share) + lost * log(1 - share))
        null = 0.5**unlike
        call = wrong[:, None] * null + missed[:, None] * 0.5 * one[::-1]
        call = np.minimum(call, call[:, ::-1])
        none = missed[:, None] * 0.5 * (one + one[::-1])
        ended = np.minimum(call, none)
        go = np.full_like(ended, np.inf)
        if later is not None:
            go[:, 1:-1] = (0.5 * (one + one[::-1]) + null)[1:-1] + later[:, 2:] + later[:, :-2]
        ends = (ended <= go)[:, width:]
        calls = ends & (call < none)[:, width:]
        own = (np.arange(width + 1) - unlike) % 2 == 0  # leads that so many unlike pairs can have
        own &= np.arange(width + 1) <= unlike
        there = calls & own
        better[:, unlike - 1] = np.where(there.any(axis=1), there.argmax(axis=1), unlike + 2)
        without = ends & ~calls & own
        equal[:, unlike - 1] = np.where(without.any(axis=1), width - without[:, ::-1].argmax(axis=1), NEVER)
        later = np.minimum(ended, go)
    return better, equal


def _ends(
    better: npt.NDArray[np.int64], equal: npt.NDArray[np.int64], share: float
) -> tuple[Numbers, Numbers, Numbers]:
    """How probably each rule ends for the first and for the second, and the unlike pairs that it takes on average."""
    rules, width = better.shape
    lead = np.arange(-width, width + 1)
    here: Numbers = np.zeros((rules, 2 * width + 1))
    here[:, width] = 1
    first, second, taken = np.zeros(rules), np.zeros(rules), np.zeros(rules)
    for at in range(width):
        taken += here.sum(axis=1)
        there = np.zeros_like(here)
        there[:, 1:] = here[:, :-1] * share
        there[:, :-1] += here[:, 1:] * (1 - share)
        called = np.abs(lead) >= better[:, at, None]
        first += (there * (called & (lead > 0))).sum(axis=1)
        second += (there * (called & (lead < 0))).sum(axis=1)
        here = np.where(called | (np.abs(lead) <= equal[:, at, None]), 0.0, there)
    return first, second, taken


@dataclass(frozen=True)
class Chances:
    """How probably a comparison ends for the first or for the second, and the pairs that it takes on average."""

    first: float
    second: float
    pairs: float


def chances(rule: Sequential, first: float, second: float) -> Chances:
    """Exact, for policies with these success rates, asked after every pair, the most pairs included.

    Who wins an unlike pair does not depend on how many pairs it takes to see one: the lead after each unlike pair is
    followed by itself, then how probably there are as many unlike pairs among the first t.
    """
    up, unlike = first * (1 - second), unlike_of(first, second)
    if not unlike:
        return Chances(0.0, 0.0, float(rule.most))
    width, share = len(rule.better), up / unlike
    lead = np.arange(-width, width + 1)
    here: Numbers = np.zeros(2 * width + 1)
    here[width] = 1
    ended: Numbers = np.zeros((width, 3))  # after each unlike pair: for the first, for the second, in all
    for at in range(width):
        there = np.zeros_like(here)
        there[1:] = here[:-1] * share
        there[:-1] += here[1:] * (1 - share)
        called = np.abs(lead) >= rule.better[at]
        over = called | (np.abs(lead) <= rule.equal[at]) | (at == width - 1)
        ended[at] = there[called & (lead > 0)].sum(), there[called & (lead < 0)].sum(), there[over].sum()
        here = np.where(over, 0.0, there)
    seen: Numbers = np.zeros(width)  # the probability of 0, 1, ... unlike pairs among the first t
    seen[0] = 1
    taken: Numbers = np.zeros(width)
    for _ in range(rule.most):
        taken += np.cumsum(seen)  # fewer than 1, 2, ... of them: the comparison goes on
        more = seen * unlike
        seen = seen - more
        seen[1:] += more[:-1]
    in_time = 1 - np.cumsum(seen)
    return Chances(float(ended[:, 0] @ in_time), float(ended[:, 1] @ in_time), float(ended[:, 2] @ taken))
