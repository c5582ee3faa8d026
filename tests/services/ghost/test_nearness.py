"""What is told of the number: noise off, the best kept, the trend, and a hand in one frame that changes none of it."""

from __future__ import annotations

from services.ghost.nearness import MATCHED, Nearness, Trend

PERIOD_S = 0.2


def told(numbers, between=0.0):
    """The last reading of a row of numbers, five a second."""
    nearness = Nearness()
    return [nearness.add(number, between, at * PERIOD_S) for at, number in enumerate(numbers)][-1]


def test_the_trend_is_what_changed_within_a_second():
    assert told([30 - n for n in range(10)]).trend is Trend.CLOSER
    assert told([20 + n for n in range(10)]).trend is Trend.FARTHER
    assert told([30 - n for n in range(10)] + [20] * 10).trend is Trend.STEADY
    assert told([25.0, 25.2, 24.9, 25.1, 25.3]).trend is Trend.STEADY


def test_the_best_so_far_is_kept_and_a_hand_in_one_frame_changes_nothing():
    reading = told([20, 12, 8, 8, 8, 90, 8, 8])
    assert reading.now == reading.best == 8
    reading = told([20, 12, 8, 8, 8, 15, 15, 15])
    assert (reading.now, reading.best) == (15, 8)


def test_one_low_reading_is_no_best():
    assert told([20, 20, 3, 20, 20, 20]).best == 20


def test_the_noise_between_frames_is_taken_off_and_told():
    reading = told([9.0] * 12, between=1.5)
    assert (reading.now, reading.best, reading.noise) == (7.5, 7.5, 1.5)
    assert told([1.0] * 4, between=1.5).now == 0


def test_it_is_matched_at_the_noise_not_above_it():
    assert told([MATCHED + 0.5] * 5, between=1.0).matched
    assert not told([MATCHED + 1.5] * 5, between=1.0).matched
