"""The log as one JSON file, and the JSON Schema of it, which is made from the same structs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.log.listing import ListedSession, as_json
from services.text import escape_json
from services.training.watching.points import Points
from sessions.document import Session

FILE, SCHEMA = "lab-log.json", "lab-log.schema.json"
NAMES = (FILE, SCHEMA)
VERSION = 1
"""New keys need no new version."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A training's log points as columns of one length: steps, Unix times, samples seen (null if unknown), metrics.

    A metric is null where a point does not have it, or where it is not finite.
    """

    step: tuple[int, ...]
    at: tuple[float, ...]
    samples: tuple[int | None, ...]
    metrics: dict[str, tuple[float | None, ...]]


class LabLog(msgspec.Struct, frozen=True, kw_only=True):
    """An export of a log: its sessions, oldest first, as `sessions --json` prints them, and the curves by session."""

    version: int
    sessions: tuple[ListedSession, ...]
    curves: dict[str, Curve]


def write(box: Path, sessions: Iterable[tuple[Session, Points]], log: Sequence[Session]) -> None:
    """Write both files into this folder; `log` has all sessions, of which these may be some. Raises OSError."""
    import orjson

    known = list(sessions)
    curves = {session.id: _columns(points) for session, points in known if len(points)}
    whole = {"version": VERSION, "sessions": as_json([session for session, _ in known], log), "curves": curves}
    (box / FILE).write_text(escape_json(orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode()), "utf-8")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(LabLog)}
    (box / SCHEMA).write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2))


def _columns(points: Points) -> dict[str, Any]:
    """What a Curve decodes from; orjson writes what is not finite as null."""
    count = len(points)
    metrics = {name: points.column(name, 0, count) for name in points.logged}
    return {"step": points.steps, "at": points.at, "samples": points.samples, "metrics": metrics}
