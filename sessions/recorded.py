"""What was written down of a training, or an evaluation, that this console did not run."""

from __future__ import annotations

import msgspec


class RecordedTraining(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of an imported training that LeRobot's configuration or log would otherwise hold.

    None, an empty text or an empty tuple: not recorded. `loss` is its definition, `schedule` that of the learning
    rate, from `lr_start` on; `step_s` are the least and the most seconds of a step; `images` is the size that the
    policy was given, in pixels (`640x480`); `resumed_at` are the steps at which it went on after an interruption.
    """

    images: str = ""
    loss: str = ""
    schedule: str = ""
    lr_start: float | None = None
    step_s: tuple[float, ...] = ()
    hardware: str = ""
    resumed_at: tuple[int, ...] = ()


class RecordedEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an imported evaluation that its request would otherwise hold.

    None, an empty text or 0: not recorded; an empty tuple of `cameras` says that the policy had none. `trial_s` is the
    most seconds of a trial, `countdown_s` what the arm waited before one, `fps` the commands per second. `ordered`:
    the trials stand in the order in which they were made; else only their counts are known.
    """

    cameras: tuple[str, ...] | None = None
    cameras_left_out: tuple[str, ...] = ()
    reset: str = ""
    trial_s: float = 0.0
    countdown_s: float | None = None
    fps: float = 0.0
    ordered: bool = False
