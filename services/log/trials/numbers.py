"""What numbers of trials carry, in words: for the shell, and for every screen that shows k/n."""

from __future__ import annotations

from collections.abc import Sequence

from services.log.headline import bounds, share
from services.log.trials.arms import Arm, different, paired, pairs_of, untested
from services.units import duration, plural
from sessions.statistics import newcombe, wilson

ALPHA, POWER = 0.05, 0.8
"""The usual level and power of a plan."""
QUICK = 200
"""Trials of each arm up to which a plan beside results is exact, and a rule that may end early is searched for."""
UNTESTED = "no exact test is made of so many trials of one arm"
CLOSE = 0.1
"""How far the ends of an interval are to lie from its rate, for a rate that is known well enough to plan with."""


def carries(successes: int, judged: int) -> str:
    """In a sentence or two what k/n says of one policy, and how many more trials would tell its rate to 10 points."""
    if not judged:
        return "No trial counts yet: nothing can be said."
    low, high = wilson(successes, judged)
    said = f"The true rate may lie anywhere from {100 * low:.0f} to {100 * high:.0f} % (95 %)."
    more = to_close(successes, judged) - judged
    if more <= 0:
        return said
    return f"{said} About {more} more {_trials(more)} would tell it to within {100 * CLOSE:.0f} points."


def to_close(successes: int, judged: int) -> int:
    """The trials after which Wilson's interval of this rate is no wider than twice CLOSE; at least `judged`."""
    rate, low, high = successes / judged, judged, 10_000
    while low < high:
        middle = (low + high) // 2
        below, above = wilson(round(rate * middle), middle)
        low, high = (low, middle) if above - below <= 2 * CLOSE else (middle + 1, high)
    return low


def _trials(number: int) -> str:
    return "trial" if number == 1 else "trials"


# -- several arms -------------------------------------------------------------------------------------


def as_json(arms: Sequence[Arm]) -> dict[str, object]:
    """What `stats --json` prints. Keys may be added, none goes.

    `arms` and `pooled` have successes, trials, estimate and wilson_95; `homogeneity` has freeman_halton_p, null where
    the tables are too many, and for three arms or more `pairs` with Boschloo's p after Holm; `comparison` of two arms
    has difference (first minus second), newcombe_95 and boschloo_p_two_sided, and mcnemar_p of trials in pairs. Where
    an arm has more trials than an exact test takes, that p is null and there are no pairs. `name`, `settings` and
    `void` are of sessions; `different_settings` are the names of those that differ. `instead_of_tests` are sentences on
    an evaluation whose rule decides or that goes on: it has no homogeneity and no comparison.
    """
    from sessions.statistics.exact import mcnemar

    made: dict[str, object] = {
        "arms": [_counted(*arm.counts) | _named(arm) for arm in arms],
        "pooled": _counted(*pooled(arms)),
    }
    if instead := untested(arms):
        made["instead_of_tests"] = list(instead)
        made["different_settings"] = [name for name, _ in different(arms)]
    elif len(arms) > 1:
        homogeneity: dict[str, object] = {"freeman_halton_p": homogeneous(arms)}
        if len(arms) > 2:
            homogeneity["pairs"] = [
                {"first": a, "second": b, "boschloo_p_holm": p} for a, b, p in compared_pairs(arms) or ()
            ]
        made["homogeneity"] = homogeneity
        made["different_settings"] = [name for name, _ in different(arms)]
    if len(arms) == 2 and not instead:
        first, second = arms
        comparison: dict[str, object] = {
            "difference": first.successes / first.trials - second.successes / second.trials,
            "newcombe_95": list(newcombe(first.counts, second.counts)),
            "boschloo_p_two_sided": tested(first.counts, second.counts),
        }
        if (only := paired(first, second)) is not None:
            comparison |= {"only_first": only[0], "only_second": only[1], "mcnemar_p": mcnemar(*only)}
        made["comparison"] = comparison
    return made


def _counted(successes: int, trials: int) -> dict[str, object]:
    wide = list(wilson(successes, trials))
    return {"successes": successes, "trials": trials, "estimate": successes / trials, "wilson_95": wide}


def _named(arm: Arm) -> dict[str, object]:
    if not arm.name:
        return {}
    return {"name": arm.name, "session": arm.session, "settings": dict(arm.settings), "void": arm.void}


def pooled(arms: Sequence[Arm]) -> tuple[int, int]:
    """All successes and all trials."""
    return sum(arm.successes for arm in arms), sum(arm.trials for arm in arms)


