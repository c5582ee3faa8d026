"""A second judge of an evaluation, whose opinion is told after each verdict and never decides. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sessions.models import Trial, Verdict
from sessions.requests import EvalRequest
from sessions.statistics.judging import Agreement, Judge

NAME = "oracle"
MOST_ERROR = 0.4
"""Beyond it, a judge's word carries too little to tell another's errors from."""
_WRITTEN = re.compile(rf"{NAME}(?:~(?P<error>[0-9]*\.?[0-9]+))?", re.ASCII)


def error_of(second: str) -> float | None:
    """The share of trials in which this judge errs: 0.1 of `oracle~0.1`, 0 of `oracle`; None for what is no judge."""
    written = _WRITTEN.fullmatch(second)
    if written is None:
        return None
    error = float(written["error"] or 0)
    return error if error <= MOST_ERROR else None


def known(request: EvalRequest) -> Judge | None:
    """How well its second judge judges: chosen, so exact, or as he did where he was trained; None for what is none."""
    if (trained := request.trained_judge) is not None:
        if min(trained.successes, trained.failures) < 1:  # a file from elsewhere
            return None
        return Judge(*trained.finds, *trained.tells)
    error = error_of(request.second_judge)
    return None if error is None else Judge(1 - error, 1 - error)


def seen_by_both(trials: Iterable[Trial]) -> list[Trial]:
    """Those that both judged: no practice, not void, and nobody helped, which the second judge does not see."""
    both = (trial for trial in trials if trial.second is not None and trial.judged_first is not None)
    return [trial for trial in both if trial.counts and not trial.assisted]


def agreement(trials: Iterable[Trial]) -> Agreement:
    """How the verdicts that were given before the opinion was known agree with it."""
    pairs = [(t.judged_first is Verdict.SUCCESS, t.second is Verdict.SUCCESS) for t in seen_by_both(trials)]
    return Agreement(*(pairs.count(each) for each in ((True, True), (True, False), (False, True), (False, False))))


def disagreed(trials: Iterable[Trial]) -> list[Trial]:
    """Those whose verdict, as it stands, is not the second judge's: to be looked at again."""
    return [trial for trial in seen_by_both(trials) if trial.second is not trial.verdict]
