"""The checks of a serial bus: answers that come only when asked for again, in a take and over the last seconds."""

from __future__ import annotations

from dataclasses import dataclass

from services.health.checks import Check, Thresholds, register

LEAST = 100
"""Questions below which a share says nothing: those of a port that has just been opened again."""


@dataclass(frozen=True)
class Answers:
    """How many questions an arm answered, and how often one was asked again because its answer was lost or wrong."""

    asked: int = 0
    retried: int = 0

    def __sub__(self, before: Answers) -> Answers:
        return Answers(self.asked - before.asked, self.retried - before.retried)

    @property
    def share(self) -> float:
        """Retries per question, 0 before the first."""
        return self.retried / self.asked if self.asked else 0.0


class RetriedThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of a take's questions that may be asked again: as many as periods may be late, since a lost answer
    is waited for longer (50 ms) than a period takes.
    """

    raise_after_s: float = 0.0
    share: float = 0.01


@register
class Retried(Check[Answers]):
    """An arm lost more answers in a take than a sound cable does. One sample per take."""

    name = "retried"
    defaults = RetriedThresholds()

    def bad_since(self, sample: Answers, now: float) -> float | None:
        """Now, if too many questions were asked again (one alone never is)."""
        limit = self.thresholds
        assert isinstance(limit, RetriedThresholds)
        return now if sample.retried > max(1, limit.share * sample.asked) else None


class LossyThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of questions that may be asked again: at 5 % a loop of 30 Hz misses more than one period a second."""

    raise_after_s: float = 3.0
    clear_after_s: float = 10.0
    share: float = 0.05


@register
class Lossy(Check[Answers]):
    """An arm loses so many answers that no take will be good. Samples cover the last seconds."""

    name = "lossy"
    defaults = LossyThresholds()
    share = 0.0

    def bad_since(self, sample: Answers, now: float) -> float | None:
        """Now, if too many questions were asked again."""
        limit = self.thresholds
        assert isinstance(limit, LossyThresholds)
        if sample.asked < LEAST or sample.share <= limit.share:
            return None
        self.share = sample.share
        return now
