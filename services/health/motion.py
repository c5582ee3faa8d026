"""Motion checks: a follower that is stuck, a leader that leaps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FollowerHealth:
    """Notices a follower that does not go where it is told."""

    tolerance: float = 20.0
    patience_s: float = 1.0
    stuck: str = ""
    _since: float = -1.0

    def look(self, goal: dict[str, float], measured: dict[str, float], now: float, *, but: str = "") -> bool:
        """Compare goal and measured pose (degrees; motor `but` left out). True when `stuck` changed."""
        worst, name = max(((abs(goal[n] - measured[n]), n) for n in goal if n != but), default=(0.0, ""))
        if worst <= self.tolerance:
            self._since = -1.0
            return self._set("")
        self._since = self._since if self._since >= 0 else now
        return self._set(name) if now - self._since >= self.patience_s else False

    def _set(self, name: str) -> bool:
        changed = bool(name) != bool(self.stuck)
        self.stuck = name
        return changed
