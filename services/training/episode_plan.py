"""Planning which episodes a training learns from: what was typed is checked against the dataset and the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.datasets.episode_ranges import numbers, parse
from services.datasets.summary import DatasetSummary
from services.folders import DataFolder
from services.log import logbook
from services.log.problem import LogbookProblem
from services.refusal import Checks, Option, Refusal, check_number
from services.training.episode_choice import (
    Recorded,
    Wanted,
    choose,
    hold_out,
    nothing_left,
    tagged_sessions,
)
from services.units import plural


def recorded(summary: DatasetSummary) -> Recorded:
    """What is known of the dataset's episodes. Reads the disk: do not call it on an event loop."""
    from services.datasets.episode_rows import read_rows  # it loads pyarrow

    rows = read_rows(summary.root)
    return replace(Recorded.of(summary.matched), lengths=rows.lengths, tasks=rows.tasks)


@dataclass(frozen=True)
class Typed:
    """What the operator wrote: numbers and ranges, the reason for them, tags, and the share to hold out."""

    by_hand: str = ""
    because: str = ""
    tags: Sequence[str] = ()
    flagged: bool = False
    held_out: float = 0.0
    without: Sequence[str] = ()
    """The cameras that are left out."""


def plan_episodes(checks: Checks, folder: DataFolder, summary: DatasetSummary | None, typed: Typed) -> Wanted:
    """What is left out of the dataset, and checked that something remains."""
    wanted = replace(_wanted(checks, folder, summary, typed), flagged=typed.flagged, without=tuple(typed.without))
    if summary:
        checks.run("exclude_episodes", _check_left, summary, wanted, typed.held_out)
    return wanted


def _wanted(checks: Checks, folder: DataFolder, summary: DatasetSummary | None, typed: Typed) -> Wanted:
    by_hand, because = typed.by_hand, typed.because.strip()
    tags = tuple(dict.fromkeys(tag for each in typed.tags if (tag := each.strip())))
    checks.run("because", _check_reason, by_hand, because)
    ranges = checks.run("exclude_episodes", parse, by_hand) or ()
    if summary is None:
        return Wanted(because=because, tags=tags)
    chosen = checks.run("exclude_episodes", numbers, ranges, summary.name, summary.episodes) or ()
    tagged = checks.run("exclude_tags", _tagged, folder, summary, tags) if tags else ()
    return Wanted(chosen, because, tags, tagged or ())


def _check_reason(by_hand: str, because: str) -> None:
    if by_hand.strip() and not because:
        raise Refusal(
            ("episodes are left out by hand: say why (", Option("because"), "); it is kept with the training")
        )
    if because and not by_hand.strip():
        raise Refusal(
            ("a reason, and no episodes that it is about: name them (", Option("exclude_episodes", "11,26,49-52"), ")")
        )


def _tagged(folder: DataFolder, summary: DatasetSummary, tags: Sequence[str]) -> tuple[str, ...]:
    try:
        book = logbook.sessions(folder)
    except (LogbookProblem, OSError) as problem:
        raise Refusal(f"the sessions with the tag {', '.join(tags)} cannot be looked up: {problem}") from problem
    return tagged_sessions(book.sessions, tags, Recorded.of(summary.matched), summary.name)


def _check_left(summary: DatasetSummary, wanted: Wanted, share: float) -> None:
    """Raises Refusal if no episode is left to learn from."""
    known = Recorded.of(summary.matched)
    chosen = choose(known, wanted)
    if not chosen.episodes:
        raise Refusal(nothing_left(summary.name, known, chosen))
    if share:
        left = len(chosen.episodes) - len(hold_out(chosen.episodes, recorded(summary).tasks, share))
        if not left:
            raise Refusal(
                f"held out {share:g}: of each task at least its last episode is held out, so that of "
                f"{plural(len(chosen.episodes), 'episode')} none is left to learn from", "held_out",
            )  # fmt: skip


def check_share(share: float) -> float:
    """The share of the episodes that is held out. Raises Refusal if it is none."""
    if not 0 <= share < 1:
        raise Refusal(f"held out is a share of the episodes, from 0 to below 1, such as 0.1, not {share:g}")
    return share


def measure_every(share: float, every: int | None, saves: int) -> int:
    """Steps between two measurements of the held-out episodes: by default `saves`, so at each checkpoint."""
    if not share:
        if every:
            raise Refusal(("no episodes are held out to be measured: choose a share (", Option("held_out", "0.1"), ")"))
        return 0
    check_number("held out every", every if every is not None else 1, 1)
    return every or saves
