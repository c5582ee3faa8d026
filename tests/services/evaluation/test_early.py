"""What a person asks for who lets a comparison end early, and the rule that is fixed before its first trial."""

from __future__ import annotations

from typing import Any

import pytest

from services.evaluation import early
from services.refusal import Refusal
from sessions.conditions import Condition
from sessions.models import SessionKind
from sessions.requests import EvalRequest
from sessions.statistics.rule import Sequential
from tests.support import facts


@pytest.mark.parametrize("text", ["", "off", "  off "])
def test_off_asks_for_none(text: str) -> None:
    assert early.asked(text) is None and early.found(text) == ("", "")


def test_rates_level_power_and_the_most_pairs_are_read() -> None:
    assert early.asked("0.6 0.8") == Sequential(alpha=0.05, power=0.8, least=(0.6, 0.8))
    wanted = Sequential(alpha=0.01, power=0.9, least=(0.2, 0.9), most=40)
    assert early.asked("0.2, 0.9, power 0.9 level 0.01 most 40") == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.6", "does not say when"),
        ("yes please", "does not say when"),
        ("0.6 0.8 most", "does not say when"),
        ("0.6 0.8 pairs 4", "does not say when"),
        ("0.6 0.6", "two unlike rates between 0 and 1, not 0.6 and 0.6"),
        ("60 80", "between 0 and 1, not 60 and 80"),
        ("0.6 0.8 level 5", "level of an early end lies between 0 and 1, not 5"),
        ("0.6 0.8 most 4.5", "whole number, not 4.5"),
        ("\x1b[31m 0.8", "does not say when"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_to_write_it(text: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as refused:
        early.asked(text)
    assert "write two success rates such as 0.6 0.8" in str(refused.value) and "\x1b" not in str(refused.value)
    assert early.found(text) == ("", str(refused.value))


def request(text: str, **more: Any) -> EvalRequest:
    asked = {"checkpoint": "/a", "further_checkpoints": ("/b",), "sequential": early.asked(text)} | more
    made = facts.request(SessionKind.EVAL, **asked)
    assert isinstance(made, EvalRequest)
    return made


def test_the_rule_is_made_once_with_as_many_trials_as_its_most_pairs_need() -> None:
    fixed = early.fixed(request("0.2 0.9"))
    assert fixed.sequential is not None and fixed.sequential.better
    assert fixed.trials == 2 * fixed.sequential.most
    assert early.fixed(fixed) is fixed, "a session that goes on keeps its rule and what is left of its trials"
    three = tuple(Condition(name=name) for name in "xyz")
    many = early.fixed(request("0.2 0.9", conditions=three))
    assert many.trials % 6 == 0 and 0 <= many.trials - fixed.trials < 6, "whole blocks"
    assert early.fixed(request("off")).sequential is None
    assert "20 and 90 % in at least 80" in early.found("0.2 0.9")[0]


def test_too_few_pairs_and_another_number_of_policies_are_refused() -> None:
    with pytest.raises(Refusal, match="no comparison can end early so: 3 pairs are too few"):
        early.fixed(request("0.2 0.9 most 3"))
    with pytest.raises(Refusal, match="of two checkpoints, and this is of one policy"):
        early.check(request("0.2 0.9", further_checkpoints=()))
    with pytest.raises(Refusal, match="and this is of 3 policies"):
        early.check(request("0.2 0.9", further_checkpoints=("/b", "/c")))
    early.check(request("off", further_checkpoints=()))
