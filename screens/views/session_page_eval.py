"""What the log knows of an evaluation: which checkpoint tried what, and every trial with its verdict. Pure."""

from __future__ import annotations

from collections import Counter

from textual.content import Content

from screens.views.page_rows import COLUMN, cells, fact
from screens.views.signs import clean, fit, signs
from screens.views.trial_tally import interval_bar
from screens.views.trials import verdict_mark
from services.checkpoints.checkpoint import label
from services.log.headline import rate
from sessions.models import Session, Trial, Verdict
from sessions.trials import place

CELL = 46
"""Cells that one trial takes."""


def evaluated(session: Session, width: int) -> list[Content]:
    """The rows of an evaluation's page, between its start and its notes."""
    return [
        fact("checkpoint", (clean(label(session.checkpoint)), "bold")),
        fact("", (clean(session.checkpoint), "$quiet")),
        fact("trained in", f"session {clean(session.trained_in)}" if session.trained_in else "not told"),
        fact("task", f'"{clean(session.task)}"'),
        *_conditions(session),
        *_tally(session, width),
        *_failures(session),
        *_motion(session),
        *cells((_trial(trial, place(session.trials, trial.index)) for trial in session.trials), width, CELL),
    ]


def _conditions(session: Session) -> list[Content]:
    """Under which conditions it was tried, in the operator's words."""
    named = dict.fromkeys(clean(trial.condition, 80) for trial in session.trials if trial.condition)
    return [fact("condition", f" {signs().dot} ".join(named))] if named else []


def _tally(session: Session, width: int) -> list[Content]:
    successes, failures = session.count(Verdict.SUCCESS), session.count(Verdict.FAILURE)
    parts: list[tuple[str, str]] = []
    for verdict in Verdict:
        sign, tone = verdict_mark(verdict)
        parts.append((f"   {sign} {session.count(verdict)} {verdict.value}", tone))
    target = f" of {session.target_trials}" if session.target_trials else ""
    rows = [fact("judged", f"{successes + failures}{target}", *parts, (_judges(session), "$quiet"))]
    if words := rate(successes, successes + failures):
        bar = interval_bar(successes, successes + failures, max(20, min(50, width - COLUMN - 2)))
        rows += [fact("success", (words, "bold"), ("  (95 %)", "$quiet")), fact("", bar)]
    return rows


def _judges(session: Session) -> str:
    names = dict.fromkeys(clean(trial.judge, 40) for trial in session.trials if trial.judge)
    return f"   by {', '.join(names)}" if names else ""


def _failures(session: Session) -> list[Content]:
    """How often each failure mode."""
    modes = Counter(t.failure_mode or "not said" for t in session.trials if t.verdict is Verdict.FAILURE)
    words = [f"{clean(mode, 40)} {number}" for mode, number in modes.most_common()]
    return [fact("failures", f" {signs().dot} ".join(words))] if words and set(modes) != {"not said"} else []


def _motion(session: Session) -> list[Content]:
    if not session.dataset or all(trial.episode_index is None for trial in session.trials):
        return []  # without an episode the worker left no dataset
    return [fact("motion", clean(session.dataset)), fact("", (clean(session.dataset_root), "$quiet"))]


def _trial(trial: Trial, number: int) -> Content:
    """`   3✗   6.2 s  verdict   episode 2   grasps air`, numbered as on the screen during the session."""
    sign, tone = verdict_mark(trial.verdict) if trial.verdict else (signs().dot, "$warning")
    episode = f"episode {trial.episode_index}" if trial.episode_index is not None else "not saved"
    return Content.assemble(
        (f"{number:>3}{sign}", f"bold {tone}"), f"{trial.seconds:>6.1f} s  ",
        (fit(clean(trial.ended_by, 9), 9), "$quiet"), (fit(episode, 12), "$quiet"),
        fit(clean(trial.failure_mode or trial.why, 80), CELL - 36).rstrip(),
    )  # fmt: skip
