"""The check of a take's timing: a control loop that came late too often, or once for too long."""

from __future__ import annotations

from dataclasses import dataclass

from services.health.checks import Check, Thresholds, register


@dataclass(frozen=True)
class Timing:
    """How a take's control loop kept its time: how many periods were due, how many of them began more than half a
    period late or not at all, and by how many seconds the latest one was late.
    """

    periods: int
    late: int
    latest_s: float


class LateThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of a take's periods that may be late, and the seconds that a single one may be."""

    raise_after_s: float = 0.0
    share: float = 0.01
    late_s: float = 0.1


@register
class Late(Check[Timing]):
    """The control loop missed its time: rows are further apart than the dataset says. One sample per take."""

    name = "late"
    defaults = LateThresholds()

    def bad_since(self, sample: Timing, now: float) -> float | None:
        """Now, if too many periods were late (one alone never is), or one was late for too long."""
        limit = self.thresholds
        assert isinstance(limit, LateThresholds)
        return now if sample.late > max(1, limit.share * sample.periods) or sample.latest_s > limit.late_s else None
