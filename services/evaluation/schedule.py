"""Which checkpoint tries under which condition, trial after trial. Pure.

The trials that count go in blocks, each of which has every pair of checkpoint and condition once. A void trial is
repeated under the same pair; practice takes none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count

from sessions.before import Before
from sessions.conditions import Condition, Order
from sessions.models import Trial
from sessions.requests import EvalRequest


@dataclass(frozen=True)
class Slot:
    """One trial that shall count: the policy in `checkpoint` under `condition`, None where there are none.

    `number` counts these trials from 1, `block` the blocks.
    """

    number: int
    block: int
    checkpoint: str
    condition: Condition | None

    @property
    def name(self) -> str:
        """The condition's, empty for none."""
        return self.condition.name if self.condition else ""


@dataclass(frozen=True)
class Schedule:
    """An evaluation's slots, without end: `trials` says how many of them are made."""

    checkpoints: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order: Order = Order.LISTED
    seed: int = 0
    trials: int = 0
    before: Before = field(default_factory=Before)
    """The sessions that it goes on with: their trials fill slots, too, and `trials` has them."""

    @property
    def pairs(self) -> tuple[tuple[str, Condition | None], ...]:
        """Each checkpoint under each condition, as listed: conditions change more slowly, since a person sets them."""
        conditions: tuple[Condition | None, ...] = self.conditions or (None,)
        return tuple((checkpoint, condition) for condition in conditions for checkpoint in self.checkpoints)

    def block(self, number: int) -> tuple[Slot, ...]:
        """The slots of block `number` (from 1).

        Shuffled by SHA-256 of seed, block and position, so that no version of Python makes another order.
        """
        pairs = list(enumerate(self.pairs))
        if self.order is Order.RANDOM:
            pairs.sort(key=lambda pair: sha256(f"{self.seed} {number} {pair[0]}".encode()).digest())
        first = (number - 1) * len(pairs) + 1
        return tuple(Slot(first + at, number, *pair) for at, (_, pair) in enumerate(pairs))

    def slots(self) -> Iterator[Slot]:
        """One after the other."""
        for number in count(1):
            yield from self.block(number)

    def following(self, trials: Iterable[Trial]) -> Slot:
        """The first slot that none of these trials has filled: each that counts fills one of its pair.

        A trial that is judged or made void later than those after it, in whatever session of the evaluation, is so
        made up for.
        """
        done = Counter((trial.checkpoint, self._name(trial.condition)) for trial in trials if trial.counts)
        for each in self.before.tried:
            done[each.checkpoint, self._name(each.condition)] += each.result.judged
        fewest = min(done[checkpoint, each.name if each else ""] for checkpoint, each in self.pairs)
        return next(slot for slot in self.block(fewest + 1) if done[slot.checkpoint, slot.name] <= fewest)

    def _name(self, condition: str) -> str:
        """The condition of a slot: the operator's own words for all trials name none."""
        return condition if self.conditions else ""


def loading_order(request: EvalRequest) -> tuple[str, ...]:
    """The checkpoints, that of the first trial last: where one is loaded at a time, it then is."""
    first = schedule_of(request).following(()).checkpoint
    return (*(each for each in request.checkpoints if each != first), first)


def schedule_of(request: EvalRequest) -> Schedule:
    """The schedule of an evaluation."""
    trials = request.before.judged + request.trials
    return Schedule(request.checkpoints, request.conditions, request.order, request.order_seed, trials, request.before)
