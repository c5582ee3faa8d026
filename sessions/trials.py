"""Numbering of trials.

A trial's number is its position among those that count, as in `trial 7 of 20`; a void trial is repeated under the
same number. Events, commands and `sessions --json` number attempts instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from sessions.models import Trial, Verdict


def place(trials: Iterable[Trial], index: int) -> int:
    """The number of attempt `index` among the trials that count, from 1."""
    return 1 + sum(t.counts for t in trials if t.index < index)


def count(trials: Iterable[Trial], verdict: Verdict) -> int:
    """How many have this verdict, without practice."""
    return sum(t.verdict is verdict and not t.practice for t in trials)
