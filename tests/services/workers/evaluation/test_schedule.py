"""Several checkpoints under start conditions: each trial is what the schedule says, with the cube where it says."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from services.bench.profiles import Motion
from services.checkpoints.checkpoint import Checkpoint
from services.evaluation import early
from services.evaluation import plan as evaluation
from services.evaluation.likeness import evaluated_place, observed_place
from services.evaluation.schedule import Slot, schedule_of
from services.live import events as ev
from services.live import intents, protocol
from services.live.link import Link
from services.live.requests import EvalRequest
from services.workers.evaluation.approach import Approach
from services.workers.evaluation.course import Course
from services.workers.evaluation.lineup import Entrant, Lineup
from services.workers.evaluation.room import CONTEXT, MARGIN, PROCESS, enough, stay_loaded
from services.workers.evaluation.trials import Trials
from sessions.models import Verdict
from tests.support.evaluating import evaluate, state_bench
from tests.support.rig import Rig, finish, gone, press, wait_until
from tests.support.runs import make_folder

PLACES = {"x200 y30": (0.2, 0.03), "x250 y-50": (0.25, -0.05)}
GOOD, BAD = "sim-scripted@1", "sim-scripted@0"


async def play(link: Link) -> None:
    """The next trial, judged by the oracle."""
    number = intents.next_trial(link.snapshot)
    await press(link, lambda: protocol.StartTrial(trial=number))
    await link.until(lambda s: len(s.trials) == number and s.judged == number and len(s.episodes) == number, 60.0)


async def test_two_policies_at_two_places_get_the_oracles_verdicts_each_where_the_cube_lies(rig: Rig) -> None:
    run = evaluate(
        rig,
        state_bench(),
        policy=Path(f"{GOOD}, {BAD}"),
        conditions=",".join(PLACES),
        order_seed=3,
        judge="oracle",
        trials=4,
        trial_seconds=6.5,
        seed=4,
    )
    async with rig.attached(run) as link:
        for _ in range(4):
            await play(link)
        state = await finish(link)
    wait_until(gone(run))
    assert state.started is not None
    request = state.started.request
    assert isinstance(request, EvalRequest)
    told = [(t.checkpoint, t.condition) for t in state.trials]
    assert told == [(slot.checkpoint, slot.name) for slot in schedule_of(request).block(1)]
    assert Counter(told) == Counter((policy, place) for policy in (GOOD, BAD) for place in PLACES)
    assert told != sorted(told), "seed 3 does shuffle them"
    assert {(t.checkpoint, t.verdict) for t in state.trials} == {(GOOD, Verdict.SUCCESS), (BAD, Verdict.FAILURE)}
    loaded = [event.checkpoint for event in rig.events(run, ev.PolicyLoaded)]
    assert [policy for policy, _ in groupby(loaded)] == [policy for policy, _ in groupby(t for t, _ in told)]
    for trial, cube in zip(state.trials, first_cubes(Path(state.started.dataset_root)), strict=True):
        assert cube == pytest.approx(PLACES[trial.condition], abs=1e-4), "within 0.1 mm"
    root = Path(state.started.dataset_root)
    for trial in state.trials:  # as a later condition `DATASET#EPISODE` finds it, from the frame or from the log
        assert trial.episode_index is not None
        for place in (
            observed_place(root, trial.episode_index),
            evaluated_place(rig.folder, root, trial.episode_index),
        ):
            assert place is not None
            assert (place.x, place.y) == pytest.approx(x_y_mm(trial.condition), abs=0.1)


def x_y_mm(condition: str) -> tuple[float, float]:
    x, y = PLACES[condition]
    return x * 1000, y * 1000


def first_cubes(root: Path) -> list[tuple[float, float]]:
    """Where the world said that the cube was in each episode's first frame, in metres."""
    rows = [row for file in sorted(root.glob("data/**/*.parquet")) for row in pq.read_table(file).to_pylist()]
    return [tuple(row["observation.environment_state"][:2]) for row in rows if row["frame_index"] == 0]


# --- without a worker ------------------------------------------------------------------------------


