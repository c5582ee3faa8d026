"""The order of an evaluation's trials: every pair as often, voids repeated, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.schedule import Schedule, Slot, schedule_of
from sessions.bench import Profile
from sessions.conditions import Condition, Order
from sessions.models import Trial, Verdict
from sessions.requests import AnyRequest, EvalRequest

POLICIES, PLACES = ("act @ 1", "act @ 2", "pi0"), ("front", "back", "left", "right")
SCHEDULES = st.builds(
    Schedule,
    checkpoints=st.integers(1, 3).map(lambda n: POLICIES[:n]),
    conditions=st.integers(0, 4).map(lambda n: tuple(Condition(name=name) for name in PLACES[:n])),
    order=st.sampled_from(Order),
    seed=st.integers(0, 2**32 - 1),
)
COUNT, VOID, PRACTICE = "count", "void", "practice"


def trial(index: int, slot: Slot, outcome: str) -> Trial:
    verdict = Verdict.VOID if outcome == VOID else Verdict.FAILURE
    practice = outcome == PRACTICE
    return Trial(index=index, verdict=verdict, practice=practice, checkpoint=slot.checkpoint, condition=slot.name)


def played(schedule: Schedule, outcomes: list[str]) -> list[Trial]:
    """The trials of a session in which each trial takes the slot that comes next."""
    trials: list[Trial] = []
    for outcome in outcomes:
        trials.append(trial(len(trials) + 1, schedule.following(trials), outcome))
    return trials


@given(SCHEDULES, st.lists(st.sampled_from([COUNT, COUNT, VOID, PRACTICE]), max_size=40))
def test_each_pair_is_tried_as_often_as_any_other_within_one_whatever_is_void(
    schedule: Schedule, outcomes: list[str]
) -> None:
    counts = Counter((t.checkpoint, t.condition) for t in played(schedule, outcomes) if t.counts)
    per_pair = [counts[checkpoint, c.name if c else ""] for checkpoint, c in schedule.pairs]
    assert sum(per_pair) == outcomes.count(COUNT)
    assert max(per_pair) - min(per_pair) <= 1


def planned(schedule: Schedule) -> Counter[tuple[str, str]]:
    """How many of its trials each pair gets."""
    return Counter((slot.checkpoint, slot.name) for slot in islice(schedule.slots(), schedule.trials))


@given(SCHEDULES, st.lists(st.sampled_from([COUNT, VOID, PRACTICE]), max_size=40), st.randoms())
def test_the_next_slot_is_the_first_that_nothing_has_filled(
    schedule: Schedule, outcomes: list[str], chance: Random
) -> None:
    trials = [trial for trial in played(schedule, outcomes) if chance.random() < 0.8]  # some are void afterwards
    done = Counter((each.checkpoint, each.condition) for each in trials if each.counts)
    for slot in schedule.slots():
        if not done[slot.checkpoint, slot.name]:
            break
        done[slot.checkpoint, slot.name] -= 1
    assert schedule.following(trials) == slot


@given(SCHEDULES, st.lists(st.sampled_from([COUNT, VOID, PRACTICE]), max_size=20))
def test_a_void_trial_and_practice_leave_the_slot_to_the_next_one(schedule: Schedule, outcomes: list[str]) -> None:
    trials = played(schedule, outcomes)
    for before, after in pairwise(trials):
        if not before.counts:
            assert (after.checkpoint, after.condition) == (before.checkpoint, before.condition)


@given(SCHEDULES, st.integers(1, 5))
def test_a_block_has_each_pair_once_and_a_seed_makes_one_order(schedule: Schedule, number: int) -> None:
    block = schedule.block(number)
    pairs = [(slot.checkpoint, slot.condition) for slot in block]
    assert sorted(pairs, key=str) == sorted(schedule.pairs, key=str)
    assert block == as_read(schedule).block(number)
    if schedule.order is Order.LISTED:
        assert tuple(pairs) == schedule.pairs
    slots = list(islice(schedule.slots(), len(block) * number))
    assert slots[-len(block) :] == list(block)
    assert [slot.number for slot in slots] == list(range(1, len(slots) + 1))


def as_read(schedule: Schedule) -> Schedule:
    """As another process reads it from the request."""
    request = EvalRequest(
        data_dir="/data",
        profile=Profile(robot={}),
        task="pick",
        dataset="rollout_x",
        checkpoint=schedule.checkpoints[0],
        further_checkpoints=schedule.checkpoints[1:],
        conditions=schedule.conditions,
        order=schedule.order,
        order_seed=schedule.seed,
        trials=schedule.trials,
    )
    read = msgspec.json.decode(msgspec.json.encode(request), type=AnyRequest)
    assert isinstance(read, EvalRequest)
    return schedule_of(read)


def test_orders_differ_between_blocks_and_seeds() -> None:
    schedule = Schedule(POLICIES, tuple(Condition(name=name) for name in PLACES), Order.RANDOM, seed=3)
    other = Schedule(POLICIES, schedule.conditions, Order.RANDOM, seed=4)
    orders = {tuple((s.checkpoint, s.name) for s in each.block(n)) for each in (schedule, other) for n in range(1, 11)}
    assert len(orders) == 20


@given(st.integers(0, 2**32 - 1))
def test_a_verdict_that_is_void_afterwards_is_made_up_for_before_anything_else(seed: int) -> None:
    schedule = Schedule(POLICIES[:2], (Condition(name="front"), Condition(name="back")), Order.RANDOM, seed)
    trials = played(schedule, [COUNT] * 7)
    lost = msgspec.structs.replace(trials[2], verdict=Verdict.VOID)
    following = schedule.following([*trials[:2], lost, *trials[3:]])
    assert (following.checkpoint, following.name) == (lost.checkpoint, lost.condition)


def test_the_plan_says_how_many_trials_each_pair_gets() -> None:
    schedule = Schedule(("a", "b"), (Condition(name="front"), Condition(name="back")), Order.LISTED, trials=6)
    assert planned(schedule) == {("a", "front"): 2, ("b", "front"): 2, ("a", "back"): 1, ("b", "back"): 1}


def test_a_session_of_one_policy_without_conditions_has_one_pair() -> None:
    schedule = Schedule(("act",), order=Order.RANDOM, trials=3)
    assert [(s.checkpoint, s.condition, s.block) for s in islice(schedule.slots(), 2)] == [
        ("act", None, 1),
        ("act", None, 2),
    ]
    assert planned(schedule) == {("act", ""): 3}


def test_requests_from_before_comparisons_can_be_read() -> None:
    text = '{"type":"eval","data_dir":"/d","profile":{"robot":{}},"checkpoint":"c","task":"t","dataset":"rollout_c"}'
    old = msgspec.json.decode(text, type=AnyRequest)
    assert isinstance(old, EvalRequest)
    assert (old.checkpoints, old.conditions, old.order) == (("c",), (), Order.LISTED)
