"""What runs now, and which sessions ended today."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.folders import DataFolder, RunFolder
from services.live import metrics
from services.live.event_log import read_events
from services.live.launch import live_runs
from services.live.snapshots import Snapshot, advance, replay
from sessions.document import Session
from sessions.models import SessionKind


@dataclass(frozen=True)
class Running:
    """A session whose worker lives."""

    run: RunFolder
    snapshot: Snapshot


@dataclass(frozen=True)
class Today:
    """What runs, newest first, and what ended today; `problem` says why the log could not be read."""

    running: tuple[Running, ...] = ()
    ended: tuple[Session, ...] = ()
    problem: str = ""


def running(folder: DataFolder) -> tuple[Running, ...]:
    """Every live session, newest first. Reads disk: not on the event loop."""
    return tuple(Running(run, _now(run)) for run in live_runs(folder))


def _now(run: RunFolder) -> Snapshot:
    """As its events tell it, a training with its newest log point."""
    snapshot = replay(read_events(run.events))
    if snapshot.training is None:
        return snapshot
    told = metrics.newest(run.metrics, after=snapshot.training.step)
    return advance(snapshot, told) if told else snapshot


def runs_on(items: Sequence[Running], bench: str, *, but: Collection[str] = ()) -> Running | None:
    """The session among `items` that holds the arm of `bench`, leaving out the runs `but`; a training holds none."""
    for item in items:
        started = item.snapshot.started
        if item.run.id in but or (started is not None and started.kind is SessionKind.TRAIN):
            continue
        if started is None or started.bench in ("", bench):
            return item
    return None


def today(folder: DataFolder) -> Today:
    """What runs and what ended today. Reads disk: not on the event loop."""
    from services.log import logbook

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
