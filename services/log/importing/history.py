"""All sessions that an import file tells of."""

from __future__ import annotations

from collections.abc import Sequence

from services.log.importing import bench, evaluation, recording, training
from services.log.importing.adding import Import
from services.log.importing.file import ImportFile
from services.log.importing.tables import Written
from services.text import clean
from services.units import plural

MOST_NAMED = 10


def imports(file: ImportFile) -> list[Import]:
    """Its sessions: what a table names comes before it."""
    return [*recording.imports(file), *training.imports(file), *evaluation.imports(file), *bench.imports(file)]


def summary(file: ImportFile) -> str:
    """`6 recordings (A to E), 1 training (B1)`: those that there are."""
    parts = (
        _listed("recording", file.recordings), _listed("training", file.trainings),
        _listed("evaluation", file.evaluations), _listed("bench", file.benches, "benches"),
    )  # fmt: skip
    return ", ".join(filter(None, parts))


def _listed(kind: str, tables: Sequence[Written], kinds: str = "") -> str:
    """How many, and their keys, of many the first and the last; empty for none."""
    keys = [clean(table.key) for table in tables]
    named = ", ".join(keys) if len(keys) <= MOST_NAMED else f"{keys[0]} to {keys[-1]}"
    return f"{plural(len(keys), kind, kinds)} ({named})" if keys else ""