class FakePolicy:
    """A policy that only says what it is told."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told, self.policy = name, told, self

    def set_aside(self) -> None:
        """Noted."""
        self.told.append(f"{self.name} is set aside")

    def ensure_running(self) -> None:
        """Noted."""
        self.told.append(f"{self.name} loads")


def lined_up(*, stay: bool) -> tuple[Lineup, list[str]]:
    told: list[str] = []
    sources: list[Any] = [FakePolicy(name, told) for name in (BAD, GOOD)]
    loaded = [ev.PolicyLoaded(checkpoint=s.name, policy="act", device="cpu", parameters=1) for s in sources]
    entrants = [Entrant(s.name, s, event) for s, event in zip(sources, loaded, strict=True)]
    return Lineup(entrants, stay=stay), told


def test_policies_that_stay_are_not_loaded_again_and_others_when_their_trial_comes() -> None:
    lineup, told = lined_up(stay=True)
    assert [lineup.turn_to(BAD), lineup.turn_to(BAD), lineup.turn_to(GOOD), told] == [True, False, True, []]
    lineup, told = lined_up(stay=False)
    assert [lineup.turn_to(BAD), lineup.turn_to(BAD)] == [True, False]
    assert told == [f"{GOOD} is set aside", f"{BAD} loads"]


def test_a_start_that_a_policy_proposed_is_withdrawn_once_another_one_tries() -> None:
    lineup, _ = lined_up(stay=True)
    arm: Any = SimpleNamespace(can_rest=False)
    approach = Approach(arm, lineup.current.source, Motion(), {"elbow_flex": 0.0}, trusting=False)
    lineup.current.approach = approach
    assert "wants to begin 80 degrees" in str(approach._propose({"elbow_flex": 80.0})) and approach._proposed
    lineup.turn_to(BAD)
    assert not approach._proposed


def test_a_blinded_trial_waits_as_long_as_the_slowest_policy_loads_whichever_comes(monkeypatch: Any) -> None:
    now = [100.0]
    monkeypatch.setattr("services.workers.evaluation.lineup.time", SimpleNamespace(monotonic=lambda: now[0]))
    entrants = list(lined_up(stay=False)[0].entrants)
    entrants[0].took, entrants[1].took = 8.0, 2.0
    for comes in (GOOD, BAD):  # the one that is on, and the other one
        lineup = Lineup(entrants, stay=False, alike=True)
        assert not lineup.waits, "before the first trial all were loaded"
        lineup.wait_alike()
        lineup.turn_to(comes)
        for later, waits in ((0.0, True), (9.9, True), (0.2, False)):
            now[0] += later
            assert lineup.waits is waits
    for usual in (Lineup(entrants, stay=True, alike=True), Lineup(entrants, stay=False)):
        usual.wait_alike()
        assert not usual.waits


def test_a_void_trial_practice_and_a_verdict_taken_back_keep_the_slot(tmp_path: Path) -> None:
    request = evaluation.plan(
        make_folder(tmp_path),
        state_bench(),
        checkpoint=f"{GOOD},{BAD}",
        task="x",
        conditions="x200 y0,x250 y0",
        order="listed",
    )
    trials, (lineup, _) = Trials(4), lined_up(stay=True)
    emitted: list[ev.Event] = []
    context: Any = SimpleNamespace(emit=emitted.append)
    course = Course(request, context, trials, lineup)

    def happens(verdict: Verdict | None, *, practice: bool = False) -> Slot:
        number = trials.begin(practice=practice)
        course.begun(number)
        trials.running = 0
        if verdict is not None:
            trials.verdicts[number] = verdict
        course.turn()
        return course.slot

    assert course.slot.number == 1
    assert happens(Verdict.SUCCESS, practice=True).number == 1
    assert happens(Verdict.VOID).number == 1
    assert happens(Verdict.FAILURE).number == 2
    assert (lineup.current.checkpoint, emitted) == (BAD, [lineup.current.loaded])
    del trials.verdicts[trials.started]
    course.turn()
    assert (course.slot.number, lineup.current.checkpoint) == (1, GOOD)
    trials.verdicts[trials.started], trials.target = Verdict.FAILURE, 1
    course.turn()
    assert lineup.current.checkpoint == GOOD, "enough are judged: no other policy is loaded"
    course.begin()
    assert (course.slot.number, lineup.current.checkpoint) == (2, BAD), "one more is asked for"


def test_policies_stay_loaded_where_memory_and_gpu_have_room_for_all() -> None:
    sizes = [200 << 20, 900 << 20]
    needed = sum(PROCESS + 2 * size for size in sizes) + MARGIN
    assert enough(sizes, needed, None)
    assert not enough(sizes, needed - 1, None)
    assert enough(sizes, needed, 24 << 30)
    assert not enough(sizes, needed, CONTEXT * 2 + sum(sizes))


def test_policies_behind_lerobots_server_are_loaded_one_at_a_time_since_it_holds_one(tmp_path: Path) -> None:
    one, other = (Checkpoint(path=tmp_path / name, policy="act") for name in ("a", "b"))
    assert stay_loaded([one, other]) and not stay_loaded([one, other], served=True)
    assert stay_loaded([one], served=True)


def test_a_rule_ends_a_comparison_before_all_trials_are_made_and_a_verdict_taken_back_opens_it(tmp_path: Path) -> None:
    request = evaluation.plan(
        make_folder(tmp_path), state_bench(), checkpoint=f"{GOOD},{BAD}", task="x", sequential="0.2 0.9", order="listed"
    )
    assert request.sequential is not None and not request.sequential.better, "it is made when the evaluation begins"
    request = early.fixed(request)
    trials, (lineup, _) = Trials(request.trials), lined_up(stay=True)
    context: Any = SimpleNamespace(emit=[].append)
    course = Course(request, context, trials, lineup)
    while not course.end and trials.started < request.trials:
        number = trials.begin()
        course.begun(number)
        trials.running = 0
        trials.verdicts[number] = Verdict.SUCCESS if course.slot.checkpoint == GOOD else Verdict.FAILURE
        course.turn()
    pairs = trials.judged // 2
    assert course.end == f"the rule ends the comparison after {pairs} pairs" and trials.judged == 2 * pairs
    assert trials.judged < request.trials and not trials.reached
    at = course.slot
    course.turn()
    assert course.slot is at, "no trial comes"
    del trials.verdicts[trials.started]
    assert not course.end
