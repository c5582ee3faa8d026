"""A session's basic types: kind, status, verdict, episode, trial, note."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sessions.conditions import Place
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

    `retried` is how often each arm was asked again because an answer was lost. `why` and `marked_by` are the reason and
    the person of the last mark given afterwards, if any. `moments` are the frames (from 0) that a person marked while
    the take ran. `strategy` is how the operator said that they do the task, `light` the mean brightness of each
    camera's pictures (0 to 255), `grasp` where the arm grasped first; older files have none of these.
    """

    index: int
    take: int
    frames: int
    seconds: float
    accepted: bool = True
    flags: tuple[str, ...] = ()
    retried: dict[str, int] = {}
    why: str = ""
    marked_by: str = ""
    moments: tuple[int, ...] = ()
    strategy: str = ""
    light: dict[str, int] = {}
    grasp: Place | None = None

    @property
    def moment_times(self) -> str:
        """When the marked moments were, in seconds from the take's begin: `4.2 s, 10.0 s`; empty without one."""
        return times(self.moments, self.frames / self.seconds if self.seconds else 0.0)


def times(frames: tuple[int, ...], fps: float) -> str:
    """Frames (from 0) as times in seconds from the first: `4.2 s, 10.0 s`."""
    return ", ".join(f"{frame / fps:.1f} s" for frame in frames) if fps else ""


class EndedBy(OpenEnum):
    """What ended a take or a trial."""

    RUNNING = ""
    """It has not ended."""
    KEY = "key"
    SHORT = "short"
    """A key, within a second of its start."""
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


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a trial.

    `infer_ms` is the median time of its `inferences`, `infer_ms_most` the longest. `starved` counts periods without an
    action, `late` those that came late, `missed` readings that failed, by device. `jerk` is the root mean square of the
    commanded joints' third derivative in degrees/s^3 without grippers, `seam` the largest step of a joint in degrees
    from the last action of one inference to the first of the next.
    """

    infer_ms: float = 0.0
    infer_ms_most: float = 0.0
    inferences: int = 0
    starved: int = 0
    late: int = 0
    missed: dict[str, int] = {}
    jerk: float = 0.0
    seam: float = 0.0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of an evaluation; `index` counts attempts in the session from 1.

    `ended_by` is empty while it runs; `why` is what failed. `judge` is an operator, `oracle`, or the `console`, which
    calls a trial void in which the bench failed. `episode_index` is its number in the rollout dataset, None if the
    motion was not saved. `checkpoint` is the policy that was run, `condition` the operator's name for the conditions of
    the trial. A `practice` one never counts, whatever its verdict. `stages` are the task's that it reached; an
    `assisted` one, in which a person helped, is no success. `measured` is None in older files, and while it runs.
    `began` and `judged_at` are Unix times, 0 where they are not known. `second` is what a second judge thinks of it,
    `judged_first` the verdict that was given before that was told; None without one. `no_opinion` is why there is none
    of a trained one.
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
    practice: bool = False
    stages: tuple[str, ...] = ()
    assisted: bool = False
    measured: Measured | None = None
    began: float = 0.0
    judged_at: float = 0.0
    second: Verdict | None = None
    judged_first: Verdict | None = None
    no_opinion: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is one of those that the result is made of: judged a success or a failure, and no practice."""
        return self.verdict in (Verdict.SUCCESS, Verdict.FAILURE) and not self.practice

    @property
    def seconds_to_verdict(self) -> float | None:
        """From the start to the verdict; None without one, or if a time is not known."""
        known = self.verdict is not None and self.began and self.judged_at
        return max(0.0, self.judged_at - self.began) if known else None


class AlarmCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often an alarm with this text was raised in a session; `first` is the Unix time of the first one.

    `camera` is the one that it is about, empty for another alarm; None in older files, which keep the text only.
    """

    text: str
    first: float
    times: int = 1
    camera: str | None = None


class NoteKind(OpenEnum):
    """What a note is."""

    NOTE = "note"
    HYPOTHESIS = "hypothesis"
    """A possible cause."""
    LESSON = "lesson"
    """What is to be done from now on."""

    @property
    def words(self) -> str:
        """As people read it: `possible cause`."""
        return "possible cause" if self is NoteKind.HYPOTHESIS else self.value


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A remark by a person, at a UTC time in ISO 8601.

    `text` is the newest one. `trial` is the attempt that it was written at, 0 for none. `edits` counts how often it was
    edited, `edited_utc` and `edited_by` are of the last time.
    """

    text: str
    author: str
    at_utc: str
    trial: int = 0
    edited_utc: str = ""
    edited_by: str = ""
    edits: int = 0
    kind: NoteKind = NoteKind.NOTE
