"""The tables of an import file: what a bench wrote down of its work and no file of it can tell.

A fact that is missing, or written as "not recorded", is not recorded. Units are in the names of the keys.
"""

from __future__ import annotations

from datetime import date
from math import isfinite
from typing import Annotated, Any

import msgspec

from services.near import did_you_mean
from sessions.models import Verdict

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=10_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=96)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
Some = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


FIRST_YEAR, LAST_YEAR = 1971, 2999
"""Years that every clock of a computer has."""
LONGEST_S = 1e9


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Written(Table, frozen=True, kw_only=True):
    """A table that becomes a session: `key` makes it the same one when it is imported again."""

    key: Key
    date: Any = None
    """A day or a time of TOML."""
    notes: tuple[Text, ...] = ()
    hypotheses: tuple[Text, ...] = ()
    lessons: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        day = self.date
        if day is not None and not (isinstance(day, date) and FIRST_YEAR <= day.year <= LAST_YEAR):
            raise ValueError(f"date is {day!r}: write a day such as 2026-02-17, without quotes, or leave it out")


class Worked(Written, frozen=True, kw_only=True):
    """One that took a time: `hours` or `minutes`."""

    hours: Seconds | None = None
    minutes: Seconds | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hours is not None and self.minutes is not None:
            raise ValueError("give hours or minutes, not both: they are one time")

    @property
    def took_s(self) -> float:
        """The time in seconds; 0 if it is not recorded."""
        return 3600.0 * self.hours if self.hours else 60.0 * (self.minutes or 0.0)


class DatasetTable(Table, frozen=True, kw_only=True):
    """`[[dataset]]`: `key` is what the other tables call it. `episodes` are those that were kept of `recorded`.

    `repo_id` is its name on the Hub, `owner/name`. Notes are its recording's, if it has one here.
    """

    key: Key
    name: Name
    repo_id: Text = ""
    recorded: Count | None = None
    episodes: Some | None = None
    frames: Some | None = None
    cameras: tuple[Name, ...] | None = None
    fps: Seconds | None = None
    notes: tuple[Text, ...] = ()


class PointTable(Table, frozen=True, kw_only=True):
    """`points = [{ step = 1_000, loss = 0.032 }]`: what was logged at a step; a loss may be nan."""

    step: Count
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    update_s: float | None = None
    data_s: float | None = None

    def __post_init__(self) -> None:
        known = {name: getattr(self, name) for name in self.__struct_fields__ if name != "step"}
        if all(value is None for value in known.values()):
            raise ValueError(f"the point at step {self.step} has no value: give a loss, for one")
        for name, value in known.items():
            if name not in ("loss", "grad_norm") and value is not None and not isfinite(value):
                raise ValueError(f"{name} at step {self.step} is {value}, not a number")


class TrainingTable(Worked, frozen=True, kw_only=True):
    """`[[training]]`: one training. `key` and `name` make it the same one when it is imported again.

    `steps` were made of `steps_wanted` (by default as many). `episodes_left_out` are numbers of the dataset; an empty
    list says that all were used. `left_out_cameras_decoded` is whether their videos were decoded all the same, as
    LeRobot 0.6.1 does where they are left out of the policy's inputs alone. `step_s` may be two numbers, the least and
    the most. `loss` is what it is, not its value: that stands in `points`, whose last one is the final loss.
    """

    policy: Name
    dataset: Key
    steps: Some
    name: Name = ""
    operator: Text = ""
    steps_wanted: Some | None = None
    resumed_at_steps: tuple[Some, ...] = ()
    ended_because: Text = ""
    cameras: tuple[Name, ...] | None = None
    cameras_left_out: tuple[Name, ...] = ()
    left_out_cameras_decoded: bool | None = None
    episodes_left_out: tuple[Count, ...] | None = None
    image_px: tuple[Some, Some] | None = None
    batch_size: Some | None = None
    loss: Text = ""
    points: tuple[PointTable, ...] = ()
    grad_norm: float | None = None
    lr_start: float | None = None
    lr_end: float | None = None
    lr_schedule: Text = ""
    step_s: float | tuple[float, ...] | None = None
    """No bounds here: msgspec 0.22 crashes on a union of a bounded number and an array."""
    update_s: Seconds | None = None
    data_s: Seconds | None = None
    checkpoint_steps: tuple[Some, ...] = ()
    checkpoint_bytes: Some | None = None
    image_resize: Text = ""
    output_dir: Text = ""
    hardware: Text = ""
    flags: Text = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        steps = [point.step for point in self.points]
        if steps != sorted(set(steps)):
            raise ValueError("points must be in the order of their steps, each step once")
        late = [step for step in (*steps, *self.checkpoint_steps, *self.resumed_at_steps) if step > self.steps]
        if late:
            raise ValueError(f"step {late[0]} is after the last of the {self.steps} steps that were made")
        if self.steps_wanted is not None and self.steps_wanted < self.steps:
            raise ValueError(f"steps_wanted is {self.steps_wanted}, fewer than the {self.steps} steps that were made")
        took = self.step_s if isinstance(self.step_s, tuple) else () if self.step_s is None else (self.step_s,)
        if not all(0 < each < LONGEST_S for each in took) or len(took) > 2:
            raise ValueError(f"step_s is {self.step_s}: write seconds above 0, or the least and the most of them")
        _check_cameras(self.cameras, self.cameras_left_out)
        if self.left_out_cameras_decoded is not None and not self.cameras_left_out:
            raise ValueError("left_out_cameras_decoded needs cameras_left_out: no camera was left out")
        for name in ("grad_norm", "lr_start", "lr_end"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}: write a number that is not below 0, or leave it out")


