"""A training's metrics: the lines of metrics.jsonl. `services.training.curves` reads them into columns.

One line per log point: `step`, `at` (Unix seconds), `samples`, `epochs`, and LeRobot's metrics under its own names
(utils/logging_utils.py: loss, lr, grad_norm, update_s, dataloading_s, samples_per_s, gpu_mem_gb, and what a policy
adds), all at full precision. A value that is not finite is null, and `nonfinite` says what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from services.live import events as ev

TAIL = 65_536
"""Bytes at the end of the file in which the newest whole line is looked for."""
BESIDE = frozenset({"step", "at", "samples", "epochs", "nonfinite"})


def encode_point(*, step: int, at: float, samples: int, epochs: float, metrics: Mapping[str, float]) -> bytes:
    """One line of metrics.jsonl, newline included."""
    odd = {name: str(value) for name, value in metrics.items() if not isfinite(value)}
    point: dict[str, Any] = {"step": step, "at": at, "samples": samples, "epochs": epochs}
    point |= {name: None if name in odd else value for name, value in metrics.items()}
    return msgspec.json.encode(point | ({"nonfinite": odd} if odd else {})) + b"\n"


def newest(path: Path, *, after: int = 0) -> ev.TrainingProgressed | None:
    """What the newest whole line tells, where it is of a later step than `after`; else None.

    The events of a training may be half a minute behind its metrics.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(msgspec.DecodeError, TypeError, ValueError, KeyError):
            told = msgspec.json.decode(line, type=dict[str, Any])
            metrics = {k: float(v) for k, v in told.items() if k not in BESIDE and isinstance(v, int | float)}
            point = ev.TrainingProgressed(
                at=float(told["at"]), step=int(told["step"]), samples=int(told["samples"]),
                epochs=float(told["epochs"]), metrics=metrics,
            )  # fmt: skip
            return point if point.step > after else None
    return None
