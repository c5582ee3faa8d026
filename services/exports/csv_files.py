"""CSV that pandas reads with the right types, and a spreadsheet without running anything.

RFC 4180 in UTF-8, with a header. An empty cell is a value that is not known; numbers have all their digits; times are
ISO 8601 in UTC; truths are True and False. A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return,
which spreadsheets take for a formula, has a `'` before it. Control characters are left out of texts, line breaks stay.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from services.exports.tables import TABLES, Cell, Table
from services.text import without_controls
from services.training.watching.points import Points
from sessions.document import Session

FORMULA = ("=", "+", "-", "@", "\t", "\r")
PACKAGE = "datapackage.json"
"""The columns' types and meanings, as a Data Package (datapackage.org)."""
NAMES = (PACKAGE, *(f"{table.name}.csv" for table in TABLES))


def write(box: Path, sessions: Iterable[tuple[Session, Points]]) -> None:
    """Write every table, and the package that describes them, into this folder. Raises OSError."""
    files = [(table, (box / f"{table.name}.csv").open("w", newline="", encoding="utf-8")) for table in TABLES]
    try:
        writers = [(table, _writer(file, [column.name for column in table.columns])) for table, file in files]
        for session, points in sessions:
            for table, writer in writers:
                writer.writerows(map(cells, table.rows(session, points)))
    finally:
        for _, file in files:
            file.close()
    (box / PACKAGE).write_bytes(package())


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write one table. Raises OSError."""
    with path.open("w", newline="", encoding="utf-8") as file:
        _writer(file, header).writerows(map(cells, rows))


def _writer(file: Any, header: Sequence[str]) -> Any:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    return writer


def cells(row: Iterable[Cell]) -> list[Cell]:
    """The row with its texts made safe; what is not known becomes an empty cell, and so does NaN."""
    return [_text(cell) if isinstance(cell, str) else _number(cell) for cell in row]


def _text(text: str) -> str:
    formula = text.startswith(FORMULA)
    kept = without_controls(str(text), keep="\n")
    return f"'{kept}" if formula or kept.startswith(FORMULA) else kept


def _number(cell: Cell) -> Cell:
    return None if cell != cell else cell  # noqa: PLR0124 (NaN)


def package() -> bytes:
    """The Data Package that describes the tables."""
    import orjson

    whole = {"profile": "tabular-data-package", "name": "lab-console-log", "resources": [*map(_resource, TABLES)]}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _resource(table: Table) -> dict[str, Any]:
    fields = [
        {"name": c.name, "type": c.type.value} | ({"description": c.what} if c.what else {}) for c in table.columns
    ]
    schema = {"fields": fields, "missingValues": [""]}
    return {"name": table.name, "path": f"{table.name}.csv", "encoding": "utf-8", "schema": schema}
