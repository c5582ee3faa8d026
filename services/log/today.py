"""What runs now, and which sessions ended today."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.folders import DataFolder
from services.live.running import Running, Runs, find_runs
from sessions.document import Session


@dataclass(frozen=True)
class Today:
    """What runs, newest first, and what ended today; `problem` says what of the log cannot be read."""

    runs: Runs = field(default_factory=Runs)
    ended: tuple[Session, ...] = ()
    problem: str = ""

    @property
    def running(self) -> tuple[Running, ...]:
        """What runs, newest first."""
        return self.runs.running


def today(folder: DataFolder) -> Today:
    """What runs and what ended today. Reads disk: not on the event loop."""
    from services.log import logbook

    runs = find_runs(folder)
    try:
        book = logbook.sessions(folder)
    except logbook.LogbookProblem as problem:
        return Today(runs, (), f"{problem}; {runs.problem}" if runs.problem else str(problem))
    now = datetime.now().astimezone()
    midnight = datetime.combine(now, datetime.min.time()).astimezone()
    begin = min(midnight, now - timedelta(hours=12))  # who works past midnight has not begun a new day
    ids = {r.run.id for r in runs.running}
    ended = tuple(s for s in book.sessions if s.id not in ids and _since(s) >= begin.timestamp())
    return Today(runs, ended, book.message or runs.problem)


def _since(session: Session) -> float:
    try:
        return datetime.fromisoformat(session.started_utc).timestamp()
    except ValueError:
        return 0.0
