"""The `[[recording]]` table of an import file: what was written down of how a dataset was recorded; and `[[bench]]`."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Annotated

import msgspec

from services.log.importing.tables import Count, Key, Name, Seconds, Some, Table, Text, Worked, Written

Centimetres = Annotated[float, msgspec.Meta(gt=0, le=10_000)]
LARGEST_ANGLE = 1e4
MOST_HERE = 10_000
"""Episodes that are named by number."""


class CameraTable(Table, frozen=True, kw_only=True):
    """`cameras = [{ name = "overhead", fault = "black", fault_from = 71, left_out_later = true }]`."""

    name: Name
    model: Text = ""
    px: tuple[Some, Some] | None = None
    fault: Text = ""
    fault_from: Count | None = None
    left_out_later: bool | None = None

    def __post_init__(self) -> None:
        if self.fault_from is not None and not self.fault:
            raise ValueError("fault_from needs fault: what was wrong from then on")


class RemovalTable(Table, frozen=True, kw_only=True):
    """`removed = [{ episodes = [11, 26], because = "failed grasps" }]`, or how many: `{ count = 6, because = ... }`."""

    because: Text = ""
    episodes: tuple[Count, ...] = ()
    count: Count = 0

    def __post_init__(self) -> None:
        if bool(self.episodes) == bool(self.count):
            raise ValueError("give episodes, the numbers of those removed, or count, how many they were")
        if len(self.episodes) > MOST_HERE:
            raise ValueError(f"{len(self.episodes):,} numbers are more than {MOST_HERE:,}: give count")
        twice = [number for number, times in Counter(self.episodes).items() if times > 1]
        if twice:
            raise ValueError(f"episode {twice[0]} is named twice")


class PartTable(Table, frozen=True, kw_only=True):
    """`parts = [{ episodes = 50 }, { episodes = 30, resumed = true, what = "varied cube rotation" }]`."""

    episodes: Some
    what: Text = ""
    resumed: bool = False


class LightingTable(Table, frozen=True, kw_only=True):
    """`lighting = [{ light = "night", episodes = 47, about = true }]`."""

    light: Name
    episodes: Some
    about: bool = False


class ChangeTable(Table, frozen=True, kw_only=True):
    """`changes = [{ what = "gripper", now = "a new one" }]`: what was not as before from this recording on."""

    what: Name
    was: Text = ""
    now: Text = ""
    because: Text = ""


class TroubleTable(Table, frozen=True, kw_only=True):
    """`troubles = [{ what = "the servo bus fell silent", every = [4, 7] }]`: `episode` is the first that it touched."""

    what: Text
    episode: Count | None = None
    every: tuple[Some, ...] = ()
    found: Text = ""
    because: Text = ""

    def __post_init__(self) -> None:
        if len(self.every) > 2 or list(self.every) != sorted(self.every):
            raise ValueError("every is how many episodes lie between: one number, or the least and the most")


class RecordingTable(Worked, frozen=True, kw_only=True):
    """`[[recording]]`: one recording into a `dataset`, by its key. `key` makes it the same one when imported again.

    `recorded`, `episodes` (those that were kept) and `frames` are the dataset's where they are missing and no other
    recording is of that dataset. Episodes are numbered as they were recorded.
    """

    dataset: Key
    operator: Text = ""
    task: Text = ""
    robot: Text = ""
    wanted: Count | None = None
    recorded: Count | None = None
    episodes: Some | None = None
    frames: Some | None = None
    episode_frames: tuple[Some, ...] = ()
    episode_s: Seconds | None = None
    cameras: tuple[CameraTable, ...] = ()
    removed: tuple[RemovalTable, ...] = ()
    parts: tuple[PartTable, ...] = ()
    lighting: tuple[LightingTable, ...] = ()
    strategies: tuple[Text, ...] = ()
    object: Text = ""
    range_cm: tuple[Centimetres, Centimetres] | None = None
    changes: tuple[ChangeTable, ...] = ()
    home: dict[Name, float] = msgspec.field(default_factory=dict)
    copy_of: Key = ""
    copy_without: tuple[Name, ...] = ()
    troubles: tuple[TroubleTable, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.episode_frames) > 2 or list(self.episode_frames) != sorted(self.episode_frames):
            raise ValueError("episode_frames is one number, or the least and the most frames of an episode")
        if self.copy_without and not self.copy_of:
            raise ValueError("copy_without needs copy_of: the key of the dataset that it is a copy of")
        check_pose(self.home)


class BenchTable(Written, frozen=True, kw_only=True):
    """`[[bench]]`: how a bench is worked and what went wrong at it, as far as that is of no single recording."""

    name: Name
    robot: Text = ""
    hardware: Text = ""
    home: dict[Name, float] = msgspec.field(default_factory=dict)
    ways: tuple[Text, ...] = ()
    troubles: tuple[TroubleTable, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pose(self.home)


def check_pose(home: dict[str, float]) -> None:
    """Raise ValueError for an angle that is none."""
    wrong = [joint for joint, angle in home.items() if not (isfinite(angle) and abs(angle) < LARGEST_ANGLE)]
    if wrong:
        raise ValueError(f"home: {wrong[0]} is {home[wrong[0]]}: write degrees")
