"""What the running take lacks: readings that failed or were too old, periods that came late. They become its flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.health.checks import thresholds_of
from services.health.timing import Late, Timing

MISSED, LATE, RETRIED = "missed", "late periods", "retried"
"""The flags' words: `leader missed 2`, `late periods 23`, `follower retried 14` (`wires`)."""


class Lapses:
    """Belongs to the control loop's thread. `begin` is called at a take's start, `flags` read at its end."""

    def __init__(self, health: Mapping[str, Any]) -> None:
        """`health` holds thresholds by check, as in lab.toml."""
        self._thresholds = thresholds_of(Late, dict(health))
        self.begin()

    def begin(self) -> None:
        """Count from now."""
        self._missed: Counter[str] = Counter()
        self._periods = self._late = 0
        self._latest_s = 0.0

    def miss(self, device: str) -> None:
        """A reading of this device failed in this period: another one stands in, or nothing is recorded."""
        self._missed[device] += 1

    def note_period(self, behind_s: float, period_s: float) -> None:
        """A period began `behind_s` after it was due."""
        self._periods += 1 + int(behind_s / period_s)
        self._late += int(behind_s / period_s + 0.5)
        self._latest_s = max(self._latest_s, behind_s)

    @property
    def late(self) -> int:
        """Periods that came late by half a period or more, or not at all."""
        return self._late

    @property
    def missed(self) -> dict[str, int]:
        """How often a reading failed, by device."""
        return dict(self._missed)

    @property
    def flags(self) -> list[str]:
        """Each with its count."""
        found = [f"{device} {MISSED} {count}" for device, count in self._missed.items()]
        late = Late(self._thresholds)
        late.update(Timing(self._periods, self._late, self._latest_s), 0.0)
        return [*found, f"{LATE} {self._late}"] if late.active else found
