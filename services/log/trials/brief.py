"""What a comparison says once all its trials are judged, as short as a panel needs it; its page has the rest. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.log.trials.arms import Arm, of_evaluation
from services.log.trials.conclusion import MORE_TOGETHER
from services.log.trials.numbers import ALPHA, UNTESTED, compared_pairs, homogeneous, p_value, tested, void_imbalance
from services.refusal import Refusal
from sessions.chains import Evaluation

REST = "Its page on the Log has the rest."
FIXED = "if the number of trials was fixed before"


def brief(whole: Evaluation) -> list[str]:
    """The outcome first, a short sentence each; empty where no trial counts."""
    try:
        arms = of_evaluation(whole)
    except Refusal:
        return []
    if len(arms) < 2:
        return ["Only one policy has trials that count: nothing is compared.", REST]
    return [*(_two(*arms) if len(arms) == 2 else _several(arms)), REST]


def _two(first: Arm, second: Arm) -> list[str]:
    p, most_void = tested(first.counts, second.counts), void_imbalance(first, second)
    void = [f"More trials of {most_void.called} were void: look why first."] if most_void is not None else []
    if p is None:
        return [*void, f"{UNTESTED[0].upper()}{UNTESTED[1:]}."]
    if p > ALPHA:
        return [*void, f"No difference is shown (p = {p_value(p)}), nor that they are equal."]
    better = first if first.successes * second.trials > second.successes * first.trials else second
    return [*void, f"{better.called} succeeds more often (p = {p_value(p)}), {FIXED}."]


def _several(arms: Sequence[Arm]) -> list[str]:
    if len(arms) > MORE_TOGETHER:
        return [f"{len(arms)} policies are too many to compare each two of them."]
    each_two, p = compared_pairs(arms), homogeneous(arms)
    if each_two is None:
        return [f"{UNTESTED[0].upper()}{UNTESTED[1:]}."]
    said = []
    if p is not None:
        words = "They are not all equal" if p <= ALPHA else "No difference among them is shown"
        said.append(f"{words} (p = {p_value(p)}){f', {FIXED}' if p <= ALPHA else ''}.")
    apart = [(arms[a], arms[b], q) for a, b, q in each_two if q <= ALPHA]
    said += [f"{a.called} and {b.called} differ (p = {p_value(q)})." for a, b, q in apart]
    return said if apart else [*said, "No two of them are told apart."]
