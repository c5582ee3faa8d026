"""The Log's table of sessions: its columns, and the orders it can be in. Pure: from the documents to Content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from textual.content import Content

from screens.views.columns import Align, Column, Parts, Table
from screens.views.session_rows import session_sign
from screens.views.signs import signs
from services.log.headline import (
    Headline,
    alarm_counts,
    headline,
    loss_of,
    outcome,
    rate,
    seconds,
    share,
    steps_made,
)
from services.text import clean
from services.units import plural
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.requests import BenchRequest, EvalRequest


class Entry(NamedTuple):
    """A session of the list, and its headline."""

    session: Session
    head: Headline
    part: str = ""
    """What it is a part of."""


def entry(session: Session, part: str = "") -> Entry:
    """The session with its headline, which is made once: a list is laid out at every key of the filter."""
    return Entry(session, headline(session, part=part), part)


def session_table(
    entries: Sequence[Entry], room: int, order: Order | None = None, today: date | None = None
) -> Table[Entry]:
    """The table in `room` cells, with the mark of its order; with years only where one is not this year's."""
    year = f"{(today or date.today()).year}-"
    plain = all(each.head.when.startswith(year) or not each.session.started_utc for each in entries)
    columns = [Column("started", _day if plain else _year_and_day), *COLUMNS]
    sign = signs().up if order and order.up else signs().down
    marks = {order.column: sign if signs().unicode else f" {sign}"} if order else {}  # `started v`
    return Table([Column("", _sign), *columns], entries, room, marks)


def log_rows(sessions: Iterable[Session], room: int, today: date | None = None) -> list[Content]:
    """One row per session, in `room` cells, e.g. `✓  11-26 14:32  record  pick_place  12 of 50  2✗ 1⚠  #night`."""
    return session_table([entry(session) for session in sessions], room, today=today).rows


