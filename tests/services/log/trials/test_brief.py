"""What a comparison says in a panel: its outcome first, in few words, and no more than its page says."""

from __future__ import annotations

import pytest

from services.log.trials.brief import REST, brief
from sessions.chains import Evaluation
from sessions.models import Verdict
from tests.services.log.trials.test_conclusion import LOST, VOID, WON, A, B, C, evaluation, said

PI, ACT = "pi @ 020000", "act @ 020000"
FIXED = "if the number of trials was fixed before"
Told = list[tuple[str, Verdict]]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([*[(A, WON)] * 5, *[(B, WON)] * 4, (B, LOST)], "No difference is shown (p = 0.75), nor that they are equal."),
        ([*[(A, LOST)] * 10, *[(B, WON)] * 10], f"{PI} succeeds more often (p = below 0.0001), {FIXED}."),
        ([*[(A, WON)] * 2001, (B, WON)], "No exact test is made of so many trials of one arm."),
        ([(A, WON), (B, VOID)], "Only one policy has trials that count: nothing is compared."),
    ],
)
def test_the_outcome_of_two_comes_first(told: Told, words: str) -> None:
    session = evaluation(*told)
    assert brief(Evaluation((session,))) == [words, REST]
    assert ("succeeds more often" in words) is ("succeeds more often" in said(session)), "the page says the same"


def test_what_is_void_out_of_proportion_is_said_before_the_outcome() -> None:
    told = [*[(A, WON)] * 10, *[(A, VOID)] * 10, *[(B, LOST)] * 10]
    first, second, _ = brief(Evaluation((evaluation(*told),)))
    assert first == f"More trials of {ACT} were void: look why first." and second.startswith(f"{ACT} succeeds")


def test_of_several_those_are_named_that_differ() -> None:
    told = [*[(A, WON)] * 10, *[(B, LOST)] * 10, *[(C, WON)] * 10]
    words = brief(Evaluation((evaluation(*told, of=(A, B, C)),)))
    assert words[0] == f"They are not all equal (p = below 0.0001), {FIXED}."
    assert [each.partition(" differ")[0] for each in words[1:-1]] == [f"{ACT} and {PI}", f"{PI} and dp @ 020000"]
    equal = brief(Evaluation((evaluation((A, WON), (B, WON), (C, WON), of=(A, B, C)),)))
    assert equal == ["No difference among them is shown (p = 1.00).", "No two of them are told apart.", REST]
    assert brief(Evaluation((evaluation(),))) == []


def test_a_blinded_policy_is_called_by_its_code_alone() -> None:
    session = evaluation(*[("A", LOST)] * 10, *[("B", WON)] * 10, of=("A", "B"), blinded=True)
    assert brief(Evaluation((session,)))[0].startswith("policy B succeeds more often")
    assert "First is policy A, second is policy B." in said(session)