def homogeneous(arms: Sequence[Arm]) -> float | None:
    """The Freeman-Halton p; None where there are too many tables."""
    from sessions.statistics.exact import TooMany, freeman_halton

    try:
        return freeman_halton([arm.counts for arm in arms])
    except TooMany:
        return None


def tested(first: tuple[int, int], second: tuple[int, int]) -> float | None:
    """Boschloo's p; None where an arm has too many trials for it."""
    from sessions.statistics.exact import TooMany, boschloo

    try:
        return boschloo(first, second)
    except TooMany:
        return None


def compared_pairs(arms: Sequence[Arm]) -> list[tuple[int, int, float]] | None:
    """Each two arms with Boschloo's p after Holm; None where an arm has too many trials for it."""
    from sessions.statistics.exact import TooMany, pairs

    try:
        return pairs([arm.counts for arm in arms])
    except TooMany:
        return None


def lines(arms: Sequence[Arm]) -> list[str]:
    """What `stats` prints: the settings that differ first, the rates, then what can be concluded and what not."""
    within = [difference for arm in arms for difference in arm.mixed]
    said = [f"Put together under different settings, {_values(*each)}." for each in within]
    said += differing(arms, within)
    if said:
        said += ["What differs in the results may come from that.", ""]
    names = [arm.name for arm in arms]
    rows = [(f"{arm.successes}/{arm.trials}", _rate(*arm.counts), name) for arm, name in zip(arms, names, strict=True)]
    if len(arms) > 1:
        successes, trials = pooled(arms)
        rows.append((f"{successes}/{trials}", _rate(successes, trials), "all together"))
    wide = [max(len(row[at]) for row in rows) for at in (0, 1)]
    said += [f"{counts:>{wide[0]}}  {rate:<{wide[1]}}  {name}".rstrip() for counts, rate, name in rows]
    said += ["", *voids(arms)]
    if len(arms) == 1:
        return [*said, carries(*arms[0].counts)]
    if instead := untested(arms):
        return [*said, *instead]
    return said + (two(*arms) if len(arms) == 2 else several(arms))


def differing(arms: Sequence[Arm], told: Sequence[tuple[str, tuple[str, ...]]] = ()) -> list[str]:
    """The settings that differ, a sentence each, without those `told`; the policy is what is compared, and named."""
    others = (each for each in different(arms) if each[0] != "policy" and each not in told)
    return [f"Different settings, {_values(*each)}." for each in others]


def _values(name: str, values: Sequence[str]) -> str:
    return f"{name}: {'; '.join(value or 'not said' for value in values)}"


def _rate(successes: int, trials: int) -> str:
    return f"{share(successes, trials)} {bounds(successes, trials)}"


def voids(arms: Sequence[Arm]) -> list[str]:
    """What the trials that were called void may have done to the result, a sentence or two; nothing without any."""
    if not any(arm.void for arm in arms):
        return []
    shares = [(arm.void, arm.trials + arm.void) for arm in arms]
    counted = " and ".join(f"{void} of {made}" for void, made in shares)
    names = {1: ["the"], 2: ["the first's", "the second's"]}.get(
        len(arms), [f"arm {n + 1}'s" for n in range(len(arms))]
    )
    ends = " and ".join(
        f"{name} rate from {share(a.successes, made)} to {share(a.successes + a.void, made)}"
        for a, name, (_, made) in zip(arms, names, shares, strict=True)
        if a.void
    )
    said = [f"Void: {counted} trials, left out. Counted as failures or as successes, they would make {ends}."]
    if len(arms) == 2 and (most := void_imbalance(*arms)) is not None:
        more, p = "first" if most is arms[0] else "second", tested(*shares)
        said.append(
            f"More of the {more}'s trials were void (p = {p_value(p or 0)}): look why before the two are compared."
        )
    return said


def void_imbalance(first: Arm, second: Arm) -> Arm | None:
    """The arm of which more trials were void than chance explains; None of neither."""
    (few, of), (other, out_of) = ((arm.void, arm.trials + arm.void) for arm in (first, second))
    p = tested((few, of), (other, out_of))
    return None if p is None or p > ALPHA else first if few / of > other / out_of else second


