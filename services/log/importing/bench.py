"""A bench of an import file as the events of a session: how it was worked, and what went wrong at it."""

from __future__ import annotations

from services.live import events as ev
from services.log.importing.adding import Import
from services.log.importing.file import ImportFile
from services.log.importing.recording import as_fact
from services.log.importing.recording_tables import BenchTable
from services.log.importing.remarks import remarks
from services.log.importing.training import when
from services.text import clean
from sessions.bench import Profile
from sessions.models import SessionStatus
from sessions.recorded import RecordedBench, Trouble
from sessions.requests import BenchRequest, Purpose


def imports(file: ImportFile) -> list[Import]:
    """The benches of the file, in its order."""
    return [_import(file, each) for each in file.benches]


def _import(file: ImportFile, table: BenchTable) -> Import:
    at, day_only = when(table.date)
    known = RecordedBench(
        robot=clean(table.robot), hardware=clean(table.hardware), ways=tuple(map(clean, table.ways)),
        home={clean(joint): angle for joint, angle in table.home.items()},
        troubles=tuple(as_fact(Trouble, each) for each in table.troubles),
    )  # fmt: skip
    request = BenchRequest(data_dir="", profile=Profile(name=clean(table.name), robot={}), purpose=Purpose.UNKNOWN)
    origin = ev.SessionStarted(
        at=at, id="", pid=0, host="", request=request, imported=str(file.path), import_key=table.key,
        day_only=day_only, at_bench=known,
    )  # fmt: skip
    return Import((origin, ev.SessionEnded(status=SessionStatus.FINISHED), *remarks(table)))
