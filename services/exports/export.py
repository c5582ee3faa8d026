"""An export: the chosen sessions in one of the formats, into a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.exports import csv_files, json_file, orbit, trackers
from services.exports.choosing import Chosen
from services.exports.outbox import check_free, outbox
from services.exports.points import points_of
from services.folders import DataFolder
from services.refusal import Refusal
from services.training.watching.points import Points
from services.units import plural
from sessions.document import Session

JSON, CSV, ORBIT = "json", "csv", "orbit"
FORMATS = (JSON, CSV, ORBIT, *trackers.WRITERS)
NAMES = {JSON: json_file.NAMES, CSV: csv_files.NAMES, ORBIT: orbit.NAMES}
"""Names of the files of a format; trackers have a folder for each run."""


@dataclass(frozen=True)
class Exported:
    """What came out, in words, and what was left out and why."""

    what: str
    left_out: tuple[str, ...] = ()


def export(folder: DataFolder, chosen: Chosen, kind: str, to: Path, *, overwrite: bool = False) -> Exported:
    """Write the sessions to the folder `to`, all or nothing. Raises Refusal."""
    check_free(to, NAMES.get(kind, ()), overwrite=overwrite)
    with outbox(to, overwrite=overwrite) as box:
        match kind:
            case "json":
                json_file.write(box, _with_points(folder, chosen.sessions), chosen.log)
                return Exported(plural(len(chosen.sessions), "session"))
            case "csv":
                csv_files.write(box, _with_points(folder, chosen.sessions))
                return Exported(plural(len(chosen.sessions), "session"))
            case "orbit":
                return _orbit(box, chosen.sessions)
            case _:
                return _track(folder, box, chosen.sessions, kind)


def _with_points(folder: DataFolder, sessions: Sequence[Session]) -> Iterator[tuple[Session, Points]]:
    """Each with its log points, one after another: a thousand trainings' need not fit into memory."""
    for session in sessions:
        yield session, points_of(folder, session) if session.training is not None else Points()


def _orbit(box: Path, sessions: Sequence[Session]) -> Exported:
    hidden = orbit.hidden(sessions)
    left_out = tuple(f"session {each} is blinded: unblind it first (`lab-console unblind {each}`)" for each in hidden)
    made = orbit.write(box, sessions)
    if not made:
        raise Refusal("; ".join(("no trial of these sessions counts: there is nothing to export", *left_out)))
    return Exported(plural(made, "trial"), left_out)


def _track(folder: DataFolder, box: Path, sessions: Sequence[Session], kind: str) -> Exported:
    trackers.check_installed(kind)
    trainings = [session for session in sessions if session.training is not None]
    left_out, made = [], 0
    for session, points in _with_points(folder, trainings):
        if not len(points):
            left_out.append(f"session {session.id} has no metrics here: its run folder is gone, or it never logged any")
            continue
        trackers.write(kind, box, session, points)
        made += 1
    if not made:
        raise Refusal("; ".join(("no training among these sessions has metrics", *left_out)))
    return Exported(plural(made, "run"), tuple(left_out))
