"""The rows of an evaluation's trials, for its page and for the Log's list of them."""

from __future__ import annotations

from services.checkpoints.checkpoint import label
from services.log.rows.measured_words import of_trial
from services.log.rows.recorded_rows import in_order
from services.log.rows.second_judge_rows import opinion_words
from services.log.sections import Row, Symbol, quiet, text
from services.tone import Tone
from sessions.document import Session
from sessions.models import EndedBy, Trial, Verdict
from sessions.trials import places

VERDICTS = {
    Verdict.SUCCESS: (Tone.SUCCESS, Symbol.YES),
    Verdict.FAILURE: (Tone.DANGER, Symbol.NO),
    Verdict.VOID: (Tone.QUIET, Symbol.VOID),
}
ENDED_BY = {
    EndedBy.KEY: "by key",
    EndedBy.TIME: "ran out",
    EndedBy.STOPPED: "Esc",
    EndedBy.FAILED: "failed",
    EndedBy.DRIVER: "console left",
    EndedBy.ENDED: "session ended",
    EndedBy.VERDICT: "judged",
    EndedBy.ORACLE: "oracle",
}
"""What ended a trial, in a column of a table."""


def trials(session: Session) -> list[Row]:
    """Every attempt; with policy and condition if they differ between trials. None of an import without their order."""
    if not in_order(session):
        return []
    policies = len({trial.checkpoint for trial in session.trials}) > 1
    conditions = len({trial.condition for trial in session.trials}) > 1
    numbers = places(session.trials)
    return [
        trial_row(
            trial,
            numbers[trial.index],
            label(trial.checkpoint) if policies and trial.checkpoint else "",
            trial.condition if conditions else "",
        )
        for trial in session.trials
    ]


def _how(trial: Trial) -> tuple[str, ...]:
    """How far it came, and whether a person helped."""
    stage = f"reached {trial.stages[-1]}" if trial.stages else ""
    return (stage, "a person helped" if trial.assisted else "")


def trial_row(trial: Trial, number: int, policy: str, condition: str) -> Row:
    """A trial by its number among those that count, as on the screen during the session; columns may be empty."""
    tone, mark = VERDICTS[trial.verdict] if trial.verdict else (Tone.WARNING, Symbol.OPEN)
    ended = bool(trial.ended_by)  # not so of an imported one
    episode = f"episode {trial.episode_index}" if trial.episode_index is not None else "not saved" if ended else ""
    took = f"{trial.seconds:.1f} s" if trial.frames or ended else ""
    ended_by = ENDED_BY.get(trial.ended_by, str(trial.ended_by))
    columns = [
        text("", tone, mark, strong=True), text(took), quiet(ended_by), quiet(episode),
        text(policy), text(condition),
        text(", ".join(filter(None, (trial.failure_mode, trial.why, *_how(trial), opinion_words(trial))))),
        quiet(", ".join(of_trial(trial.measured))),
    ]  # fmt: skip
    return Row("practice" if trial.practice else str(number), tuple(columns))
