"""A line through few trials with many numbers: it tells what differs, and says honestly when it tells nothing."""

from __future__ import annotations

import numpy as np
import pytest

from services.judges.classifier import cross_validated, fitted
from services.judges.examples import Examples
from services.judges.training import check_enough, judge_of
from services.refusal import Refusal
from sessions.statistics.intervals import score
from sessions.trained_judge import WEIGHT, Seen

WIDE = 400


def trials(successes: int, failures: int, *, differ: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Noise, in which successes are `differ` brighter in 20 of the fields."""
    random = np.random.default_rng(seed)
    won = random.permutation([True] * successes + [False] * failures)
    rows = random.normal(size=(len(won), WIDE))
    rows[:, :20] += differ * won[:, None]
    return rows, won


def examples(rows: np.ndarray, won: np.ndarray, sessions: list[str] | None = None) -> Examples:
    camera = Seen(camera="overhead", width=640, height=480)
    return Examples("sim", "t", (camera,), list(rows), [bool(w) for w in won], sessions or ["a"] * len(won), {"mara"})


def test_the_error_on_trials_that_were_left_out_is_the_error_on_new_ones() -> None:
    """Over several draws: the counts are not better than what the judge then does."""
    told, true = [], []
    for seed in range(3):
        rows, won = trials(20, 30, differ=0.8, seed=seed)
        told.append(np.mean(cross_validated(rows, won, ["a"] * 50).successes == won))
        line = fitted(rows, won)
        more, truth = trials(200, 200, differ=0.8, seed=100 + seed)
        true.append(np.mean((more @ line.weights + line.bias > 0) == truth))
    assert 0.7 < np.mean(true) < 1
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.08)


def test_nothing_to_tell_them_apart_by_is_chance_and_such_a_judge_is_not_kept() -> None:
    right = []
    for seed in range(3):
        rows, won = trials(15, 25, differ=0.0, seed=seed)
        right.append(np.mean(cross_validated(rows, won, ["a"] * 40).successes == won))
        with pytest.raises(Refusal, match=r"told too badly: \d+ of 15 successes and \d+ of 25 failures"):
            judge_of(examples(rows, won))
    assert 0.3 < np.mean(right) < 0.7


def test_whole_sessions_are_left_out_where_there_are_three() -> None:
    """A light that goes with the session, and with the verdict, is no sign of success on another day."""
    random = np.random.default_rng(3)
    sessions = [name for name in ("a", "b", "c", "d") for _ in range(12)]
    share = {"a": 0.25, "b": 0.75, "c": 0.25, "d": 0.75}
    won = np.array([random.random() < share[name] for name in sessions])
    light = {name: 3 * random.normal(size=WIDE) for name in share}
    rows = random.normal(size=(48, WIDE)) + np.array([light[name] for name in sessions])
    apart = cross_validated(rows, won, sessions)
    mixed = cross_validated(rows, won, ["a"] * 48)
    assert apart.by_group and not mixed.by_group
    assert np.mean(apart.successes == won) < np.mean(mixed.successes == won)


def test_a_judge_says_how_he_did_and_from_what() -> None:
    rows, won = trials(12, 20, differ=4.0)
    facts, weights = judge_of(examples(rows, won, ["a"] * 16 + ["b"] * 16))
    trained = facts.trained
    assert (trained.successes, trained.failures, facts.sessions, facts.judged_by) == (12, 20, ("a", "b"), ("mara",))
    assert trained.successes_found >= 11 and trained.failures_found >= 18 and not facts.by_session
    assert judge_of(examples(rows, won))[1] == weights, "the same trials make the same judge"


@pytest.mark.parametrize(("successes", "failures"), [(0, 0), (7, 30), (30, 0)])
def test_too_few_of_a_kind_are_refused(successes: int, failures: int) -> None:
    made = Examples("sim", "t", won=[True] * successes + [False] * failures)
    made.left_out["its episode is gone"] += 2
    with pytest.raises(Refusal, match=r"8 trials of either kind.*2 trials: its episode is gone.*judge more trials"):
        check_enough(made)


def test_the_interval_of_his_errors_holds_what_he_then_does() -> None:
    """A cross-validated trial counts as half a one; `tests.bench.judge_coverage` tries many more cases."""
    held = []
    for seed in range(6):
        rows, won = trials(10, 14, differ=1.0, seed=seed)
        called = cross_validated(rows, won, ["a"] * 24).successes
        line = fitted(rows, won)
        more, truth = trials(200, 200, differ=1.0, seed=500 + seed)
        right = (more @ line.weights + line.bias > 0) == truth
        for kind, then in ((won, truth), (~won, ~truth)):
            low, high = score(float((called == won)[kind].mean()), WEIGHT * kind.sum())
            held.append(low <= right[then].mean() <= high)
    assert np.mean(held) >= 0.95 - 3 * (0.05 * 0.95 / 12) ** 0.5
