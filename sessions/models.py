"""A session's basic types: kind, status, verdict, episode, trial, note."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sessions.open_enum import OpenEnum


class SessionKind(StrEnum):
    """The kind of session."""

    RECORD = "record"
    TRAIN = "train"
    EVAL = "eval"
    BENCH = "bench"


class SessionStatus(StrEnum):
    """The status of a session; `crashed` means that its worker failed or vanished without an end."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    CRASHED = "crashed"


class Verdict(StrEnum):
    """How a person (or the simulated bench's oracle) judges a trial; a void trial is repeated and never counts."""

    SUCCESS = "success"
    FAILURE = "failure"
    VOID = "void"


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A saved take: `index` is its number in the dataset (from 0), `take` in the session (from 1).

    `retried` is how often each arm was asked again because an answer was lost.
    """

    index: int
    take: int
    frames: int
    seconds: float
    accepted: bool = True
    flags: tuple[str, ...] = ()
    retried: dict[str, int] = {}


class EndedBy(OpenEnum):
    """What ended a take or a trial."""

    RUNNING = ""
    """It has not ended."""
    KEY = "key"
    TIME = "time"
    STOPPED = "stopped"
    """The arm was stopped."""
    FAILED = "failed"
    """A device, the policy or the disk failed."""
    DRIVER = "driver"
    """The driving console was lost."""
    ENDED = "ended"
    """The session ended."""
    VERDICT = "verdict"
    ORACLE = "oracle"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of an evaluation; `index` counts attempts in the session from 1.

    `ended_by` is empty while it runs; `why` is what failed. `judge` is an operator or `oracle`. `episode_index` is its
    number in the rollout dataset, None if the motion was not saved. `checkpoint` is the policy that was run,
    `condition` the operator's name for the conditions of the trial.
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


class AlarmCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often an alarm with this text was raised in a session; `first` is the Unix time of the first one."""

    text: str
    first: float
    times: int = 1


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark by a person, at a UTC time in ISO 8601."""

    text: str
    author: str
    at_utc: str
