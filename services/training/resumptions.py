"""Where a run was resumed: what metrics.jsonl tells of it, and what the curves keep. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol


@dataclass(frozen=True)
class Resumption:
    """The run went on after `step` at the Unix time `at`; what it had logged after that, up to `reached`, is cut."""

    step: int
    reached: int
    at: float


class Line(Protocol):
    """A line of metrics.jsonl."""

    @property
    def resumed(self) -> bool:
        """Whether it says that the run was resumed."""


def parts[Point: Line](points: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """The points, cut before each line that says that the run was resumed."""
    starts = [0, *(at for at, point in enumerate(points) if point.resumed and at), len(points)]
    return (points[first:last] for first, last in pairwise(starts) if last > first)
