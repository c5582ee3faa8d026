"""How an evaluation stands whose rule may end it early: from its request and its trials. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from sessions.document import Session
from sessions.models import Trial, Verdict
from sessions.requests import Counted, EvalRequest
from sessions.statistics.rule import Standing, sound, standing


def counted(trials: Iterable[Trial], request: EvalRequest) -> tuple[Counted, ...]:
    """The trials that count, in order, as the sessions that go on with them are told."""
    return tuple(
        Counted(trial.checkpoint or request.checkpoint, trial.condition, trial.verdict is Verdict.SUCCESS)
        for trial in trials
        if trial.counts
    )


def pairs(request: EvalRequest, trials: Iterable[Trial]) -> Iterator[tuple[bool, bool]]:
    """Those of its two policies, the sessions before included."""
    first, second = request.checkpoints[:2]
    return in_pairs((*request.counted_before, *counted(trials, request)), first, second)


def in_pairs(trials: Iterable[Counted], first: str, second: str) -> Iterator[tuple[bool, bool]]:
    """Whether the first and the second policy succeeded, of each pair in the order in which it was complete.

    The n-th trials of both under one condition are a pair.
    """
    waits: dict[tuple[str, str], deque[bool]] = defaultdict(deque)
    other = {first: second, second: first}
    for each in trials:
        if each.checkpoint not in other:
            continue
        queue = waits[other[each.checkpoint], each.condition]
        if not queue:
            waits[each.checkpoint, each.condition].append(each.success)
        elif each.checkpoint == first:
            yield each.success, queue.popleft()
        else:
            yield queue.popleft(), each.success


def standing_of(request: object, trials: Iterable[Trial]) -> Standing | None:
    """What the rule says of these trials; None for an evaluation without one, or another session's request."""
    if not isinstance(request, EvalRequest) or request.sequential is None or not sound(request.sequential):
        return None
    if len(request.checkpoints) != 2:
        return None  # written by another program
    return standing(request.sequential, pairs(request, trials))


def standing_in_all(sessions: Iterable[Session]) -> tuple[EvalRequest, Standing] | None:
    """The same of an evaluation's sessions in order, with the first one's request; None without a rule."""
    every = list(sessions)
    request = every[0].request if every else None
    now = standing_of(request, [trial for session in every for trial in session.trials])
    return (request, now) if isinstance(request, EvalRequest) and now is not None else None
