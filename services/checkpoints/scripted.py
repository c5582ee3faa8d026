"""The simulated bench's scripted person as a policy of a chosen success rate: `sim-scripted@0.8`. Pure.

It is no checkpoint on disk: it sees the cube as the person does, and fails by chance as often as asked.
"""

from __future__ import annotations

import re

from services.text import brief

NAME = "sim-scripted"
USUAL = f"{NAME}@0.8"
"""What forms offer."""
_WRITTEN = re.compile(rf"{NAME}(?:\s*@\s*(?P<rate>\S+))?")


def success_rate(wanted: str) -> float | None:
    """The share of trials that shall succeed, 1 without one; None if `wanted` is something else.

    Raises ValueError, with the reason, for a share that is none.
    """
    found = _WRITTEN.fullmatch(wanted.strip())
    if found is None:
        return None
    text = found["rate"] or "1"
    try:
        rate = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1) if text.isascii() else -1.0
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ValueError(f"{NAME} succeeds in a share of its trials, from 0 to 1 ({USUAL}), not {brief(text)!r}")
    return rate


def written(rate: float) -> str:
    """As `success_rate` reads it."""
    return f"{NAME}@{rate:g}"
