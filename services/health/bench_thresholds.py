"""Validation of the thresholds that a bench sets in lab.toml."""

from __future__ import annotations

from typing import Any

from services.health import (  # noqa: F401  # importing them registers their checks
    answers,
    cameras,
    motion,
    supply,
    timing,
)
from services.health.checks import REGISTERED, HealthProblem, thresholds_of


def check_thresholds(health: dict[str, Any]) -> None:
    """Raises HealthProblem for an unknown check or invalid thresholds."""
    known = {check.name: check for check in REGISTERED}
    for name in health:
        if name not in known:
            raise HealthProblem(f"{name}: no such check; there are: {', '.join(sorted(known))}")
        thresholds_of(known[name], health)
