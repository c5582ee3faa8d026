"""The lines of a metrics.jsonl, decoded in bulk; a damaged one is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.live.metrics import EVAL_LOSS

UNNAMED = "(row)"
"""A key that no line has: the whole line is decoded separately."""


class LinePoint(msgspec.Struct):
    """One line, as services.live.metrics writes it. `row` holds all of it, metrics beyond LeRobot's own as well."""

    step: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    at: float = 0.0
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    update_s: float | None = None
    dataloading_s: float | None = None
    samples_per_s: float | None = None
    gpu_mem_gb: float | None = None
    samples: float | None = None
    epochs: float | None = None
    eval_loss: float | None = None
    nonfinite: dict[str, str] = {}
    resumed: bool = False
    row: Mapping[str, Any] = msgspec.field(default_factory=dict, name=UNNAMED)

    @property
    def measured(self) -> bool:
        """Whether this is the line of a held-out loss, which is none of the training's own points."""
        return self.loss is None and (self.eval_loss is not None or EVAL_LOSS in self.nonfinite)


KNOWN = frozenset(LinePoint.__struct_encode_fields__)
_points = msgspec.json.Decoder(LinePoint)
_rows = msgspec.json.Decoder(dict[str, Any])


def decode(data: bytes) -> list[LinePoint]:
    """The points of whole lines."""
    try:
        points, rows = _points.decode_lines(data), _rows.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return list(_good(data))
    for point, row in zip(points, rows, strict=True):
        point.row = row
    return points


def _good(data: bytes) -> Iterator[LinePoint]:
    for line in data.splitlines():
        try:
            point, point.row = _points.decode(line), _rows.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        yield point


def more_names(points: Sequence[LinePoint]) -> set[str]:
    """The names of metrics beyond LeRobot's own that these points have."""
    return set().union(*(point.row for point in points)) - KNOWN


def more(points: Sequence[LinePoint], name: str) -> NDArray[np.float64]:
    """Such a metric, NaN where it is missing or no finite number; (points,)."""
    values = [point.row.get(name) for point in points]
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        column = np.array([value if isinstance(value, float) else None for value in values], dtype=np.float64)
    return np.where(np.isfinite(column), column, np.nan)
