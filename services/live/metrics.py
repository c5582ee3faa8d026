"""A training's metrics: the lines of metrics.jsonl. `services.training.curves` reads them into columns.

One line per log point: `step`, `at` (Unix seconds), `samples`, `epochs`, and LeRobot's metrics under its own names
(utils/logging_utils.py: loss, lr, grad_norm, update_s, dataloading_s, samples_per_s, gpu_mem_gb, and what a policy
adds), all at full precision. A value that is not finite is null; `nonfinite` holds it as text by name. The loss of the
held-out episodes is a line of its own, with `eval_loss` as its only metric: it is measured after the step was logged.
A line with `resumed` and a step says that the run went on after that step: later steps above it were lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from services.live import events as ev
from sessions.files import opened

TAIL = 65_536
"""Bytes at the end of the file that are searched for the newest whole line."""
EVAL_LOSS = "eval_loss"
"""LeRobot's name of the loss of the episodes that are held out."""
RESUMED = "resumed"
NOT_METRICS = frozenset({"step", "at", "samples", "epochs", "nonfinite", RESUMED})


def encode_point(*, step: int, at: float, samples: int, epochs: float, metrics: Mapping[str, float]) -> bytes:
    """One line of metrics.jsonl, newline included."""
    odd = {name: str(value) for name, value in metrics.items() if not isfinite(value)}
    point: dict[str, Any] = {"step": step, "at": at, "samples": samples, "epochs": epochs}
    point |= {name: None if name in odd else value for name, value in metrics.items()}
    return msgspec.json.encode(point | ({"nonfinite": odd} if odd else {})) + b"\n"


def encode_resumed(*, step: int, at: float) -> bytes:
    """The line that says that the run goes on after `step`."""
    return msgspec.json.encode({"step": step, "at": at, RESUMED: True}) + b"\n"


def newest(path: Path, *, after: int = 0) -> ev.TrainingProgressed | None:
    """The log point of the newest whole line with a loss, if its step is later than `after`; else None.

    A training's events may lag its metrics by half a minute.
    """
    for line in reversed(_last_lines(path)):
        with suppress(msgspec.DecodeError, TypeError, ValueError, KeyError):
            values = msgspec.json.decode(line, type=dict[str, Any])
            if values.get(RESUMED):
                return None  # what is above it is lost, or older
            if EVAL_LOSS in values and "loss" not in values:
                continue
            metrics = {k: float(v) for k, v in values.items() if k not in NOT_METRICS and isinstance(v, int | float)}
            point = ev.TrainingProgressed(
                at=float(values["at"]), step=int(values["step"]), samples=int(values["samples"]),
                epochs=float(values["epochs"]), metrics=metrics,
            )  # fmt: skip
            return point if point.step > after else None
    return None


def last_points(path: Path, *, until: int, count: int) -> list[tuple[int, dict[str, float]]]:
    """The steps and finite metrics of the last log points at or before the step `until`, in their order; at most
    `count`, from the end of the file.
    """
    found: dict[int, dict[str, float]] = {}
    for line in reversed(_last_lines(path)):
        with suppress(msgspec.DecodeError, TypeError, ValueError, KeyError):
            values = msgspec.json.decode(line, type=dict[str, Any])
            step = int(values["step"])
            if "loss" in values and step <= until and step < min(found, default=until + 1):
                found[step] = {k: float(v) for k, v in values.items() if k not in NOT_METRICS and v is not None}
    return sorted(found.items())[-count:]


def _last_lines(path: Path) -> list[bytes]:
    """The whole lines at the end of the file; none if it cannot be read."""
    try:
        with opened(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            return file.read().split(b"\n")[:-1]
    except OSError:
        return []
