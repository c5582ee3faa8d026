"""The log's document of a session: what a snapshot keeps, as sessions.json has it. Pure."""

from __future__ import annotations

from services.live.snapshots import Snapshot
from sessions.document import Session

KEPT = [name for name in Session.__struct_fields__ if name != "alarms"]
"""What a snapshot holds under the same name; its own `alarms` are those that stand."""


def document(s: Snapshot) -> Session:
    """The log's document of this state. Raises ValueError before the SessionStarted event."""
    if s.started is None:
        raise ValueError("a run without its SessionStarted event has no document")
    return Session(**{name: getattr(s, name) for name in KEPT}, alarms=s.alarm_history)
