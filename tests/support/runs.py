"""Runs as workers leave them, for the tests of everything that reads events."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from sessions.models import SessionStatus
from tests.support.facts import BEGAN, started

__all__ = ["BEGAN", "ended", "make_folder", "numbered", "saved", "session_id", "started", "write_run"]


def numbered(*events: ev.Event, first: int = 1, at: float = BEGAN) -> list[ev.Event]:
    """`events` as an event log writes them, one second apart."""
    return [msgspec.structs.replace(event, seq=first + n, at=event.at or at + n) for n, event in enumerate(events)]


def saved(index: int, **more: object) -> ev.EpisodeSaved:
    told = {"take": index + 1, "frames": 200, "seconds": 6.7, "accepted": True, "save_ms": 90.0, **more}
    return ev.EpisodeSaved(index=index, **told)  # type: ignore[arg-type]


def ended(status: SessionStatus = SessionStatus.FINISHED) -> ev.SessionEnded:
    return ev.SessionEnded(status=status, reason="finished by the operator")


def write_run(folder: DataFolder, session_id: str, *events: ev.Event) -> RunFolder:
    """A run whose worker is gone; without `events`, one that saved two episodes and ended."""
    run = folder.run(session_id)
    run.root.mkdir(parents=True)
    told = events or (started(session_id), saved(0), saved(1, accepted=False), ended())
    run.events.write_bytes(b"".join(map(ev.encode, numbered(*told))))
    return run


def make_folder(path: Path) -> DataFolder:
    return DataFolder(path / "data").create()


def session_id(number: int) -> str:
    return f"20260217-1420{number:02d}-{number:04x}"
