"""What numbers carry, in words; arms of evaluations: policies, settings that differ, pairs, the pace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.log.trials.arms import Arm, different, of_evaluation, paired, pairs_of, seconds_a_trial
from services.log.trials.numbers import as_json, carries, lines, more_for, p_value, to_close, voids
from services.refusal import Refusal
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.models import SessionKind, Trial, Verdict
from sessions.statistics import wilson
from sessions.statistics.exact import mcnemar
from sessions.statistics.planning import trials_per_arm
from tests.support import facts

A, B = (f"/data/outputs/train/{name}/checkpoints/020000/pretrained_model" for name in ("act", "pi"))
WON, LOST, VOID = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID


def session(number: int, *told: tuple[str, str, Verdict], **asked: object) -> Session:
    made = tuple(
        Trial(index=n, checkpoint=checkpoint, condition=condition, verdict=verdict, began=1000.0 + 40 * n)
        for n, (checkpoint, condition, verdict) in enumerate(told, 1)
    )
    return facts.session(f"20260217-1420{number:02}-0001", kind=SessionKind.EVAL, trials=made, checkpoint=A, **asked)


BOTH = session(
    1,
    *((A, "back", WON), (B, "back", LOST), (B, "dim", WON), (A, "dim", LOST), (A, "back", VOID), (B, "back", LOST)),
    *((A, "back", WON), (A, "dim", WON)),
    further_checkpoints=(B,),
)


def test_each_policy_of_an_evaluation_is_an_arm() -> None:
    first, second = of_evaluation(Evaluation((BOTH,)))
    assert (first.counts, second.counts) == ((3, 4), (1, 3))
    assert first.name == "act @ 020000 in 20260217-142001-0001"
    assert different([first, second]) == [("policy", ("act @ 020000", "pi @ 020000"))]
    assert not any("settings" in line for line in lines([first, second])), "which policy is no setting"


def test_the_nth_trials_under_a_condition_are_a_pair() -> None:
    first, second = of_evaluation(Evaluation((BOTH,)))
    assert pairs_of(first.tried, second.tried) == [(True, False), (False, True), (True, False)]
    assert paired(first, second) == (2, 1)
    comparison = as_json([first, second])["comparison"]
    assert isinstance(comparison, dict) and comparison["mcnemar_p"] == mcnemar(2, 1)
    assert any("In 3 pairs of trials" in line for line in lines([first, second]))
    assert paired(replace(first, tried=first.tried[1:2]), replace(second, tried=second.tried[:1])) is None, "no pair"
    assert paired(first, Arm(1, 2)) is None and "mcnemar_p" not in str(as_json([first, Arm(1, 2)]))


def test_different_settings_stand_before_any_number() -> None:
    one = of_evaluation(Evaluation((session(1, (A, "", WON)),)))[0]
    other = of_evaluation(Evaluation((session(2, (A, "", LOST), fps=8, direct_reset=True, rtc=True),)))[0]
    assert [name for name, _ in different([one, other])] == ["rate", "chunks"]
    assert lines([one, other])[:2] == [
        "Different settings, rate: 30 Hz; 8 Hz.",
        "Different settings, chunks: one after the other; real-time chunking.",
    ]
    assert different([one, one]) == [] and different([one, Arm(1, 2)]) == []


def test_an_evaluation_of_which_no_trial_counts_is_refused() -> None:
    with pytest.raises(Refusal, match="no trial that counts"):
        of_evaluation(Evaluation((session(1, (A, "", VOID)),)))


def test_the_pace_is_that_of_evaluations_in_real_time() -> None:
    runs = [BOTH, session(2, (A, "", WON), (A, "", WON), lockstep=True), session(3, (A, "", WON))]
    assert seconds_a_trial(runs) == (40.0, 1)
    assert seconds_a_trial(runs[1:]) is None


@pytest.mark.parametrize(("successes", "judged"), [(0, 1), (1, 1), (4, 5), (12, 20), (0, 40)])
def test_as_many_more_trials_as_are_said_bring_the_rate_to_ten_points(successes: int, judged: int) -> None:
    enough = to_close(successes, judged)
    low, high = wilson(round(successes / judged * enough), enough)
    assert high - low <= 0.2 or enough == judged
    more = enough - judged
    assert (f"About {more} more" in carries(successes, judged)) == (more > 0)


def test_many_trials_need_no_more() -> None:
    assert carries(160, 200) == "The true rate may lie anywhere from 74 to 85 % (95 %)."
    assert carries(0, 0) == "No trial counts yet: nothing can be said."


def test_p_values_as_they_are_read() -> None:
    assert [p_value(p) for p in (0.754, 0.0201, 0.00123, 0.00042, 1e-9)] == [
        "0.75", "0.020", "0.001", "0.00042", "below 0.0001",
    ]  # fmt: skip


def test_what_voids_may_have_done_is_said_and_an_imbalance_is_pointed_out() -> None:
    first, second = of_evaluation(Evaluation((BOTH,)))
    assert (first.void, second.void) == (1, 0)
    (said,) = voids([first, second])
    assert said.endswith("they would make the first's rate from 60 % to 80 %.")
    assert "1 of 5 and 0 of 3 trials" in said
    assert voids([Arm(1, 2, void=1)])[0].endswith("they would make the rate from 33 % to 67 %.")
    many = voids([Arm(8, 10, void=10), Arm(8, 20)])
    assert many[1].startswith("More of the first's trials were void (p = ") and many[0] in lines(
        [Arm(8, 10, void=10), Arm(8, 20)]
    )
    assert voids([Arm(1, 2), Arm(2, 2)]) == []


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        (["4/5"], "80 % [38, 96]"),
        (["1/5", "4/5", "1/5"], "6/15  40 % [20, 64]"),
        (["4/5", "1/5"], "p = 0.11 (Boschloo"),
        (["5/5"], "100 % [57, 100]"),
        (["5/5", "4/5"], "p = 0.75 (Boschloo"),
        (["1/3", "5/5"], "p = 0.093 (Boschloo"),
        (["6/15", "5/5"], "p = 0.020 (Boschloo"),
    ],
)
def test_every_evaluation_of_the_real_bench(arms: list[str], said: str) -> None:
    made = [Arm(*map(int, arm.split("/"))) for arm in arms]
    assert any(said in line for line in lines(made)), lines(made)


def test_more_trials_than_an_exact_test_takes_get_intervals_and_no_test() -> None:
    many, few = Arm(9_000, 10_000), Arm(8_000, 10_000, void=9_000)
    said = " ".join(lines([many, few]))
    assert "First minus second: +10 points, 95 % interval [+9, +11] (Newcombe); no exact test is made of so" in said
    assert "succeeds more often" not in said and "No difference is shown" not in said
    comparison = as_json([many, few])["comparison"]
    assert isinstance(comparison, dict) and comparison["boschloo_p_two_sided"] is None
    assert (
        lines([many, few, few])[-1] == "The arms are not compared: no exact test is made of so many trials of one arm."
    )
    assert as_json([many, few, few])["homogeneity"] == {"freeman_halton_p": None, "pairs": []}


def test_the_trials_that_would_tell_two_of_several_apart_are_those_that_it_takes_after_holm() -> None:
    one = lines([Arm(1, 5), Arm(4, 5)])[-1]
    three = lines([Arm(1, 5), Arm(4, 5), Arm(1, 5)])[-1]
    assert "Were 20 and 80 % the true rates, 10 trials of each would tell them apart" in one
    assert f"{trials_per_arm(0.2, 0.8, 0.05 / 3, 0.8)} trials of each would tell them apart" in three


@pytest.mark.parametrize("second", [(19, 40), (20, 40)])
def test_beyond_200_trials_what_would_tell_is_about_as_many_as_the_plan_makes(second: tuple[int, int]) -> None:
    said = more_for(Arm(14, 40), Arm(*second))
    exact = trials_per_arm(0.35, second[0] / second[1])
    about = int(said.partition("about ")[2].partition(" ")[0]) if "about" in said else exact
    assert (exact > 200) is ("about" in said) or abs(exact - 200) < 20
    assert about == pytest.approx(exact, rel=0.05)
