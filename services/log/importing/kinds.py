"""The kinds of tables of an import file."""

from __future__ import annotations

from services.log.importing.recording_tables import (
    BenchTable,
    CameraTable,
    ChangeTable,
    LightingTable,
    PartTable,
    RecordingTable,
    RemovalTable,
    TroubleTable,
)
from services.log.importing.tables import (
    ConditionTable,
    DatasetTable,
    EvaluationTable,
    PointTable,
    Table,
    TrainingTable,
    VerdictTable,
)

TABLES: dict[str, type[DatasetTable | RecordingTable | TrainingTable | EvaluationTable | BenchTable]] = {
    "dataset": DatasetTable,
    "recording": RecordingTable,
    "training": TrainingTable,
    "evaluation": EvaluationTable,
    "bench": BenchTable,
}
"""The kinds of tables by name, in the order in which they are read: a table names those before it."""
PARTS: dict[tuple[type[Table], str], type[Table]] = {
    (TrainingTable, "points"): PointTable,
    (EvaluationTable, "by_condition"): ConditionTable,
    (EvaluationTable, "verdicts"): VerdictTable,
    (RecordingTable, "cameras"): CameraTable,
    (RecordingTable, "removed"): RemovalTable,
    (RecordingTable, "parts"): PartTable,
    (RecordingTable, "lighting"): LightingTable,
    (RecordingTable, "changes"): ChangeTable,
    (RecordingTable, "troubles"): TroubleTable,
    (BenchTable, "troubles"): TroubleTable,
}
"""Tables inside of them, by the key that they stand under."""
