"""What an evaluation's trials carry, on its page: nothing is concluded before a comparison is over."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from msgspec.structs import replace

from services.log.page import page
from services.log.trials.arms import Arm, of_evaluation
from services.log.trials.conclusion import sentences, takes_long
from services.log.trials.numbers import as_json, lines
from services.log.trials.standings import UNFOLLOWED
from sessions.before import Before, Tried
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Trial, Verdict
from sessions.statistics.sequential import plan
from tests.support import facts

A, B, C = (f"/data/outputs/train/{name}/checkpoints/020000/pretrained_model" for name in ("act", "pi", "dp"))
WON, LOST, VOID = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID


def evaluation(*told: tuple[str, Verdict], of: tuple[str, ...] = (A, B), **more: Any) -> Session:
    trials = tuple(Trial(index=n, checkpoint=who, verdict=how) for n, (who, how) in enumerate(told, 1))
    counted = sum(trial.counts for trial in trials)
    asked = {"checkpoint": of[0], "further_checkpoints": of[1:], "target": counted, "trained_in": ""} | more
    return facts.session("20261127-142001-0001", kind=SessionKind.EVAL, trials=trials, **asked)


def said(session: Session) -> str:
    return " ".join(sentences(session))


def test_one_policy_gets_its_interval_and_how_many_more_trials_tell() -> None:
    session = evaluation(*[(A, WON)] * 4, (A, LOST), of=(A,))
    assert said(session).startswith("The true rate may lie anywhere from 38 to 96 % (95 %). About ")
    assert "more trials would tell it to within 10 points." in said(session)
    section = next(each for each in page(session, UTC).sections if each.name == "conclusion")
    assert [row.text for row in section.rows] == sentences(session)
    assert not takes_long(session)


def test_the_authors_high_variance_of_two_arms_is_no_difference() -> None:
    words = said(evaluation(*[(A, WON)] * 5, *[(B, WON)] * 4, (B, LOST)))
    assert "First is act @ 020000, second is pi @ 020000." in words
    assert "First minus second: +20 points" in words and "p = 0.75 (Boschloo" in words
    assert "No difference is shown; that the rates are equal is not shown either." in words
    assert "McNemar" in words, "the policies were tried in one evaluation"


def test_the_first_policy_is_the_one_that_was_named_first_whichever_was_tried_first() -> None:
    assert "First is act @ 020000, second is pi @ 020000." in said(evaluation((B, WON), (A, WON)))


def test_more_trials_than_an_exact_test_takes_leave_a_page_with_what_there_is() -> None:
    many = evaluation(*[(A, WON)] * 2001, (B, LOST))
    assert "no exact test is made of so many trials" in said(many) and "succeeds more often" not in said(many)
    assert any(each.name == "conclusion" for each in page(many, UTC).sections)


def test_a_difference_that_holds_is_said_with_what_it_rests_on() -> None:
    words = said(evaluation(*[(A, WON)] * 10, *[(B, LOST)] * 10))
    assert "The first succeeds more often, if this comparison, and when it ends, was fixed before" in words


def test_several_policies_are_tested_together_and_after_holm() -> None:
    words = said(evaluation(*[(A, WON)] * 10, *[(B, LOST)] * 10, *[(C, WON)] * 10, of=(A, B, C)))
    assert "Arm 1 is act @ 020000; arm 2 is pi @ 020000; arm 3 is dp @ 020000." in words
    assert "(Freeman-Halton, exact): they are not all equal." in words
    assert "Arm 1 and arm 2 differ" in words and "Arm 1 and arm 3" not in words


def test_while_it_runs_no_comparison_is_given_and_afterwards_one_that_was_cut_short_says_so() -> None:
    told = [*[(A, WON)] * 10, *[(B, LOST)] * 10]
    running = evaluation(*told, target=40, status=SessionStatus.RUNNING)
    assert said(running) == (
        "The policies are compared once all 40 trials are judged (20 are): looked at before, chance alone shows a "
        "difference sooner or later."
    )
    cut = evaluation(*told, target=40)
    assert said(cut).startswith("It ended after 20 of the 40 trials that were planned: if it ended because of how the")
    assert takes_long(cut)


def test_voids_and_their_imbalance_come_before_what_is_concluded() -> None:
    told = [*[(A, WON)] * 10, *[(A, VOID)] * 10, *[(B, LOST)] * 10]
    first, second, third, *_ = sentences(evaluation(*told))
    assert first.startswith("Void: 10 of 20 and 0 of 10 trials, left out.")
    assert second.startswith("More of the first's trials were void (p = 0.0")
    assert third.startswith("First is act")


def test_a_policy_whose_trials_do_not_count_is_named() -> None:
    words = said(evaluation((A, WON), (A, LOST), (B, VOID), target=4))
    assert "No trial of pi @ 020000 counts." in words and "act @ 020000: The true rate" in words


def test_the_sessions_before_count_too() -> None:
    before = Before(sessions=1, attempts=20, tried=(Tried(A, "", 10, 0), Tried(B, "", 0, 10)))
    session = evaluation((A, WON), (B, LOST), resumes="20261126-000000-0001", before=before)
    whole = Evaluation((session,), missing="20261126-000000-0001")
    assert "The first succeeds more often" in " ".join(sentences(session, whole))
    assert sentences(session) == sentences(session, whole), "also where the others are not at hand, as at its end"


@pytest.mark.parametrize("told", [(), ((A, VOID),)])
def test_without_a_trial_that_counts_nothing_is_said(told: tuple[tuple[str, Verdict], ...]) -> None:
    assert sentences(evaluation(*told, target=3)) == []
    assert sentences(facts.session("s")) == [], "nor of a recording"


def ruled(*told: tuple[str, Verdict], **more: Any) -> Session:
    return evaluation(*told, target=24, sequential=plan(0.2, 0.9), **more)


@pytest.mark.parametrize("status", [SessionStatus.RUNNING, SessionStatus.FINISHED])
def test_where_a_rule_was_fixed_it_alone_says_what_is_better_also_while_it_runs(status: SessionStatus) -> None:
    pair = ((A, WON), (B, LOST))
    going = ruled(*pair, status=status)
    rule, standing = sentences(going)
    assert "20 and 90 % in at least 80" in rule
    assert standing.startswith("Nothing is decided after 1 pair, 1 of them unlike. act @ 020000 leads by 1; ")
    assert "better" not in standing
    over = ruled(*pair * 10, status=status)
    assert sentences(over)[1].startswith("act @ 020000 is better than pi @ 020000: it leads by ")
    every = [row for section in page(over, UTC).sections for row in section.rows]
    assert [row.values[0].text for row in every if row.name == "judged"] == ["20 of at most 24"]
    unblinded = ruled(("A", WON), ("B", LOST), of=("A", "B"), blinded=True)
    assert "policy A leads by 1" in sentences(unblinded)[1], "codes until it is unblinded"


@pytest.mark.parametrize(
    "written",
    [{"better": (3,), "equal": ()}, {"better": (-1, 2), "equal": (-1, -1)}, {"better": (1, 2), "equal": (5, 0)},
     {"most": -5}, {"least": (0.0, 0.0)}, {"least": (1e308, -1e308)}, {"alpha": float("inf")}, {"better": ()}],
)  # fmt: skip
def test_what_a_hand_made_of_a_rule_calls_nothing_better_and_is_no_reason_for_tests(written: dict[str, Any]) -> None:
    session = evaluation(*((A, WON), (B, LOST)) * 10, sequential=replace(plan(0.2, 0.9), **written))
    assert sentences(session) == list(of_evaluation(Evaluation((session,)))[0].instead) == [UNFOLLOWED]
    assert page(session, UTC).sections


def test_stats_offers_no_test_of_an_evaluation_whose_rule_decides_or_that_goes_on() -> None:
    pair = ((A, WON), (B, LOST))
    for session in (ruled(*pair * 10), evaluation(*pair * 10, target=40, status=SessionStatus.RUNNING)):
        arms = of_evaluation(Evaluation((session,)))
        said, told = lines(arms), as_json(arms)
        assert said[-1] == sentences(session)[-1] and "Boschloo" not in " ".join(said)
        assert told["instead_of_tests"] == list(arms[0].instead)
        assert "comparison" not in told and "homogeneity" not in told
    over = of_evaluation(Evaluation((evaluation(*pair * 10),)))
    assert "comparison" in as_json(over) and "instead_of_tests" not in as_json(over)
    plain = [over[0], Arm(1, 5)]
    assert "comparison" in as_json(plain)
