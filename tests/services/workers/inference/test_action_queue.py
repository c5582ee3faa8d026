"""The action queue: what is skipped, what is kept, and when the next chunk is requested."""

from __future__ import annotations

import numpy as np

from services.workers.inference.action_queue import ActionQueue


def chunk(first: int, rows: int = 10) -> np.ndarray:
    """Actions whose value is the period that they are meant for."""
    return np.arange(first, first + rows, dtype=np.float32)[:, None]


def taken(queue: ActionQueue, periods: int) -> list[float | None]:
    return [None if a is None else float(a[0]) for a in (queue.take() for _ in range(periods))]


def test_an_answer_in_the_same_period_gives_its_first_steps() -> None:
    queue = ActionQueue(4, 1 / 30)
    queue.mark_requested()
    queue.put(chunk(0))
    assert taken(queue, 5) == [0, 1, 2, 3, None]


def test_actions_of_periods_that_passed_since_the_observation_are_skipped() -> None:
    queue = ActionQueue(4, 1 / 30)
    queue.mark_requested()
    queue.put(chunk(0))
    assert taken(queue, 2) == [0, 1]
    queue.mark_requested()
    assert taken(queue, 1) == [2]
    queue.put(chunk(2))
    assert taken(queue, 5) == [3, 4, 5, 6, 7], "one of the old chunk is left, then the new one goes on"


def test_periods_in_which_the_arm_stood_are_not_skipped() -> None:
    queue = ActionQueue(4, 1 / 30)
    queue.mark_requested()
    queue.put(chunk(0))
    taken(queue, 3)
    queue.mark_requested()
    assert taken(queue, 3) == [3, None, None]
    assert (queue.starved, queue.starved_now) == (2, 2)
    queue.put(chunk(3))
    assert taken(queue, 2) == [4, 5]
    assert (queue.starved, queue.starved_now) == (2, 0)


def test_a_chunk_is_asked_for_as_long_before_as_an_inference_takes() -> None:
    queue = ActionQueue(20, 1 / 30, expected_ms=290)
    assert (queue.lead, queue.rows) == (10, 31)
    for _ in range(5):
        queue.mark_requested()
        taken(queue, 3)
        queue.put(chunk(0, 31))
        queue.clear()
    assert queue.lead == 4


def test_a_policy_of_single_actions_is_never_aligned_and_the_newest_counts() -> None:
    queue = ActionQueue(1, 1 / 30)
    for period in range(3):
        queue.mark_requested()
        taken(queue, 1)
        queue.put(chunk(period, 1))
    assert (len(queue), taken(queue, 2)) == (1, [2, None])


def test_a_trial_begins_with_nothing() -> None:
    queue = ActionQueue(4, 1 / 30)
    queue.put(chunk(0))
    taken(queue, 9)
    queue.clear()
    assert (len(queue), queue.starved, queue.first()) == (0, 0, None)


def test_short_trials_teach_nothing_about_how_long_an_inference_takes() -> None:
    queue = ActionQueue(20, 1 / 30, expected_ms=290)
    for _ in range(6):
        queue.clear()
        queue.mark_requested()
        queue.put(chunk(0, 31))  # the arm waited for it
        taken(queue, 5)
    assert queue.lead == 10
