"""The rows of the Log's list, in columns. Pure: from the documents to Content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.content import Content

from screens.views.columns import Column, Parts, rows
from screens.views.session_rows import session_sign
from screens.views.signs import fit, signs
from services.log.headline import Headline, headline, loss_of, rate, share
from sessions.document import Session, Training
from sessions.models import SessionKind, Verdict


class Entry(NamedTuple):
    """A session of the list, and its headline."""

    session: Session
    head: Headline


def log_rows(sessions: Iterable[Session], room: int) -> list[Content]:
    """One row per session, in `room` cells, e.g. `✓ 2026-02-19 14:32  record  pick_place  12 of 50  2✗ 1⚠ #night`."""
    return rows(COLUMNS, (Entry(session, headline(session)) for session in sessions), room)


# -- the columns -------------------------------------------------------------------------------------


def _sign(entry: Entry, _: int) -> Parts:
    sign, tone = session_sign(entry.session)
    return [(sign, f"bold {tone}")]


def _year(entry: Entry, _: int) -> Parts:
    return [(entry.head.when[:5], "$quiet")]


def _day(entry: Entry, _: int) -> Parts:
    return [(entry.head.when[5:], "$quiet")]


def _kind(entry: Entry, _: int) -> Parts:
    return [(entry.head.kind, "")]


def _what(entry: Entry, _: int) -> Parts:
    return [(entry.head.what, "bold")]


def _duration(entry: Entry, _: int) -> Parts:
    return [(entry.head.duration, "$quiet")]


def _marks(entry: Entry, _: int) -> Parts:
    return [("  ".join(entry.head.marks), "$warning")]


def _counts(entry: Entry, cells: int) -> Parts:
    """The result of the session."""
    session = entry.session
    match session.kind:
        case SessionKind.RECORD:
            return _kept(session)
        case SessionKind.TRAIN if session.training is not None:
            return _steps(session.training, cells)
        case SessionKind.EVAL:
            return _verdicts(session, cells)
        case _:
            return []


COLUMNS = (
    Column("sign", 1, _sign),
    Column("year", 5, _year, from_room=105, gap=0),
    Column("day", 11, _day, gap=2),
    Column("kind", 6, _kind, gap=2),
    Column("what", 20, _what, weight=1, most=44),
    Column("counts", 19, _counts, weight=3, most=27),
    Column("duration", 10, _duration),
    Column("marks", 0, _marks, weight=2, gap=0),
)
"""75 cells, to fit a terminal of 80 columns; the year is shown if there is room."""


# -- results -----------------------------------------------------------------------------------------


def _kept(session: Session) -> Parts:
    s = signs()
    rejected = session.rejected
    flagged = sum(bool(e.flags) for e in session.episodes)
    return [
        (fit(f"{session.accepted} of {session.target}", 10), ""),
        (fit(f"{rejected}{s.no}" if rejected else "", 5), "$error"),
        (f"{flagged}{s.warning}" if flagged else "", "$warning"),
    ]


def _steps(training: Training, cells: int) -> Parts:
    """`3,210/20,000 steps`, and the loss if it fits."""
    total = f"/{training.started.steps:,}" if training.step < training.started.steps else ""
    steps = f"{training.step:,}{total} steps"
    both = "  ".join(filter(None, [steps, loss_of(training)]))
    return [(both if len(both) <= cells else steps, "")]


def _verdicts(session: Session, cells: int) -> Parts:
    """`12✓ 8✗ 1○ 60 % [39, 78]`; without the interval if it does not fit."""
    s = signs()
    success, failure, void = (session.count(v) for v in (Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID))
    parts = [(f"{success}{s.yes} ", "$success"), (f"{failure}{s.no} ", "$error")]
    parts += [(f"{void}{s.void} ", "$quiet")] if void else []
    judged = success + failure
    words = rate(success, judged)
    left = cells - sum(len(text) for text, _ in parts)
    return [*parts, (words if len(words) <= left else share(success, judged), "")]
