"""The error raised by an operation that cannot be done."""

from __future__ import annotations


class Refusal(Exception):
    """An operation cannot be done. The message is one sentence: what, why, and what to do instead."""


MOST = 1_000_000_000
"""The largest count or duration that makes sense anywhere, far within what JSON and the log can hold."""
MOST_SEED = 2**32 - 1
"""numpy's largest seed."""


def check_number(name: str, value: float, least: float, most: float = MOST) -> None:
    """Raises Refusal unless `least <= value <= most`; NaN is refused."""
    if not value >= least:
        raise Refusal(f"{name} must be at least {least:.3g}, not {value:g}")
    if value > most:
        raise Refusal(f"{name} must be at most {most:.10g}, not {value:g}")
