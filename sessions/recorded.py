"""What was written down of a recording, a training, an evaluation or a bench that this console did not run."""

from __future__ import annotations

import msgspec


class RecordedTraining(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of an imported training that LeRobot's configuration or log would otherwise hold.

    None, an empty text or an empty tuple: not recorded. `loss` is its definition, `schedule` that of the learning
    rate, from `lr_start` on; `step_s` are the least and the most seconds of a step; `images` is the size that the
    policy was given, in pixels (`640x480`), `resized` how they came to it; `resumed_at` are the steps at which it
    went on after an interruption. `flags` are those of the command that trained it.
    """

    images: str = ""
    loss: str = ""
    schedule: str = ""
    lr_start: float | None = None
    step_s: tuple[float, ...] = ()
    hardware: str = ""
    resumed_at: tuple[int, ...] = ()
    resized: str = ""
    flags: str = ""


class RecordedEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an imported evaluation that its request would otherwise hold.

    None, an empty text or 0: not recorded; an empty tuple of `cameras` says that the policy had none. `trial_s` is the
    most seconds of a trial, `countdown_s` what the arm waited before one, `fps` the commands per second. `ordered`:
    the trials stand in the order in which they were made; else only their counts are known. `failures` tell in words
    how trials failed of which it is not known how many did so; `flags` are those of the command that ran it.
    """

    cameras: tuple[str, ...] | None = None
    cameras_left_out: tuple[str, ...] = ()
    reset: str = ""
    trial_s: float = 0.0
    countdown_s: float | None = None
    fps: float = 0.0
    ordered: bool = False
    failures: tuple[str, ...] = ()
    flags: str = ""


class RecordedCamera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera of an imported recording. `width` and `height` are pixels, 0 if not recorded.

    `fault` is what was wrong with its pictures, from episode `fault_from` on if that is known. `left_out_later` is
    whether trainings left it out although the dataset has its pictures; None if not recorded.
    """

    name: str
    model: str = ""
    width: int = 0
    height: int = 0
    fault: str = ""
    fault_from: int | None = None
    left_out_later: bool | None = None


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes that were taken out of a dataset: by their numbers as they were recorded, or only how many."""

    because: str = ""
    episodes: tuple[int, ...] = ()
    count: int = 0

    @property
    def number(self) -> int:
        """How many."""
        return len(self.episodes) or self.count


class RecordedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a recording that was made at once: how many episodes, and what was done in it."""

    episodes: int
    what: str = ""
    resumed: bool = False


class Lighting(msgspec.Struct, frozen=True, kw_only=True):
    """How many episodes were recorded in this light; `about`: the number is a rough one."""

    light: str
    episodes: int
    about: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was not as before from this recording on: `what` (`gripper`, `calibration`, ...), from `was` to `now`."""

    what: str
    was: str = ""
    now: str = ""
    because: str = ""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong at the bench: from `episode` on, or `every` least to most episodes, as far as that is known."""

    what: str
    episode: int | None = None
    every: tuple[int, ...] = ()
    found: str = ""
    """How it was noticed."""
    because: str = ""


class RecordedRecording(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of an imported recording that its events would otherwise hold.

    None, an empty text, an empty tuple or 0: not recorded. `kept` of `recorded` episodes are in the dataset, with
    `frames` in all, and least to most `episode_frames` in each. `range_cm` is the size of the area in which the
    `object` lay. `home` is in degrees, the gripper in percent. A dataset that is a copy says of which one (`copy_of`),
    and what it lacks of it (`copy_without`, cameras). `root` is the dataset's folder, where that was read. `tasks` are
    the instructions of one with several, `flaws` sentences on what of it could not be read.
    """

    repo_id: str = ""
    root: str = ""
    tasks: tuple[str, ...] = ()
    flaws: tuple[str, ...] = ()
    robot: str = ""
    recorded: int | None = None
    kept: int | None = None
    frames: int | None = None
    episode_frames: tuple[int, ...] = ()
    fps: float = 0.0
    cameras: tuple[RecordedCamera, ...] | None = None
    removed: tuple[Removal, ...] = ()
    parts: tuple[RecordedPart, ...] = ()
    lighting: tuple[Lighting, ...] = ()
    strategies: tuple[str, ...] = ()
    object: str = ""
    range_cm: tuple[float, ...] = ()
    changes: tuple[Change, ...] = ()
    home: dict[str, float] = {}
    copy_of: str = ""
    copy_without: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def kept_words(self) -> str:
        """`81 of 87 kept`, as far as that is known; empty if it is not."""
        if self.kept is None:
            return "" if self.recorded is None else f"{self.recorded} recorded"
        return f"{self.kept} of {self.recorded} kept" if self.recorded is not None else f"{self.kept} kept"


class RecordedBench(msgspec.Struct, frozen=True, kw_only=True):
    """What was written down of a bench over the time of an imported bench session; empty: not recorded.

    `home` is in degrees, the gripper in percent; `ways` are sentences on how it is worked.
    """

    robot: str = ""
    hardware: str = ""
    home: dict[str, float] = {}
    ways: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
