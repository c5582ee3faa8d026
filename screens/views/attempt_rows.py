"""The table of a session's episodes, or of an evaluation's trials, on its opened page. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from screens.views.columns import Align, Column, Parts, Table
from screens.views.signs import signs
from services.log.rows import measured_words
from services.log.rows.recorded_rows import in_order
from services.log.rows.trial_rows import ENDED_BY
from services.log.trials.results import policy_name
from services.text import clean
from sessions.document import Session
from sessions.models import Episode, SessionKind, Trial, Verdict
from sessions.trials import places


@dataclass(frozen=True)
class Attempt:
    """A saved episode, or a trial by its `number`, with its episode if its motion was saved.

    `policy` is the trial's in a comparison, else empty.
    """

    episode: Episode | None
    trial: Trial | None = None
    number: int = 0
    policy: str = ""


def attempts(session: Session) -> list[Attempt]:
    """The session's episodes or trials, in their order; none of an import that does not know it."""
    if session.kind is not SessionKind.EVAL:
        return [Attempt(episode) for episode in session.episodes]
    if not in_order(session):
        return []
    saved = {episode.index: episode for episode in session.episodes}
    numbers, several = places(session.trials), len({trial.checkpoint for trial in session.trials}) > 1
    return [
        Attempt(
            saved.get(trial.episode_index) if trial.episode_index is not None else None,
            trial,
            numbers[trial.index],
            policy_name(trial.checkpoint) if several else "",
        )
        for trial in session.trials
    ]


def attempt_table(items: list[Attempt], room: int) -> Table[Attempt]:
    """The table in `room` cells."""
    trials = any(item.trial for item in items)
    return Table(TRIALS if trials else EPISODES, items, room)


# -- the columns -------------------------------------------------------------------------------------


def _index(item: Attempt) -> Parts:
    return [(str(item.episode.index), "bold")] if item.episode else []


def _mark(item: Attempt) -> Parts:
    s = signs()
    if item.trial is not None:
        verdicts = {
            Verdict.SUCCESS: [(f"{s.yes} success", "$success")],
            Verdict.FAILURE: [(f"{s.no} failure", "$error")],
            Verdict.VOID: [(f"{s.void} void", "$quiet")],
        }
        return verdicts[item.trial.verdict] if item.trial.verdict else [("? no verdict", "$warning")]
    accepted = item.episode is not None and item.episode.accepted
    return [(f"{s.yes} accepted", "$success")] if accepted else [(f"{s.no} rejected", "$error")]


def _number(item: Attempt) -> Parts:
    return [(str(item.number), "bold")]


def _length(item: Attempt) -> Parts:
    if item.trial and not item.trial.seconds and not item.trial.ended_by:
        return []  # it runs, or was imported
    seconds = item.trial.seconds if item.trial else item.episode.seconds if item.episode else 0.0
    return [(f"{seconds:.1f} s", "$quiet")]


def _flags(item: Attempt) -> Parts:
    flags = item.episode.flags if item.episode else ()
    return [(f"{signs().warning} {clean(', '.join(flags))}", "$warning")] if flags else []


def _why(item: Attempt) -> Parts:
    """The reason of a mark that was given afterwards, and by whom."""
    episode = item.episode
    if episode is None or not (episode.why or episode.marked_by):
        return []
    word = "" if item.trial is None else "counts: " if episode.accepted else "left out: "
    by = f" ({clean(episode.marked_by)})" if episode.marked_by else ""
    return [(f"{word}{clean(episode.why) or 'marked'}{by}", "")]


def _ended(item: Attempt) -> Parts:
    return [(ENDED_BY.get(item.trial.ended_by, str(item.trial.ended_by)), "$quiet")] if item.trial else []


def _failure(item: Attempt) -> Parts:
    words: Iterable[str] = (item.trial.failure_mode, item.trial.why) if item.trial else ()
    return [(clean(", ".join(word for word in words if word)), "")]


def _policy(item: Attempt) -> Parts:
    return [(clean(item.policy), "")] if item.policy else []


def _condition(item: Attempt) -> Parts:
    return [(clean(item.trial.condition), "$quiet")] if item.trial else []


def _inference(item: Attempt) -> Parts:
    return [(measured_words.median(item.trial.measured), "$quiet")] if item.trial else []


def _seam(item: Attempt) -> Parts:
    return [(measured_words.seam(item.trial.measured), "$quiet")] if item.trial else []


def _starved(item: Attempt) -> Parts:
    """Periods without an action."""
    return [(measured_words.starved(item.trial.measured), "$warning")] if item.trial else []


def _moments(item: Attempt) -> Parts:
    """When a person marked a moment of the take."""
    return [(item.episode.moment_times, "$accent")] if item.episode and item.episode.moments else []


def _retried(item: Attempt) -> Parts:
    retried = item.episode.retried if item.episode else {}
    return [(clean(", ".join(f"{arm} {count}" for arm, count in retried.items())), "$quiet")]


EPISODES: tuple[Column[Attempt], ...] = (
    Column("episode", _index, align=Align.RIGHT),
    Column("", _mark),
    Column("length", _length, rank=3, align=Align.RIGHT),
    Column("because", _why, rank=1, least=10),
    Column("flagged", _flags, rank=2, least=10),
    Column("marked", _moments, rank=2, least=8),
    Column("retried", _retried, rank=4),
)
TRIALS: tuple[Column[Attempt], ...] = (
    Column("trial", _number, align=Align.RIGHT),
    Column("", _mark),
    Column("policy", _policy, rank=1, least=8, most=24),
    Column("length", _length, rank=3, align=Align.RIGHT),
    Column("ended", _ended, rank=2),
    Column("episode", _index, rank=6, align=Align.RIGHT),
    Column("because", _failure, rank=1, least=10),
    Column("data", _why, rank=2, least=10),
    Column("flagged", _flags, rank=2, least=8),
    Column("condition", _condition, rank=5, least=8),
    Column("inference", _inference, rank=2, align=Align.RIGHT),
    Column("seam", _seam, rank=2, align=Align.RIGHT),
    Column("starved", _starved, rank=5, align=Align.RIGHT),
)
