"""The session document: what the log keeps of one sitting, typed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

SCHEMA_VERSION = 1


class SessionKind(StrEnum):
    """What a sitting was for."""

    RECORD = "record"
    TRAIN = "train"
    EVAL = "eval"
    BENCH = "bench"


class SessionStatus(StrEnum):
    """How a sitting stands; `crashed` means that its worker vanished without an end."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    CRASHED = "crashed"


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A saved take: `index` counts in the dataset (from 0), `take` in the sitting (from 1)."""

    index: int
    take: int
    frames: int
    seconds: float
    accepted: bool = True
    flags: tuple[str, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark by a person, at a UTC time in ISO 8601."""

    text: str
    author: str
    at_utc: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sitting as the log keeps it. Times are UTC, ISO 8601; `profile` and `config` as they were used."""

    id: str
    kind: SessionKind
    status: SessionStatus
    started_utc: str
    ended_utc: str | None = None
    end_reason: str = ""
    operator: str = ""
    host: str = ""
    bench: str = ""
    task: str = ""
    dataset: str = ""
    dataset_root: str = ""
    target_episodes: int = 0
    episodes: tuple[Episode, ...] = ()
    alarms: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    profile: dict[str, Any] = {}
    config: dict[str, Any] = {}
    versions: dict[str, str] = {}
    git_commit: str | None = None
    last_seq: int = 0

    @property
    def accepted(self) -> int:
        """How many of the episodes are accepted."""
        return sum(e.accepted for e in self.episodes)
