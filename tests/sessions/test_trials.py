"""A trial's number among those that count."""

from __future__ import annotations

from sessions.models import Trial, Verdict
from sessions.trials import failures, place, places

SAID = [Verdict.SUCCESS, Verdict.VOID, None, Verdict.FAILURE, Verdict.FAILURE, Verdict.VOID]


def test_all_numbers_in_one_go_are_those_of_each() -> None:
    trials = [Trial(index=n, verdict=verdict, practice=n == 4) for n, verdict in enumerate(SAID, 1)]
    assert places(reversed(trials)) == {trial.index: place(trials, trial.index) for trial in trials}
    assert places([]) == {}


def test_failures_are_counted_by_what_was_said_of_them() -> None:
    trials = [Trial(index=n, verdict=verdict, practice=n == 4) for n, verdict in enumerate(SAID, 1)]
    said = [*trials, Trial(index=7, verdict=Verdict.FAILURE, failure_mode="drops it")]
    assert failures(said) == {"drops it": 1, "": 1}
