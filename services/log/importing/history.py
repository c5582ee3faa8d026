"""All sessions that an import file tells of."""

from __future__ import annotations

from services.log.importing import evaluation, training
from services.log.importing.adding import Import
from services.log.importing.file import ImportFile


def imports(file: ImportFile) -> list[Import]:
    """Its sessions: what a table names comes before it."""
    return [*training.imports(file), *evaluation.imports(file)]


def summary(file: ImportFile) -> str:
    """`7 trainings (B1 to D4), 8 evaluations (...)`."""
    return ", ".join(filter(None, (training.summary(file), evaluation.summary(file))))
