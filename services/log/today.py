"""The running sessions, and those that ended today."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.folders import DataFolder
from services.live.running import Running, Runs, find_runs
from sessions.document import Session


@dataclass(frozen=True)
class Today:
    """The running sessions and those that ended today; `problem` is a sentence on what cannot be read, or empty."""

    runs: Runs = field(default_factory=Runs)
    ended: tuple[Session, ...] = ()
    problem: str = ""

    @property
    def running(self) -> tuple[Running, ...]:
        """The running sessions, newest first."""
        return self.runs.running


def today(folder: DataFolder) -> Today:
    """Find today's sessions. Reads disk, so not on the event loop."""
    from services.log import logbook

    runs = find_runs(folder)
    try:
        book = logbook.sessions(folder)
    except logbook.LogbookProblem as problem:
        return Today(runs, (), f"{problem}; {runs.problem}" if runs.problem else str(problem))
    now = datetime.now().astimezone()
    midnight = datetime.combine(now, datetime.min.time()).astimezone()
    begin = min(midnight, now - timedelta(hours=12))  # for sessions past midnight
    ids = {r.run.id for r in runs.running}
    ended = tuple(s for s in book.sessions if s.id not in ids and _since(s) >= begin.timestamp())
    return Today(runs, ended, book.message or runs.problem)


def _since(session: Session) -> float:
    try:
        return datetime.fromisoformat(session.started_utc).timestamp()
    except ValueError:
        return 0.0