def two(first: Arm, second: Arm, *, plan: bool = True) -> list[str]:
    """What two arms say of their difference, first minus second; a sentence each.

    With `plan` also how many trials would tell more, which takes seconds for rates that are close.
    """
    difference = first.successes / first.trials - second.successes / second.trials
    p = tested(first.counts, second.counts)
    apart = f"equal rates would look as different with p = {p_value(p)} (Boschloo, two-sided)" if p is not None else ""
    said = [
        f"First minus second: {points_between(first, second, ' points, 95 % interval')} "
        f"(Newcombe); {apart or UNTESTED}.",
        *in_pairs(first, second),
    ]
    if p is None:
        return said
    if p <= ALPHA:
        which = "first" if difference > 0 else "second"
        return [
            *said,
            f"The {which} succeeds more often, if this comparison, and when it ends, was fixed before its first trial: "
            "looked at again and again, chance alone shows such a difference sooner or later.",
        ]
    said.append("No difference is shown; that the rates are equal is not shown either.")
    return [*said, more_for(first, second)] if plan else said


def points_between(first: Arm, second: Arm, between: str = "") -> str:
    """First minus second in points with Newcombe's interval: `-40 [-66, +9]`; `between` stands before the interval."""
    difference = first.successes / first.trials - second.successes / second.trials
    low, high = newcombe(first.counts, second.counts)
    return f"{100 * difference:+.0f}{between} [{100 * low:+.0f}, {100 * high:+.0f}]"


def in_pairs(first: Arm, second: Arm) -> list[str]:
    """What trials in pairs say of the difference, a sentence; nothing where there are none."""
    from sessions.statistics.exact import mcnemar

    if (only := paired(first, second)) is None:
        return []
    return [
        f"In {plural(len(pairs_of(first.tried, second.tried)), 'pair')} of trials under the same condition: "
        f"{only[0]} with success of the first alone, {only[1]} of the "
        f"second alone, p = {p_value(mcnemar(*only))} (McNemar, exact)."
    ]


def more_for(first: Arm, second: Arm, alpha: float = ALPHA) -> str:
    """How many more trials would tell the two apart at this level, if their rates were as they look now."""
    from sessions.statistics.planning import MOST_PER_ARM, roughly_per_arm, trials_per_arm

    p, q = first.successes / first.trials, second.successes / second.trials
    if p == q:
        q = p - 0.2 if p > 0.5 else p + 0.2
        if_so = f"Were the rates {_percent(p)} and {_percent(q)} %"
    else:
        if_so = f"Were {_percent(p)} and {_percent(q)} % the true rates"
    needed = roughly_per_arm(p, q, alpha, POWER)
    if needed > MOST_PER_ARM:
        return f"{if_so}, more than {MOST_PER_ARM:,} trials of each would be needed to tell them apart."
    if needed > QUICK:
        return f"{if_so}, about {round(needed, -1)} trials of each would tell them apart."
    needed = trials_per_arm(p, q, alpha, POWER)
    return (
        f"{if_so}, {needed} trials of each would tell them apart in {100 * POWER:.0f} of 100 comparisons: "
        f"{_more(max(0, needed - first.trials), max(0, needed - second.trials))}."
    )


def _more(first: int, second: int) -> str:
    return f"{first} more of each" if first == second else f"{first} more of one, {second} more of the other"


def several(arms: Sequence[Arm]) -> list[str]:
    """What several arms say of each other; a sentence each."""
    p, each_two = homogeneous(arms), compared_pairs(arms)
    if each_two is None:
        return [f"The arms are not compared: {UNTESTED}."]
    if p is None:
        said = ["There are too many tables to test all arms together exactly."]
    else:
        shown = "they are not all equal" if p <= ALPHA else "no difference among them is shown"
        said = [f"That all have one rate: p = {p_value(p)} (Freeman-Halton, exact): {shown}."]
    holding = [(a, b, q) for a, b, q in each_two if q <= ALPHA]
    said += [f"Arm {a + 1} and arm {b + 1} differ: p = {p_value(q)} (Boschloo, after Holm)." for a, b, q in holding]
    if not holding:
        said.append("No two of them are told apart (Boschloo, after Holm).")
        rates = sorted(arms, key=lambda arm: arm.successes / arm.trials)
        level = ALPHA / len(each_two)  # the strictest that Holm asks: of the largest of so many differences
        more = more_for(rates[0], rates[-1], level)
        said.append(f"The lowest and the highest rate: {more[0].lower()}{more[1:]}")
    return said


