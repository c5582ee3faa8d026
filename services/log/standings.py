"""How a sequential comparison stands, in words. Codes or names of the policies are the caller's: it may be blinded."""

from __future__ import annotations

from sessions.statistics.rule import Decision, Sequential, Standing


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
    after = f"after {now.pairs} pairs, {now.unlike} of them unlike"
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
