"""A second judge in the worker: he watches, errs as chosen, and says nothing before the verdict."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from services.live import events as ev
from services.workers.evaluation.second import ErringOracle, Second
from sessions.models import EndedBy, SessionKind, Verdict
from tests.support import facts
from tests.support.evaluating import checkpoint, evaluating, judge, start
from tests.support.rig import Rig

S, F, V = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID


class Seen:
    """A bench whose oracle sees what the test says, period by period; None: the bench is gone."""

    def __init__(self, *periods: bool | None) -> None:
        self.periods = list(periods)

    @property
    def state(self) -> Any:
        seen = self.periods.pop(0)
        if seen is None:
            raise ConnectionError("the bench is gone")
        return lambda: SimpleNamespace(cube_in_bowl=seen)


def second(*periods: bool | None, written: str = "oracle", seed: int | None = 1) -> tuple[Second, list[ev.Event]]:
    told: list[ev.Event] = []
    request: Any = facts.request(SessionKind.EVAL, second_judge=written, seed=seed, fps=4)
    made = Second(request, told.append)
    if isinstance(made._watcher, ErringOracle):
        made._watcher.oracle._world = Seen(*periods)  # type: ignore[assignment]
    made.begin()
    for _ in periods:
        made.step({})
    return made, told


@pytest.mark.parametrize(
    ("periods", "opinion"),
    [
        ([False, True, True, False], S),  # half a second, then it fell out: what the oracle takes for a success
        ([False, True, False, False], F),
        ([False, False, False, True], S),  # the verdict came at once
        ([False, False], F),
    ],
)
def test_he_sees_what_the_oracle_sees_and_says_it_once_after_the_verdict(periods: list[bool], opinion: Verdict) -> None:
    made, told = second(*periods)
    made.end(1)
    assert told == []
    made.speak(1, F)
    made.speak(1, S)  # judged again: he is known by then
    assert told == [ev.SecondOpinionGiven(trial=1, opinion=opinion, verdict=F, by="oracle")]


def test_of_a_void_trial_nothing_is_said_until_it_is_judged() -> None:
    made, told = second(False)
    made.end(1)
    made.speak(1, V)
    assert told == []
    made.speak(1, F)
    assert [event.trial for event in told if isinstance(event, ev.SecondOpinionGiven)] == [1]


def test_a_bench_that_is_gone_is_no_opinion_and_no_failure() -> None:
    made, told = second(True, None, True)
    made.end(1)
    made.speak(1, S)
    assert told == []


@pytest.mark.parametrize("error", [0.1, 0.3])
def test_he_errs_in_as_many_trials_as_was_chosen_and_in_the_same_ones_again(error: float) -> None:
    wrong = []
    for _ in range(2):
        made, told = second(written=f"oracle~{error}")
        for trial in range(1, 1001):
            made.begin()
            made.end(trial)
            made.speak(trial, F)
        wrong.append([e.trial for e in told if isinstance(e, ev.SecondOpinionGiven) and e.opinion is S])
    assert wrong[0] == wrong[1] and len(wrong[0]) == pytest.approx(1000 * error, abs=45)


def test_without_one_nothing_is_watched() -> None:
    made, told = second(written="")
    made.end(1)
    made.speak(1, S)
    made.close()
    assert told == []


async def test_in_the_log_the_opinion_stands_behind_the_verdict(quick_rig: Rig) -> None:
    policy = checkpoint(quick_rig)
    async with evaluating(quick_rig, policy=policy, trial_seconds=0.5, second_judge="oracle") as link:
        await start(link)
        await link.until(lambda s: s.pending is not None, 60)
        assert all(trial.second is None for trial in link.snapshot.trials)
        await judge(link, 1, S)
        state = await link.until(lambda s: s.trials[0].second is not None, 10)
    [tried] = state.trials
    assert (tried.verdict, tried.judged_first, tried.second, tried.ended_by) == (S, S, F, EndedBy.TIME)
