"""The tables of an import file: what a bench wrote down of its work and no file of it can tell.

A fact that is missing, or written as "not recorded", is not recorded. Units are in the names of the keys.
"""

from __future__ import annotations

from datetime import date
from math import isfinite
from typing import Annotated, Any

import msgspec

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


class DatasetTable(Table, frozen=True, kw_only=True):
    """`[[dataset]]`: `key` is what the other tables call it. `episodes` are those that were kept of `recorded`."""

    key: Key
    name: Name
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


class TrainingTable(Table, frozen=True, kw_only=True):
    """`[[training]]`: one training. `key` and `name` make it the same one when it is imported again.

    `steps` were made of `steps_wanted` (by default as many). `episodes_left_out` are numbers of the dataset; an empty
    list says that all were used. `left_out_cameras_decoded` is whether their videos were decoded all the same, as
    LeRobot 0.6.1 does where they are left out of the policy's inputs alone. `step_s` may be two numbers, the least and
    the most. `loss` is what it is, not its value: that stands in `points`, whose last one is the final loss.
    """

    key: Key
    policy: Name
    dataset: Key
    steps: Some
    name: Name = ""
    date: Any = None
    """A day or a time of TOML."""
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
    hours: Seconds | None = None
    minutes: Seconds | None = None
    checkpoint_steps: tuple[Some, ...] = ()
    checkpoint_bytes: Some | None = None
    output_dir: Text = ""
    hardware: Text = ""
    notes: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if self.date is not None and not (isinstance(self.date, date) and FIRST_YEAR <= self.date.year <= LAST_YEAR):
            raise ValueError(f"date is {self.date!r}: write a day such as 2026-02-17, without quotes, or leave it out")
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
        if self.hours is not None and self.minutes is not None:
            raise ValueError("give hours or minutes, not both: they are one time")
        both = [camera for camera in self.cameras_left_out if camera in (self.cameras or ())]
        if both:
            raise ValueError(f"camera {both[0]} is in cameras and in cameras_left_out: it was one of them")
        if self.left_out_cameras_decoded is not None and not self.cameras_left_out:
            raise ValueError("left_out_cameras_decoded needs cameras_left_out: no camera was left out")
        for name in ("grad_norm", "lr_start", "lr_end"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}: write a number that is not below 0, or leave it out")


TABLES: dict[str, type[DatasetTable | TrainingTable]] = {"dataset": DatasetTable, "training": TrainingTable}
"""The kinds of tables by name, in the order in which they are read: a table names those before it."""
