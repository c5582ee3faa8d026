"""The columns of the Log's table: those that fit sessions of every kind, and those of one kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from screens.views.columns import Align, Column, Parts
from screens.views.session_rows import session_sign
from screens.views.signs import signs
from services.log.headline import rate, share
from services.log.table.light import Light
from services.text import clean
from services.units import plural, value
from sessions.models import SessionKind, SessionStatus

# -- cells -------------------------------------------------------------------------------------------


def _sign(entry: Light) -> Parts:
    sign, tone = session_sign(entry)
    return [(sign, f"bold {tone}")]


def _year_and_day(entry: Light) -> Parts:
    return [(entry.head.when, "$quiet")]


def _day(entry: Light) -> Parts:
    return [(entry.head.when[5:] if entry.started_utc else entry.head.when, "$quiet")]


def _kind(entry: Light) -> Parts:
    return [(entry.head.kind, "")]


def _what(entry: Light) -> Parts:
    return [(entry.head.what, "bold")]


def _took(entry: Light) -> Parts:
    return [(entry.head.duration, "$quiet")]


def _operator(entry: Light) -> Parts:
    return [(clean(entry.operator), "$quiet")]


def _bench(entry: Light) -> Parts:
    return [(clean(entry.bench), "$quiet")]


def _dataset(entry: Light) -> Parts:
    return [(clean(entry.dataset), "")]


def _task(entry: Light) -> Parts:
    return [(clean(entry.task), "$quiet")]


def _reset(entry: Light) -> Parts:
    """What the arm did between trials: `return`, `home`, `home direct`, `leader`."""
    return [(clean(entry.reset_name), "$quiet")]


def _done(entry: Light) -> Parts:
    """How much was done: episodes, steps, trials."""
    match entry.kind:
        case SessionKind.RECORD:
            return [(f"{entry.accepted} of {entry.target}" if entry.target else str(entry.accepted), "")]
        case SessionKind.TRAIN if entry.steps:
            return [(f"{_steps(entry)} steps", "")]
        case SessionKind.EVAL if entry.trials:
            return _verdicts(entry)
        case _:
            return []


def _steps(entry: Light) -> str:
    return f"{entry.step:,}" + (f"/{entry.steps:,}" if entry.step < entry.steps else "")


def _verdicts(entry: Light) -> Parts:
    """`12✓ 8✗ 1○`; void ones only if there are any."""
    s = signs()
    parts = [(f"{entry.success}{s.yes} ", "$success"), (f"{entry.failure}{s.no}", "$error")]
    return [*parts, (f" {entry.void}{s.void}", "$quiet")] if entry.void else parts


def _result(entry: Light) -> Parts:
    """How well: rejected and flagged episodes, the loss, the success rate; what a bench session was for, or refused."""
    match entry.kind:
        case SessionKind.RECORD:
            return _spoilt(entry)
        case SessionKind.TRAIN:
            return [(entry.loss_words, "")]
        case SessionKind.EVAL:
            return _rate(entry) if entry.trials else [(entry.head.counts, "")]
        case _ if entry.status is SessionStatus.ABORTED and entry.end_reason:
            return [(clean(entry.end_reason), "$warning")]
        case _:
            return [(entry.purpose, "")]


def _rate(entry: Light) -> Parts:
    return [(rate(entry.success, entry.success + entry.failure), "")]


def _spoilt(entry: Light) -> Parts:
    s = signs()
    parts = [(f"{entry.rejected}{s.no}", "$error")] if entry.rejected else []
    return [*parts, (f"{' ' if parts else ''}{entry.flagged}{s.warning}", "$warning")] if entry.flagged else parts


def _result_in_short(entry: Light) -> Parts:
    """The rate without its interval."""
    judged = entry.success + entry.failure
    return [(share(entry.success, judged), "")] if judged else _result(entry)


def _remarks(entry: Light) -> Parts:
    """What it is a part of, tags, how many notes, why it did not finish, and its last alarm."""
    parts = [("imported", "$quiet")] if entry.imported else []
    parts += [(entry.part, "$accent")] if entry.part else []
    parts += [(f"#{clean(tag)}", "$accent") for tag in entry.tags]
    if entry.notes:
        parts.append((plural(entry.notes, "note"), "$quiet"))
    said = entry.kind is SessionKind.BENCH and entry.status is SessionStatus.ABORTED  # in place of its result
    if entry.status not in (SessionStatus.FINISHED, SessionStatus.RUNNING) and not said:
        parts.append((entry.outcome, "$warning"))
    if entry.excluded_cameras:
        parts.append((clean(f"without {', '.join(entry.excluded_cameras)}"), "$warning"))
    if entry.alarm:
        others = f" (+{entry.alarms - 1})" if entry.alarms > 1 else ""
        parts.append((clean(entry.alarm) + others, "$warning"))
    return [(f"{'  ' if n else ''}{text}", style) for n, (text, style) in enumerate(parts)]


# -- of one kind -------------------------------------------------------------------------------------


def _accepted(entry: Light) -> Parts:
    return [(f"{entry.accepted}/{entry.target}" if entry.target else str(entry.accepted), "bold")]


def _rejected(entry: Light) -> Parts:
    return [(f"{entry.rejected}{signs().no}", "$error")] if entry.rejected else []


def _flagged(entry: Light) -> Parts:
    return [(f"{entry.flagged}{signs().warning}", "$warning")] if entry.flagged else []


def _policy(entry: Light) -> Parts:
    return [(clean(entry.policy).rstrip("/").rpartition("/")[2], "")]


def _steps_made(entry: Light) -> Parts:
    return [(_steps(entry), "")] if entry.steps else []


def _loss(entry: Light) -> Parts:
    return [(entry.loss_words.removeprefix("loss "), "bold")]


def _pace(entry: Light) -> Parts:
    return [(value(entry.step_s), "")] if entry.step_s else []


def _checkpoints(entry: Light) -> Parts:
    return [(str(entry.checkpoints), "$quiet")] if entry.checkpoints else []


def _host(entry: Light) -> Parts:
    return [(clean(entry.host), "$quiet")]


def _judged(entry: Light) -> Parts:
    """`12/20`, and how many were void."""
    if not entry.trials:
        return []
    void = [(f" {entry.void}{signs().void}", "$quiet")] if entry.void else []
    return [(f"{entry.success}/{entry.success + entry.failure}", "bold"), *void]


def _rate_or_look(entry: Light) -> Parts:
    return _rate(entry) if entry.trials else [(entry.head.counts, "")]


def _rate_in_short(entry: Light) -> Parts:
    return _result_in_short(entry)


def _condition(entry: Light) -> Parts:
    """The condition, or how many there were."""
    names = entry.conditions
    return [(clean(names[0]) if len(names) == 1 else plural(len(names), "condition"), "")] if names else []


DAY, YEAR = Column[Light]("started", _day), Column[Light]("started", _year_and_day)
FIRST = (Column[Light]("", _sign), DAY, YEAR)
"""Before those of a kind: the sign, and when it began, without and with its year. Of the latter one is shown."""
LAST = (
    Column[Light]("took", _took, rank=4, align=Align.RIGHT),
    Column[Light]("operator", _operator, rank=5, most=12),
    Column[Light]("bench", _bench, rank=6, most=12),
    Column[Light]("remarks", _remarks, rank=2, least=8),
)
COLUMNS: Mapping[SessionKind | None, tuple[Column[Light], ...]] = {
    None: (
        *FIRST,
        Column("kind", _kind),
        Column("name", _what, least=10, most=44),
        Column("done", _done, rank=1, align=Align.RIGHT),
        Column("result", _result, least=15, most=48, narrow=_result_in_short),
        Column("reset", _reset, rank=2),
        *LAST,
    ),
    SessionKind.RECORD: (
        *FIRST,
        Column("dataset", _dataset, least=10, most=44),
        Column("accepted", _accepted, align=Align.RIGHT),
        Column("rejected", _rejected, align=Align.RIGHT),
        Column("flagged", _flagged, align=Align.RIGHT),
        Column("task", _task, rank=3, least=10, most=40),
        *LAST,
    ),
    SessionKind.TRAIN: (
        *FIRST,
        Column("run", _what, least=10, most=44),
        Column("policy", _policy, rank=1, most=16),
        Column("steps", _steps_made, align=Align.RIGHT),
        Column("loss", _loss, align=Align.RIGHT),
        Column("s/step", _pace, rank=1, align=Align.RIGHT),
        Column("dataset", _dataset, rank=2, least=8, most=32),
        Column("checkpoints", _checkpoints, rank=5, align=Align.RIGHT),
        Column("took", _took, rank=2, align=Align.RIGHT),
        Column("host", _host, rank=6, most=12),
        Column("remarks", _remarks, rank=3, least=8),
    ),
    SessionKind.EVAL: (
        *FIRST,
        Column("policy", _what, least=10, most=44),
        Column("k/n", _judged, align=Align.RIGHT),
        Column("rate", _rate_or_look, least=15, most=32, narrow=_rate_in_short),
        Column("condition", _condition, rank=1, least=9, most=24),
        Column("reset", _reset, rank=2),
        *LAST,
    ),
}
"""By the kind that is asked for; of every kind under None."""
NAMES: Mapping[SessionKind, Mapping[str, str]] = {
    SessionKind.RECORD: {"name": "dataset", "result": "accepted"},
    SessionKind.TRAIN: {"name": "run", "result": "loss"},
    SessionKind.EVAL: {"name": "policy", "result": "rate"},
}
"""What the columns of every kind, by which rows are ordered, are called among those of one."""
