"""The output of `lab-console sessions --json` and its JSON Schema, both made from the documents' structs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sessions.document import Session
from sessions.models import SessionKind, SessionStatus


class ListedSession(Session, frozen=True, kw_only=True):
    """A session of the log; the list is newest first. The fields that scripts use most are flat; the facts follow.

    Times named `_utc` are ISO 8601, those named `at` Unix seconds. `target` counts accepted episodes, steps or judged
    trials. `ended` and `ended_utc` are null while the session runs.
    """

    id: str
    kind: SessionKind
    status: SessionStatus
    started_utc: str
    ended_utc: str | None
    end_reason: str
    operator: str
    host: str
    bench: str
    task: str
    dataset: str
    dataset_root: str
    checkpoint: str
    trained_in: str
    target: int
    accepted: int
    rejected: int


FIELDS = ListedSession.__struct_fields__
ORDER = sorted(FIELDS, key=lambda name: name in Session.__struct_fields__)
"""The flat fields first."""


def listed(session: Session) -> ListedSession:
    """The session as it is printed."""
    return ListedSession(**{name: getattr(session, name) for name in FIELDS})


def as_json(sessions: Iterable[Session]) -> list[dict[str, Any]]:
    """Plain values for `sessions --json`."""
    plain = (msgspec.to_builtins(listed(session)) for session in sessions)
    return [{name: values[name] for name in ORDER} for values in plain]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `as_json` returns."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(list[ListedSession])}
