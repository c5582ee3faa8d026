"""What was written down of a training that this console did not run."""

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
