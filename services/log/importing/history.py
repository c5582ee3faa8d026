"""All sessions that an import file tells of."""

from __future__ import annotations

from services.log.importing import bench, evaluation, recording, training
from services.log.importing.adding import Import
from services.log.importing.file import ImportFile


def imports(file: ImportFile) -> list[Import]:
    """Its sessions: what a table names comes before it."""
    return [*recording.imports(file), *training.imports(file), *evaluation.imports(file), *bench.imports(file)]


def summary(file: ImportFile) -> str:
    """`6 recordings (A, B, ...), 7 trainings (B1, ...), 8 evaluations (...)`."""
    parts = (recording.summary(file), training.summary(file), evaluation.summary(file), bench.summary(file))
    return ", ".join(filter(None, parts))
