"""What a training's learning rate does when more steps are asked for than it began with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi
from typing import Any

from services.units import value

COSINE = "cosine_decay_with_warmup"


def lr_at(config: Mapping[str, Any], steps: int, step: int) -> float | None:
    """The learning rate after `step` of `steps`, by LeRobot's configuration; None for a schedule not known here.

    As LeRobot 0.6.1 computes it (optim/schedulers.py, CosineDecayWithWarmupSchedulerConfig, whose decay and warm-up
    are scaled down to fewer steps than it decays over).
    """
    schedule, optimizer = config.get("scheduler"), config.get("optimizer")
    if not isinstance(schedule, Mapping) or not isinstance(optimizer, Mapping) or schedule.get("type") != COSINE:
        return None
    try:
        base, peak, low = float(optimizer["lr"]), float(schedule["peak_lr"]), float(schedule["decay_lr"])
        warmup, decay = int(schedule["num_warmup_steps"]), int(schedule["num_decay_steps"])
    except (KeyError, TypeError, ValueError):
        return None
    if steps < decay:
        warmup, decay = int(warmup * steps / decay), steps
    if step < warmup:
        least = 1 / (warmup + 1)
        return base * (least + (1 - least) * max(0, step) / warmup)
    alpha = low / peak if peak else 0.0
    return base * ((1 - alpha) * 0.5 * (1 + cos(pi * min(step, decay) / max(1, decay))) + alpha)


def on_more_steps(config: Mapping[str, Any], before: int, now: int, step: int) -> str:
    """What other steps than before mean for the learning rate from `step` on; empty if nothing."""
    schedule = config.get("scheduler")
    if before == now or not isinstance(schedule, Mapping):
        return ""
    kind = str(schedule.get("type", "")).replace("_", " ")
    laid = f"the schedule of the learning rate ({kind}) is laid over {now:,} steps instead of {before:,}"
    was, becomes = lr_at(config, before, step), lr_at(config, now, step)
    if was is None or becomes is None:
        return f"{laid}: it may jump at step {step:,}"
    if abs(was - becomes) <= 1e-3 * abs(was):
        return ""
    return f"{laid}: at step {step:,} it goes from {value(was)} to {value(becomes)}"
