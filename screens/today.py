"""What Bench lists: sittings that run, and today's sessions. Read in a thread; drawn as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.content import Content

from screens.words import clean, fit, signs
from services.eventlog import read_events
from services.folders import DataFolder, RunFolder
from services.link import live_runs
from services.snapshots import Snapshot, replay
from sessions.models import Session, SessionKind, SessionStatus


@dataclass(frozen=True)
class Running:
    """A sitting whose worker lives."""

    run: RunFolder
    snapshot: Snapshot


@dataclass(frozen=True)
class Today:
    """What runs, newest first, and what ended today; `problem` says why the log could not be read."""

    running: tuple[Running, ...] = ()
    ended: tuple[Session, ...] = ()
    problem: str = ""


def running(folder: DataFolder) -> tuple[Running, ...]:
    """Every live sitting, newest first. Reads disk: not on the event loop."""
    return tuple(Running(run, replay(read_events(run.events))) for run in live_runs(folder))


def today(folder: DataFolder) -> Today:
    """What runs and what ended today. Reads disk: not on the event loop."""
    from services import logbook

    live = running(folder)
    try:
        book = logbook.sessions(folder)
    except logbook.LogbookProblem as problem:
        return Today(live, (), str(problem))
    now = datetime.now().astimezone()
    midnight = datetime.combine(now, datetime.min.time()).astimezone()
    begin = min(midnight, now - timedelta(hours=12))  # who works past midnight has not begun a new day
    ids = {r.run.id for r in live}
    ended = tuple(s for s in book.sessions if s.id not in ids and _since(s) >= begin.timestamp())
    return Today(live, ended, book.message or "")


def _since(session: Session) -> float:
    try:
        return datetime.fromisoformat(session.started_utc).timestamp()
    except ValueError:
        return 0.0


def running_row(item: Running, attached: str) -> Content:
    """`● recording  pick_place   4/50   attached`."""
    snapshot = item.snapshot
    started = snapshot.started
    what, count = "starting", ""
    if started is not None:
        what = clean(started.dataset) if started.kind is SessionKind.RECORD else clean(started.purpose or "bench")
        count = f"{snapshot.accepted}/{started.target_episodes}" if started.target_episodes else ""
    mine = "attached" if item.run.id == attached else "a attaches"
    return Content.assemble(
        (f"{signs().live} ", "bold $accent"), (fit(snapshot.phase.value, 10), "bold"), fit(what, 22),
        fit(count, 8), (mine, "$accent" if mine == "attached" else "$quiet"),
    )  # fmt: skip


STATUS = {
    SessionStatus.FINISHED: ("yes", "$success"),
    SessionStatus.ABORTED: ("void", "$warning"),
    SessionStatus.CRASHED: ("no", "$error"),
    SessionStatus.RUNNING: ("live", "$accent"),
}


def session_sign(session: Session) -> tuple[str, str]:
    """The sign and tone of how a session ended."""
    name, tone = STATUS[session.status]
    return getattr(signs(), name), tone


def ended_row(session: Session) -> Content:
    """`✓ 14:02 record  pick_place  12 of 50 kept  31 m`."""
    from services.logbook import headline

    head = headline(session)
    sign, tone = session_sign(session)
    return Content.assemble(
        (f"{sign} ", f"bold {tone}"), (fit(head.when[-5:], 6), "$quiet"), fit(head.kind, 8), fit(head.what, 22),
        (f"{head.counts or head.duration}  ", "$quiet"), (" ".join(head.marks), "$warning"),
    )  # fmt: skip
