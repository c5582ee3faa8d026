"""A sequential comparison in words: nothing is called better before the rule says so."""

from __future__ import annotations

from services.log.trials.standings import rule_words, standing_words
from sessions.statistics.rule import standing
from sessions.statistics.sequential import plan

RULE = plan(0.4, 0.8)
ONE, OTHER, BOTH = (True, False), (False, True), (True, True)


def said(*pairs: tuple[bool, bool]) -> str:
    return standing_words(RULE, standing(RULE, pairs), "K7", "M2")


def test_the_rule_is_told_with_its_errors() -> None:
    assert "at most after 35" in rule_words(RULE) and "unlike in at most 5 of 100" in rule_words(RULE)
    assert "40 and 80 %" in rule_words(RULE)


def test_nothing_is_called_better_before_the_line() -> None:
    wins = standing(RULE, []).wins_to_line
    assert wins is not None
    assert said() == f"Nothing is decided after 0 pairs, 0 of them unlike. Neither leads; {wins} more pairs in a row " \
        "that one alone wins would decide."  # fmt: skip
    close = said(*[OTHER] * (wins - 1), BOTH)
    assert "M2 leads by" in close and "1 more pair that it alone wins would decide" in close and "better" not in close
    assert said(*[OTHER] * wins).startswith("M2 is better than K7: it leads by ")
    assert said(*[ONE] * wins).startswith("K7 is better than M2: ")


def test_an_end_without_a_difference_says_why() -> None:
    assert "used up" in said(*[BOTH] * RULE.most)
    even = said(*[ONE, OTHER] * 20)
    assert "would show by now" in even and "That they are equal is not shown either." in even and "better" not in even
