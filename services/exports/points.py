"""A training's log points as they are exported: full precision, without those that a resumed run made again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from services.folders import DataFolder
from services.training.watching.own_run import OwnRun
from services.training.watching.points import Points
from sessions.document import Session
from sessions.files import read_file


def points_of(folder: DataFolder, session: Session) -> Points:
    """The points of the session's metrics.jsonl; none if it has no such file, or it cannot be read."""
    run = OwnRun(folder.run(Path(session.id).name).root)
    with suppress(OSError):
        run.parse(run.place.metrics, read_file(run.place.metrics), 0)
    return run.runs[0].points
