"""When lost answers of an arm are more than noise: in a take, and lately."""

from __future__ import annotations

import pytest

from services.health.answers import Answers, Lossy, Retried
from services.health.bench_thresholds import check_thresholds
from services.health.checks import HealthProblem, thresholds_of


@pytest.mark.parametrize(
    ("asked", "retried", "flagged"),
    [(300, 0, False), (300, 1, False), (20, 1, False), (300, 3, False), (300, 4, True), (20, 2, True), (0, 0, False)],
)
def test_a_take_is_flagged_where_more_than_one_in_a_hundred_was_asked_again(
    asked: int, retried: int, flagged: bool
) -> None:
    check = Retried()
    check.update(Answers(asked, retried), 0.0)
    assert check.active is flagged


def test_an_alarm_needs_a_bad_wire_for_some_seconds_and_ends_once_it_is_good_for_longer() -> None:
    check, good, bad = Lossy(), Answers(300, 9), Answers(300, 18)
    for second in range(100):
        check.update(good, float(second))
    assert not check.active
    for second in range(100, 104):
        assert not check.active, second
        check.update(bad, float(second))
    assert check.active and check.share == pytest.approx(0.06)
    for second in range(104, 115):
        assert check.active, second
        check.update(good, float(second))
    assert not check.active


def test_a_few_questions_have_no_share() -> None:
    check = Lossy()
    for second in range(100):
        check.update(Answers(18, 9), float(second))
    assert not check.active


def test_a_bench_may_set_both_limits() -> None:
    health = {"retried": {"share": 0.2}, "lossy": {"share": 0.5, "raise_after_s": 0}}
    check_thresholds(health)
    lenient = Retried(thresholds_of(Retried, health))
    lenient.update(Answers(100, 19), 0.0)
    assert not lenient.active
    with pytest.raises(HealthProblem, match="retried"):
        check_thresholds({"retried": {"count": 3}})
