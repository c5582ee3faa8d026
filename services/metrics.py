"""A training's metrics: the lines of metrics.jsonl, and the columns that they become. No torch, no textual.

One line per log point: `step`, `at` (Unix seconds), `samples`, `epochs`, and LeRobot's metrics under its own names
(utils/logging_utils.py: loss, lr, grad_norm, update_s, dataloading_s, samples_per_s, gpu_mem_gb, and what a policy
adds), all at full precision. A value that is not finite is null, and `nonfinite` says what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec


def encode_point(*, step: int, at: float, samples: int, epochs: float, metrics: Mapping[str, float]) -> bytes:
    """One line of metrics.jsonl, newline included."""
    odd = {name: str(value) for name, value in metrics.items() if not isfinite(value)}
    point: dict[str, Any] = {"step": step, "at": at, "samples": samples, "epochs": epochs}
    point |= {name: None if name in odd else value for name, value in metrics.items()}
    return msgspec.json.encode(point | ({"nonfinite": odd} if odd else {})) + b"\n"
