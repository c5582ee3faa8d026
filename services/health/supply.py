"""The check of the arms' supplies: a leader that has more volts than its follower is at the follower's port."""

from __future__ import annotations

from services.health.checks import Check, Thresholds, register


class SupplyThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Volts by which a leader's supply may be above its follower's: SO-101 followers run on 12 or 7.4 V, leaders on 7.4
    or 5 V.
    """

    raise_after_s: float = 0.0
    volts: float = 2.5


@register
class Supply(Check[float]):
    """The two arms of a bench are swapped. One sample per connect: the leader's volts less the follower's."""

    name = "supply"
    defaults = SupplyThresholds()

    def bad_since(self, sample: float, now: float) -> float | None:
        """Now, if the leader has too much more."""
        limit = self.thresholds
        assert isinstance(limit, SupplyThresholds)
        return now if sample > limit.volts else None
