"""What a second judge tells of an evaluation's verdicts: where he disagrees, how the judge errs, what follows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.checkpoints.checkpoint import label
from services.log.headline import share
from services.log.sections import Interval, Row, Section, Symbol, Value, quiet, row, section, text
from services.tone import Tone
from services.units import plural
from sessions.document import Session
from sessions.models import Trial
from sessions.requests import EvalRequest
from sessions.second_judge import agreement, disagreed, known, seen_by_both
from sessions.statistics.intervals import score
from sessions.statistics.judging import TOO_ALIKE, Agreement, Judge, Worthless
from sessions.statistics.second_opinions import Share, doubted, told
from sessions.trained_judge import TrainedJudge
from sessions.trials import places

FEW = 2.0
"""Trials of either kind: from fewer nothing is told of the judge's errors."""


def second_judge_sections(session: Session) -> list[Section]:
    """His section on the evaluation's page; none without a second judge."""
    request = session.request
    if not isinstance(request, EvalRequest) or not request.second_judge:
        return []
    second, trials = known(request), seen_by_both(session.trials)
    rows = [row("opinion", f"of a second judge: {second_words(request)}"), *_silence(session.trials)]
    if not trials:
        return [section("second judge", [*rows, row("opinion", quiet("none yet: each comes after a verdict"))])]
    counted = agreement(trials)
    agreed = counted.trials - counted.disagreed
    rows.append(row("agrees", f"with {agreed} of {plural(counted.trials, 'verdict')}", quiet("as first given")))
    if again := disagreed(trials):
        every = places(session.trials)
        numbers = ", ".join(str(every[trial.index]) for trial in again)
        which = text(f"trial{'' if len(again) == 1 else 's'} {numbers}", Tone.WARNING, Symbol.WARNING)
        rows.append(row("disagrees", which, quiet("the verdicts stand: look again")))
    if second is None:
        return [section("second judge", rows)]
    return [section("second judge", [*rows, *_errors(trials, second, request.trained_judge is not None)])]


def second_words(request: EvalRequest) -> str:
    """`oracle, wrong in 10 % of trials by choice`; what is no judge of this console is named as it is."""
    judge = known(request)
    if judge is None:
        return request.second_judge
    if request.trained_judge is not None:
        return f"{request.second_judge}, {errs_words(request.trained_judge)}"
    return f"oracle, wrong in {100 * (1 - judge.finds_success):g} % of trials by choice"


def errs_words(trained: TrainedJudge) -> str:
    """`wrong in 2 of 40 successes, 5 % [1, 17], and 3 of 30 failures, 10 % [3, 26], of trials not trained on`."""
    told = []
    for found, every, tells, kind in (
        (trained.successes_found, trained.successes, trained.tells[0], "successes"),
        (trained.failures_found, trained.failures, trained.tells[1], "failures"),
    ):
        if not 0 <= found <= every or every < 1:  # a file from elsewhere
            return "trained, with errors that cannot be read"
        wrong = 1 - found / every
        low, high = score(wrong, tells)
        told.append(f"{every - found} of {every} {kind}, {100 * wrong:.0f} % [{100 * low:.0f}, {100 * high:.0f}]")
    return f"wrong in {' and '.join(told)}, among trials that it was not trained on"


def _silence(trials: Sequence[Trial]) -> list[Row]:
    """The trials of which he had no opinion, by reason."""
    reasons, every = dict[str, list[str]](), places(trials)
    for trial in trials:
        if trial.no_opinion:
            reasons.setdefault(trial.no_opinion, []).append(str(every[trial.index]))
    return [
        row("no opinion", f"of trial{'' if len(which) == 1 else 's'} {', '.join(which)}", quiet(why))
        for why, which in reasons.items()
    ]


def opinion_words(trial: Trial) -> str:
    """`the second judge says failure` of a trial in which he disagrees with the verdict; else empty."""
    return f"the second judge says {trial.second}" if trial.second and disagreed([trial]) else ""


def _errors(trials: Sequence[Trial], second: Judge, trained: bool) -> list[Row]:
    """The judge's errors as the second one tells them, and each policy's rate corrected for them."""
    policies = list(dict.fromkeys(trial.checkpoint for trial in trials))
    tables = [agreement(trial for trial in trials if trial.checkpoint == each) for each in policies]
    try:
        found = (doubted if trained else told)(tables, second)
    except Worthless as why:
        return [row("errors", quiet(str(why)))]
    if found is None or min(found.successes_seen, found.failures_seen) < FEW:
        few = "it takes more that succeeded, and more that failed"
        return [row("errors", quiet(f"of the verdicts cannot be told from {plural(len(trials), 'trial')}: {few}"))]
    rows = [
        row("errors", _missed(found.finds_success, "successes")),
        row("errors", _missed(found.finds_failure, "failures")),
    ]
    for each, table, rate in zip(policies, tables, found.rates, strict=True):
        rows.append(_corrected(label(each) if len(policies) > 1 and each else "", table, rate))
    if trained:
        rows.append(row("allows for", quiet("errors in the verdicts that the second judge was trained on")))
    return rows


def _missed(finds: Share, kind: str) -> Value:
    """`5 % [1, 20] of successes judged wrong`."""
    ends = f"[{100 * (1 - finds.high):.0f}, {100 * (1 - finds.low):.0f}]"
    return text(f"{100 * (1 - finds.value):.0f} % {ends} of {kind} judged wrong")


def _corrected(name: str, table: Agreement, rate: Share | None) -> Row:
    if rate is None:
        return row("corrected", name, quiet(TOO_ALIKE))
    words = f"{100 * rate.value:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"
    judged = quiet(f"95 % interval, for {share(table.both + table.operator_only, table.trials)} as judged")
    interval = Interval(rate.low, rate.value, rate.high)
    return row("corrected", name, text(words, strong=True), judged, interval=interval)
