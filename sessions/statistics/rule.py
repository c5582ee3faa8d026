"""The rule of a comparison that may end early, and what it says of pairs of trials. Needs no numpy.

`sessions.statistics.sequential` says what kind of rule it is and why, and makes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

RULE = "sequential sign test of pairs"
NEVER = -1
"""A lead that ends nothing, in `equal`."""


class Sequential(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of one comparison, fixed before its first trial and stored with it.

    `least` are the two success rates that are to be told apart with this `power`; a smaller difference may end without
    one. `most` is the largest number of pairs. After m unlike pairs (m from 1; as many as `better` has are the most) a
    lead of `better[m - 1]` or more ends it for the policy that leads, one of `equal[m - 1]` or less without a
    difference (NEVER: not there). `alpha` is the probability that equal policies end with either called better.
    Without `better` it is only asked for, and still to be made.
    """

    rule: str = RULE
    alpha: float
    power: float
    least: tuple[float, float]
    most: int = 0
    better: tuple[int, ...] = ()
    equal: tuple[int, ...] = ()


def sound(rule: Sequential) -> bool:
    """Whether this rule can be followed: none that is still to be made, nor what a hand or a fault wrote."""
    one, other = rule.least
    return (
        0 < len(rule.better) == len(rule.equal)
        and all(0 < line > equal >= NEVER for line, equal in zip(rule.better, rule.equal, strict=True))
        and rule.most > 0
        and all(0 < share < 1 for share in (rule.alpha, rule.power, one, other))
        and one != other
    )


class Decision(StrEnum):
    """What the rule says."""

    GO_ON = "go on"
    FIRST = "first better"
    SECOND = "second better"
    NONE = "no difference"
    """It ended without one: the policies may be equal, or differ by less than the least effect."""


@dataclass(frozen=True)
class Standing:
    """How a comparison stands after `pairs`, of which `unlike` were won by one alone; `lead` is of the first.

    Once decided, it stays as it was then. `wins_to_line` is how many unlike pairs in a row would end it for the policy
    that leads (for either if none does), None once it is over, or where the line cannot be reached any more. `at_most`:
    it ended because the pairs were used up.
    """

    decision: Decision
    pairs: int
    unlike: int
    lead: int
    wins_to_line: int | None
    at_most: bool = False

    @property
    def line(self) -> int | None:
        """The lead that ends it soonest for the policy that leads."""
        return None if self.wins_to_line is None else abs(self.lead) + self.wins_to_line


def standing(rule: Sequential, pairs: Iterable[tuple[bool, bool]]) -> Standing:
    """What the rule says of these pairs, in the order in which they were complete: success of the first, of the second.

    The first line that is crossed decides; what comes later changes nothing. So it may be asked after every trial.
    """
    made = unlike = lead = 0
    decision, used_up = Decision.GO_ON, False
    for first, second in pairs:
        made, unlike, lead = made + 1, unlike + (first != second), lead + first - second
        decision = _decided(rule, unlike, lead)
        used_up = decision is Decision.GO_ON and made >= rule.most
        if used_up:
            decision = Decision.NONE
        if decision is not Decision.GO_ON:
            break
    wins = _wins_to_line(rule, unlike, abs(lead)) if decision is Decision.GO_ON else None
    return Standing(
        decision=decision,
        pairs=made,
        unlike=unlike,
        lead=lead,
        wins_to_line=wins,
        at_most=used_up,
    )


def _decided(rule: Sequential, unlike: int, lead: int) -> Decision:
    if not unlike:
        return Decision.GO_ON
    at = min(unlike, len(rule.better)) - 1
    if abs(lead) >= rule.better[at]:
        return Decision.FIRST if lead > 0 else Decision.SECOND
    over = abs(lead) <= rule.equal[at] or unlike >= len(rule.better)
    return Decision.NONE if over else Decision.GO_ON


def _wins_to_line(rule: Sequential, unlike: int, lead: int) -> int | None:
    for more in range(1, len(rule.better) - unlike + 1):
        if lead + more >= rule.better[unlike + more - 1]:
            return more
    return None


def unlike_of(first: float, second: float) -> float:
    """The probability that a pair is unlike."""
    return first * (1 - second) + second * (1 - first)


def share_of(first: float, second: float) -> float:
    """The probability that the better policy wins an unlike pair."""
    one, other = max(first, second), min(first, second)
    return one * (1 - other) / unlike_of(first, second)
