"""Numbering and counting of trials.

A trial's number is its position among those that count, as in `trial 7 of 20`; a void trial is repeated under the
same number. Events, commands and `sessions --json` number attempts instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from sessions.models import Trial, Verdict


def place(trials: Iterable[Trial], index: int) -> int:
    """The number of attempt `index` among the trials that count, from 1."""
    return 1 + sum(t.counts for t in trials if t.index < index)


def places(trials: Iterable[Trial]) -> dict[int, int]:
    """The number of each attempt among the trials that count, as `place` has it, by its index; in one go."""
    found, number = dict[int, int](), 1
    for trial in sorted(trials, key=lambda trial: trial.index):
        found[trial.index] = found.get(trial.index, number)
        number += trial.counts
    return found


def count(trials: Iterable[Trial], verdict: Verdict) -> int:
    """How many have this verdict, without practice."""
    return sum(t.verdict is verdict and not t.practice for t in trials)


def failures(trials: Iterable[Trial]) -> Counter[str]:
    """How many of those that count failed in each mode; under an empty text those of which no mode was said."""
    return Counter(t.failure_mode for t in trials if t.counts and t.verdict is Verdict.FAILURE)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How often one policy succeeded under one condition, of its trials that count. Either name may be empty."""

    checkpoint: str
    condition: str
    successes: int
    judged: int


def results(trials: Iterable[Trial]) -> tuple[Result, ...]:
    """One for each pair of checkpoint and condition, in the order of their first trial that counts."""
    counts: dict[tuple[str, str], list[bool]] = {}
    for trial in trials:
        if trial.counts:
            counts.setdefault((trial.checkpoint, trial.condition), []).append(trial.verdict is Verdict.SUCCESS)
    return tuple(
        Result(checkpoint=checkpoint, condition=condition, successes=sum(won), judged=len(won))
        for (checkpoint, condition), won in counts.items()
    )


def summed(results: Iterable[Result]) -> tuple[Result, ...]:
    """One for each pair of checkpoint and condition, which several sessions may have tried."""
    found: dict[tuple[str, str], Result] = {}
    for each in results:
        pair = each.checkpoint, each.condition
        known = found.get(pair)
        found[pair] = (
            each
            if known is None
            else msgspec.structs.replace(
                each, successes=known.successes + each.successes, judged=known.judged + each.judged
            )
        )
    return tuple(found.values())


def added(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, tuple[int, int]]:
    """Successes and judged trials by `key`, such as the condition."""
    sums: dict[str, tuple[int, int]] = {}
    for result in results:
        successes, judged = sums.get(key(result), (0, 0))
        sums[key(result)] = (successes + result.successes, judged + result.judged)
    return sums
