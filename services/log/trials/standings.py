"""How a comparison stands that is not read by a test: its rule decides, or it still goes on. In words."""

from __future__ import annotations

from services.log.trials.results import policy_name
from services.units import plural
from sessions.chains import Evaluation
from sessions.early import standing_in_all
from sessions.models import SessionStatus
from sessions.requests import EvalRequest
from sessions.statistics.rule import Decision, Sequential, Standing

UNFOLLOWED = (
    "A rule was to end it early, and what its session keeps of the rule cannot be followed: nothing is called better."
)


def rule_words(rule: Sequential) -> str:
    """The rule as it was fixed before the first trial."""
    low, high = sorted(rule.least)
    return (
        f"Ends as soon as one policy leads by enough pairs, at most after {rule.most}: equal policies are called "
        f"unlike in at most {100 * rule.alpha:g} of 100 comparisons, {100 * low:g} and {100 * high:g} % in at least "
        f"{100 * rule.power:g}."
    )


def standing_words(rule: Sequential, now: Standing, first: str, second: str) -> str:
    """What the rule says now, and how far the evidence is from the line, in a sentence or two.

    `first` and `second` are what the operator may see of the policies.
    """
    after = f"after {plural(now.pairs, 'pair')}, {now.unlike} of them unlike"
    match now.decision:
        case Decision.FIRST | Decision.SECOND:
            better, worse = (first, second) if now.decision is Decision.FIRST else (second, first)
            return f"{better} is better than {worse}: it leads by {abs(now.lead)} {after}."
        case Decision.NONE:
            why = (
                "the pairs are used up"
                if now.at_most
                else "a difference as large as the least effect would show by now"
            )
            return f"No difference is shown {after}: {why}. That they are equal is not shown either."
        case Decision.GO_ON:
            return f"Nothing is decided {after}. {_to_the_line(now, first, second)}"


def _to_the_line(now: Standing, first: str, second: str) -> str:
    leader = first if now.lead > 0 else second
    leads = f"{leader} leads by {abs(now.lead)}" if now.lead else "Neither leads"
    if now.wins_to_line is None:
        return f"{leads}; neither can reach the line any more."
    wins = "pair" if now.wins_to_line == 1 else "pairs in a row"
    whose = "it alone wins" if now.lead else "one alone wins"
    return f"{leads}; {now.wins_to_line} more {wins} that {whose} would decide."


def by_rule(request: EvalRequest, now: Standing) -> list[str]:
    """What the rule says that was fixed before the first trial: no other test is made."""
    assert request.sequential is not None
    first, second = map(policy_name, request.checkpoints[:2])
    return [rule_words(request.sequential), standing_words(request.sequential, now, first, second)]


def why_not_yet(whole: Evaluation) -> str:
    """Why a comparison is not read, or not yet: it runs, and not all of its trials are judged. Empty where it is."""
    if any(isinstance(each.request, EvalRequest) and each.request.sequential for each in whole.sessions):
        return UNFOLLOWED  # its rule would have been asked first
    wanted, judged = whole.wanted, whole.judged
    if whole.last.status is not SessionStatus.RUNNING or judged >= wanted:
        return ""
    return not_yet(judged, wanted)


def not_yet(judged: int, wanted: int) -> str:
    """What is said of a comparison while it goes on."""
    so_far = f"{judged} is" if judged == 1 else f"{judged} are"
    return (
        f"The policies are compared once all {plural(wanted, 'trial')} are judged ({so_far}): looked at before, "
        "chance alone shows a difference sooner or later."
    )


def instead(whole: Evaluation) -> tuple[str, ...]:
    """What is said of an evaluation in the place of tests: by its rule, or that it goes on; empty where tests hold."""
    if (ruled := standing_in_all(whole.sessions)) is not None:
        return tuple(by_rule(*ruled))
    why = why_not_yet(whole)
    return (why,) if why else ()
