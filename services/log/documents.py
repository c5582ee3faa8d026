"""The log's document of a session, made from its snapshot as stored in sessions.json. Pure."""

from __future__ import annotations

from services.live.snapshots import Snapshot
from sessions.document import Session

SAME_FIELDS = [name for name in Session.__struct_fields__ if name != "alarms"]
"""Fields that a snapshot has under the same name; a snapshot's `alarms` are only the active ones."""


def document(s: Snapshot) -> Session:
    """The log's document of this state. Raises ValueError before the SessionStarted event."""
    if s.started is None:
        raise ValueError("a run without its SessionStarted event has no document")
    return Session(**{name: getattr(s, name) for name in SAME_FIELDS}, alarms=s.alarm_history)