# -- orders ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """An order of the rows: by which column, ascending or not; equal ones stay newest first."""

    column: str
    key: Callable[[Entry], object]
    up: bool = True

    def sorted(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries, which come newest first, in this order."""
        return sorted(entries, key=self.key)  # type: ignore[arg-type]


def _success(entry: Entry) -> tuple[str, float]:
    """Sessions of a kind together, the best first: by success rate, loss, or accepted episodes."""
    session = entry.session
    success, failure = session.count(Verdict.SUCCESS), session.count(Verdict.FAILURE)
    match session.kind:
        case SessionKind.EVAL:
            best = -success / (success + failure) if success + failure else 1.0
        case SessionKind.TRAIN:
            loss = session.training.loss if session.training else None
            best = float("inf") if loss is None else loss
        case _:
            best = -float(session.accepted)
    return session.kind.value, best


ORDERS = (
    Order("started", lambda entry: 0, up=False),
    Order("kind", lambda entry: entry.head.kind),
    Order("name", lambda entry: entry.head.what.casefold()),
    Order("result", _success),
    Order("took", lambda entry: -seconds(entry.session), up=False),
)
"""By the keys that step through them; the first is the list as it comes."""


# -- the columns -------------------------------------------------------------------------------------


def _sign(entry: Entry) -> Parts:
    sign, tone = session_sign(entry.session)
    return [(sign, f"bold {tone}")]


def _year_and_day(entry: Entry) -> Parts:
    return [(entry.head.when, "$quiet")]


def _day(entry: Entry) -> Parts:
    return [(entry.head.when[5:] if entry.session.started_utc else entry.head.when, "$quiet")]


def _kind(entry: Entry) -> Parts:
    return [(entry.head.kind, "")]


def _what(entry: Entry) -> Parts:
    return [(entry.head.what, "bold")]


def _took(entry: Entry) -> Parts:
    return [(entry.head.duration, "$quiet")]


def _operator(entry: Entry) -> Parts:
    return [(clean(entry.session.operator), "$quiet")]


def _bench(entry: Entry) -> Parts:
    return [(clean(entry.session.bench), "$quiet")]


def _done(entry: Entry) -> Parts:
    """How much was done: episodes, steps, trials."""
    session = entry.session
    match session.kind:
        case SessionKind.RECORD:
            return [(f"{session.accepted} of {session.target}" if session.target else str(session.accepted), "")]
        case SessionKind.TRAIN if session.training is not None:
            return [(steps_made(session.training, "/"), "")]
        case SessionKind.EVAL if session.trials:
            return _verdicts(session)
        case _:
            return []


def _verdicts(session: Session) -> Parts:
    """`12✓ 8✗ 1○`; void ones only if there are any."""
    s = signs()
    success, failure, void = (session.count(v) for v in (Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID))
    parts = [(f"{success}{s.yes} ", "$success"), (f"{failure}{s.no}", "$error")]
    return [*parts, (f" {void}{s.void}", "$quiet")] if void else parts


def _result(entry: Entry) -> Parts:
    """How well: rejected and flagged episodes, the loss, the success rate; what a bench session was for, or refused."""
    session = entry.session
    request = session.request
    match session.kind:
        case SessionKind.RECORD:
            return _spoilt(session)
        case SessionKind.TRAIN if session.training is not None:
            return [(loss_of(session.training), "")]
        case SessionKind.EVAL:
            return [(rate(*_judged(session)) if session.trials else entry.head.counts, "")]
        case _ if session.status is SessionStatus.ABORTED and session.end_reason:
            return [(clean(session.end_reason), "$warning")]
        case _:
            return [(request.purpose.value if isinstance(request, BenchRequest) else "", "")]


def _spoilt(session: Session) -> Parts:
    s = signs()
    flagged = sum(bool(episode.flags) for episode in session.episodes)
    rejected = session.rejected
    parts = [(f"{rejected}{s.no}", "$error")] if rejected else []
    return [*parts, (f"{' ' if parts else ''}{flagged}{s.warning}", "$warning")] if flagged else parts


def _result_in_short(entry: Entry) -> Parts:
    """The rate without its interval."""
    success, judged = _judged(entry.session)
    return [(share(success, judged), "")] if judged else _result(entry)


def _judged(session: Session) -> tuple[int, int]:
    success = session.count(Verdict.SUCCESS)
    return success, success + session.count(Verdict.FAILURE)


def _reset(entry: Entry) -> Parts:
    """What the arm did between trials: `return`, `home`, `home direct`, `leader`."""
    session, request = entry.session, entry.session.request
    if not session.reset or not isinstance(request, EvalRequest):
        return []
    return [(clean(request.reset_name), "$quiet")]


def _remarks(entry: Entry) -> Parts:
    """What it is a part of, tags, how many notes, why it did not finish, and its last alarm."""
    session = entry.session
    parts = [("imported", "$quiet")] if session.started.imported else []
    parts += [(entry.part, "$accent")] if entry.part else []
    parts += [(f"#{clean(tag)}", "$accent") for tag in session.tags]
    if session.notes:
        parts.append((plural(len(session.notes), "note"), "$quiet"))
    said = session.kind is SessionKind.BENCH and session.status is SessionStatus.ABORTED  # in place of its result
    if session.status not in (SessionStatus.FINISHED, SessionStatus.RUNNING) and not said:
        parts.append((outcome(session), "$warning"))
    excluded = session.training.started.excluded_cameras if session.training else ()
    if excluded:
        parts.append((clean(f"without {', '.join(excluded)}"), "$warning"))
    if session.alarms:
        others = len(alarm_counts(session)) - 1
        parts.append((clean(session.alarms[-1]) + (f" (+{others})" if others > 0 else ""), "$warning"))
    return [(f"{'  ' if n else ''}{text}", style) for n, (text, style) in enumerate(parts)]


COLUMNS: tuple[Column[Entry], ...] = (
    Column("kind", _kind),
    Column("name", _what, least=10, most=44),
    Column("done", _done, rank=1, align=Align.RIGHT),
    Column("result", _result, least=15, most=48, narrow=_result_in_short),
    Column("reset", _reset, rank=2),
    Column("took", _took, rank=4, align=Align.RIGHT),
    Column("operator", _operator, rank=5, most=12),
    Column("bench", _bench, rank=6, most=12),
    Column("remarks", _remarks, rank=2, least=8),
)