def p_value(p: float) -> str:
    """`0.75`, `0.020`, `0.0012`, `below 0.0001`."""
    if p < 0.0001:
        return "below 0.0001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}" if p < 0.001 else f"{p:.3f}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g}"


# -- plans --------------------------------------------------------------------------------------------


def plan_json(
    first: float, second: float, alpha: float, power: float, pace: tuple[float, int] | None
) -> dict[str, object]:
    """What `plan --json` prints: trials_per_arm and what it follows from; minutes are null before any evaluation.

    `early` is of the comparison in pairs that may end early, null where none is searched for.
    """
    from sessions.statistics.planning import exact_power, trials_per_arm

    needed = trials_per_arm(first, second, alpha, power)
    early = _early(first, second, alpha, power, needed)
    return {
        "rates": [first, second],
        "alpha": alpha,
        "power": power,
        "test": "boschloo_two_sided",
        "trials_per_arm": needed,
        "exact_power": exact_power(needed, first, second, alpha),
        "seconds_per_trial": pace[0] if pace and pace[1] else None,
        "minutes": 2 * needed * pace[0] / 60 if pace and pace[1] else None,
        "early": dict(zip(("most_pairs", "mean_pairs", "mean_pairs_if_equal"), early, strict=True)) if early else None,
    }


def plan_lines(first: float, second: float, alpha: float, power: float, pace: tuple[float, int] | None) -> list[str]:
    """What `plan` prints: the trials, the time that they take, and what few trials can tell at most.

    A `pace` of 0 evaluations is of a trial without its reset, as imported ones have it.
    """
    from sessions.statistics.planning import exact_power, trials_per_arm

    needed = trials_per_arm(first, second, alpha, power)
    reached = exact_power(needed, first, second, alpha)
    said = [
        f"{needed} {_trials(needed)} of each tell {_percent(first)} from {_percent(second)} % in "
        f"{100 * reached:.0f} of 100 comparisons (Boschloo's test, two-sided, at {_percent(alpha)} %)."
    ]
    if pace and pace[1]:
        one = "the one evaluation" if pace[1] == 1 else f"{pace[1]} evaluations"
        said.append(
            f"At {pace[0]:.0f} s a trial with its reset, as in {one} so far, both arms take "
            f"{duration(2 * needed * pace[0])} at the bench."
        )
    elif pace:
        said.append(
            f"Both arms take {duration(2 * needed * pace[0])} at the bench and the resets: a trial had {pace[0]:g} s "
            "in the evaluations that were imported; how long a reset took is not recorded there."
        )
    else:
        said.append("How long that takes is not known yet: no evaluation in real time has two trials.")
    if (early := _early(first, second, alpha, power, needed)) is not None:
        most, apart, equal = early
        said.append(
            f"In pairs, with the right to end early by a rule fixed before: at most {most} of each, {apart:.0f} "
            f"on average if the rates are these, {equal:.0f} if both are {_percent(max(first, second))} %."
        )
    return [*said, at_most(5, alpha, power), *([at_most(needed, alpha, power)] if needed > 5 else [])]


def _early(first: float, second: float, alpha: float, power: float, needed: int) -> tuple[int, float, float] | None:
    """Of the comparison in pairs: the most of them, and those on average if the rates are these, and if equal."""
    from sessions.statistics.sequential import chances, plan

    if needed > QUICK or min(first, second) == 0 or max(first, second) == 1:
        return None
    try:
        rule = plan(first, second, alpha, power)
    except ValueError:
        return None
    high = max(first, second)
    return rule.most, chances(rule, first, second).pairs, chances(rule, high, high).pairs


def at_most(trials: int, alpha: float = ALPHA, power: float = POWER) -> str:
    """What so many trials of each arm can tell at most, in a sentence."""
    from sessions.statistics.planning import reach

    found = reach(trials, alpha, power)
    if found.apart_from_all is None:
        least = f"even {trials}/{trials} against 0/{trials} has p = {p_value(found.least_p)}"
        return f"With {trials} of each nothing is told apart: {least}."
    least = f"{found.apart_from_all}/{trials}" + (" or fewer" if found.apart_from_all else "")
    told = f"With {trials} of each, {trials}/{trials} is told from {least}"
    if found.apart_from_certain is None:
        return f"{told}."
    return (
        f"{told}; beside a policy that never fails, one is told apart in {_percent(power)} of 100 comparisons only if "
        f"it succeeds in at most {100 * found.apart_from_certain:.0f} %."
    )
