"""How trials are counted.

A trial's number is its place among those that count, so that `trial 7 of 20` means what it says; a void one is
repeated under the same number. Events, commands and `sessions --json` count attempts.
"""

from __future__ import annotations

from collections.abc import Iterable

from sessions.models import Trial, Verdict

COUNTS = frozenset({Verdict.SUCCESS, Verdict.FAILURE})


def place(trials: Iterable[Trial], index: int) -> int:
    """The number of attempt `index` among the trials that count, from 1."""
    return 1 + sum(t.verdict in COUNTS for t in trials if t.index < index)
