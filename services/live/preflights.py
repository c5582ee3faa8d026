"""What a session's events say of its preflights: the newest one, and what of it still keeps trials from starting."""

from __future__ import annotations

from collections.abc import Sequence

from sessions.facts import PreflightConfirmed, PreflightMade
from sessions.preflight import Check, bad

Preflights = Sequence[PreflightMade | PreflightConfirmed]


def newest(preflights: Preflights) -> PreflightMade | None:
    """The last one that was made; None before the first."""
    return next((each for each in reversed(preflights) if isinstance(each, PreflightMade)), None)


def confirmation(preflights: Preflights) -> PreflightConfirmed | None:
    """Who let trials begin after the newest one, if somebody did."""
    made = newest(preflights)
    confirmed = (each for each in preflights if isinstance(each, PreflightConfirmed))
    return next((each for each in confirmed if made is not None and each.preflight == made.preflight), None)


def unconfirmed(preflights: Preflights) -> tuple[Check, ...]:
    """What the newest one found bad and nobody confirmed: no trial starts."""
    made = newest(preflights)
    return () if made is None or confirmation(preflights) is not None else bad(made.checks)
