"""The words of a session: its kind and status, and what its takes, trials and notes come to."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sessions.open_enum import OpenEnum


class SessionKind(StrEnum):
    """What a session was for."""

    RECORD = "record"
    TRAIN = "train"
    EVAL = "eval"
    BENCH = "bench"


class SessionStatus(StrEnum):
    """How a session stands; `crashed` means that its worker vanished without an end."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    CRASHED = "crashed"


class Verdict(StrEnum):
    """What a person (or the simulated bench's oracle) says of a trial; a void one is repeated and counts nowhere."""

    SUCCESS = "success"
    FAILURE = "failure"
    VOID = "void"


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A saved take: `index` counts in the dataset (from 0), `take` in the session (from 1)."""

    index: int
    take: int
    frames: int
    seconds: float
    accepted: bool = True
    flags: tuple[str, ...] = ()


class EndedBy(OpenEnum):
    """What ended a take or a trial."""

    RUNNING = ""
    """Nothing yet."""
    KEY = "key"
    TIME = "time"
    STOPPED = "stopped"
    """The arm was stopped."""
    FAILED = "failed"
    """A device, the policy or the disk."""
    DRIVER = "driver"
    """The driving console was lost."""
    ENDED = "ended"
    """The session's end."""
    VERDICT = "verdict"
    ORACLE = "oracle"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One eval attempt; `index` counts attempts in the session from 1.

    `ended_by` is empty while it runs; `why` says what failed. `judge` is an operator or `oracle`. `episode_index`
    counts in the rollout dataset, None where the motion was not saved. `checkpoint` is the policy that drove,
    `condition` what the operator called what it was tried under.
    """

    index: int
    verdict: Verdict | None = None
    ended_by: EndedBy = EndedBy.RUNNING
    episode_index: int | None = None
    frames: int = 0
    seconds: float = 0.0
    failure_mode: str = ""
    judge: str = ""
    why: str = ""
    checkpoint: str = ""
    condition: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark by a person, at a UTC time in ISO 8601."""

    text: str
    author: str
    at_utc: str
