"""What a second judge tells of an evaluation's verdicts: where he disagrees, how the judge errs, what follows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.checkpoints.checkpoint import label
from services.log.headline import share
from services.log.sections import Interval, Row, Section, Symbol, Value, quiet, row, section, text
from services.tone import Tone
from services.units import plural
from sessions.document import Session
from sessions.models import Trial, Verdict
from sessions.requests import EvalRequest
from sessions.second_judge import agreement, disagreed, known, seen_by_both
from sessions.statistics import wilson
from sessions.statistics.judging import Judge, Worthless, corrected, operator
from sessions.trials import place

FEW = 2.0
"""Trials of either kind: from fewer nothing is told of the judge's errors."""


def second_judge_sections(session: Session) -> list[Section]:
    """His section on the evaluation's page; none without a second judge."""
    request = session.request
    if not isinstance(request, EvalRequest) or not request.second_judge:
        return []
    second, trials = known(request.second_judge), seen_by_both(session.trials)
    rows = [row("opinion", f"of a second judge: {second_words(request.second_judge)}")]
    if not trials:
        return [section("second judge", [*rows, row("opinion", quiet("none yet: each comes after a verdict"))])]
    counted = agreement(trials)
    agreed = counted.trials - counted.disagreed
    rows.append(row("agrees", f"with {agreed} of {plural(counted.trials, 'verdict')}", quiet("as first given")))
    if again := disagreed(trials):
        numbers = ", ".join(str(place(session.trials, trial.index)) for trial in again)
        which = text(f"trial{'' if len(again) == 1 else 's'} {numbers}", Tone.WARNING, Symbol.WARNING)
        rows.append(row("disagrees", which, quiet("the verdicts stand: look again")))
    if second is None:
        return [section("second judge", rows)]
    return [section("second judge", [*rows, *_errors(session, trials, second)])]


def second_words(second: str) -> str:
    """`oracle, wrong in 10 % of trials by choice`; what is no judge of this console is named as it is."""
    judge = known(second)
    if judge is None:
        return second
    return f"oracle, wrong in {100 * (1 - judge.finds_success):g} % of trials by choice"


def opinion_words(trial: Trial) -> str:
    """`the second judge says failure` of a trial in which he disagrees with the verdict; else empty."""
    return f"the second judge says {trial.second}" if trial.second and disagreed([trial]) else ""


def _errors(session: Session, trials: Sequence[Trial], second: Judge) -> list[Row]:
    """The judge's errors as the second one tells them, and each policy's rate corrected for them."""
    try:
        judge = operator(agreement(trials), second)
    except Worthless as why:
        return [row("errors", quiet(str(why)))]
    seen = (0.0, 0.0) if judge is None else (judge.successes_seen or 0.0, judge.failures_seen or 0.0)
    if judge is None or min(seen) < FEW:
        few = "it takes more that succeeded, and more that failed"
        return [row("errors", quiet(f"of the verdicts cannot be told from {plural(len(trials), 'trial')}: {few}"))]
    rows = [
        row("errors", _missed(judge.finds_success, seen[0], "successes")),
        row("errors", _missed(judge.finds_failure, seen[1], "failures")),
    ]
    policies = dict.fromkeys(trial.checkpoint for trial in trials)
    return rows + [_corrected(c, [t for t in trials if t.checkpoint == c], judge, len(policies) > 1) for c in policies]


def _missed(finds: float, seen: float, kind: str) -> Value:
    """`5 % [1, 20] of successes judged wrong`; `seen` are the trials that tell as much as these do."""
    trials = round(seen)
    low, high = wilson(round((1 - finds) * trials), trials)
    about = f"{100 * (1 - finds):.0f} % [{100 * min(low, 1 - finds):.0f}, {100 * max(high, 1 - finds):.0f}]"
    return text(f"{about} of {kind} judged wrong")


def _corrected(checkpoint: str, trials: Sequence[Trial], judge: Judge, several: bool) -> Row:
    name = label(checkpoint) if several and checkpoint else ""
    successes = sum(trial.judged_first is Verdict.SUCCESS for trial in trials)
    try:
        rate, low, high = corrected(successes, len(trials), judge)
    except Worthless as why:
        return row("corrected", name, quiet(str(why)))
    words = f"{100 * rate:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
    judged = quiet(f"95 % interval, for {share(successes, len(trials))} as judged")
    return row("corrected", name, text(words, strong=True), judged, interval=Interval(low, rate, high))