def _check_cameras(used: tuple[str, ...] | None, left_out: tuple[str, ...]) -> None:
    both = [camera for camera in left_out if camera in (used or ())]
    if both:
        raise ValueError(f"camera {both[0]} is in cameras and in cameras_left_out: it was one of them")


# -- evaluations --------------------------------------------------------------------------------------

MOST_TRIALS = 10_000
"""Of one evaluation: each becomes a trial of its session."""
Tries = Annotated[int, msgspec.Meta(ge=1, le=MOST_TRIALS)]
NoTries = Annotated[int, msgspec.Meta(ge=0, le=MOST_TRIALS)]
Modes = dict[str, Tries]


class ConditionTable(Table, frozen=True, kw_only=True):
    """`by_condition = [{ condition = "front", successes = 0, trials = 2 }]`: the result under one condition."""

    condition: Name
    trials: Tries
    successes: NoTries
    failure_modes: Modes = {}

    def __post_init__(self) -> None:
        _check_counts(self.successes, self.trials, self.failure_modes)


class VerdictTable(Table, frozen=True, kw_only=True):
    """`verdicts = [{ verdict = "failure", failure_mode = "grasps air" }]`: one trial; a word alone is its verdict."""

    verdict: str
    condition: Text = ""
    failure_mode: Text = ""
    assisted: bool = False

    def __post_init__(self) -> None:
        if self.verdict not in tuple(Verdict):
            known = f"write {', '.join(Verdict)}{did_you_mean(self.verdict, Verdict)}"
            raise ValueError(f"'{self.verdict}' is no verdict: {known}")
        if self.verdict == Verdict.SUCCESS and (self.failure_mode or self.assisted):
            raise ValueError("a success has no failure_mode, and one in which a person helped is none")


class EvaluationTable(Worked, frozen=True, kw_only=True):
    """`[[evaluation]]`: one evaluation of one policy. `key` makes it the same one when it is imported again.

    The policy is that of a `training` of this file, by its key, after `step` steps, or else a `checkpoint`, by whatever
    name it has. The result is told in one of three ways: `successes` of `trials` (those that count, not the `void`
    ones), the same `by_condition`, or `verdicts` in their order. `failure_modes` are how often each occurred. The time
    (`hours` or `minutes`) is all of it at the bench, with the resets; `trial_s` is the most seconds of a trial.
    """

    training: Key = ""
    step: Some | None = None
    checkpoint: Text = ""
    operator: Text = ""
    task: Text = ""
    cameras: tuple[Name, ...] | None = None
    cameras_left_out: tuple[Name, ...] = ()
    reset: Text = ""
    trial_s: Seconds | None = None
    countdown_s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_S)] | None = None
    fps: Seconds | None = None
    condition: Text = ""
    successes: NoTries | None = None
    trials: Tries | None = None
    void: NoTries = 0
    failure_modes: Modes = {}
    by_condition: tuple[ConditionTable, ...] = ()
    verdicts: tuple[str | VerdictTable, ...] = ()
    failures: tuple[Text, ...] = ()
    """How trials failed, in words, where it is not known how many did so."""
    flags: Text = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_cameras(self.cameras, self.cameras_left_out)
        if bool(self.training) == bool(self.checkpoint):
            raise ValueError("give training, the key of one in this file, or checkpoint: it tried one policy")
        if self.step is not None and not self.training:
            raise ValueError("step needs training: a checkpoint has its own name")
        counted = self.successes is not None or self.trials is not None
        if counted + bool(self.by_condition) + bool(self.verdicts) != 1:
            raise ValueError("give successes and trials, or by_condition, or verdicts: one of them tells the result")
        if counted and self.successes is None:
            raise ValueError("successes is missing: how many of the trials succeeded")
        if counted and self.trials is None:
            raise ValueError("trials is missing: of how many the successes are")
        if counted:
            _check_counts(self.successes or 0, self.trials or 0, self.failure_modes)
        elif self.failure_modes:
            raise ValueError("failure_modes belong to successes and trials: by_condition and verdicts have their own")
        if self.verdicts and self.void:
            raise ValueError("void belongs to successes and trials, or to by_condition: verdicts have their own")
        if self.condition and self.by_condition:
            raise ValueError("give condition or by_condition, not both")
        if self.count > MOST_TRIALS:
            raise ValueError(f"{self.count:,} trials are more than an evaluation has: at most {MOST_TRIALS:,}")
        names = [each.condition for each in self.by_condition]
        if len(names) > len(set(names)):
            raise ValueError("by_condition names one condition twice: put its trials together")
        _ = self.told

    @property
    def count(self) -> int:
        """Its trials, void ones too."""
        counted = (self.trials or 0) + sum(each.trials for each in self.by_condition)
        return counted + self.void + len(self.verdicts)

    @property
    def told(self) -> tuple[VerdictTable, ...]:
        """`verdicts`, a word as a table. Raises ValueError for a word that is no verdict."""
        return tuple(VerdictTable(verdict=each) if isinstance(each, str) else each for each in self.verdicts)


def _check_counts(successes: int, trials: int, modes: Modes) -> None:
    if successes > trials:
        raise ValueError(f"{successes} of {trials} cannot have succeeded: successes is more than trials")
    if sum(modes.values()) > trials - successes:
        failures = f"{trials - successes} of {trials} trials failed"
        raise ValueError(f"failure_modes are of {sum(modes.values())} trials, but {failures}")
