"""Between trials: where the object goes, in words and on the map of the table; what each policy and condition got."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens.views.signs import UNICODE, use_signs
from screens.views.start_scene import scene_parts, to_come
from screens.views.table_map import table_map
from screens.views.trial_tally import tally
from services.live import events as ev
from services.live.phases import Phase
from services.live.snapshots import Snapshot, replay
from sessions.bench import Profile
from sessions.conditions import Condition, Grid
from sessions.models import EndedBy, SessionKind, Verdict
from tests.support import facts

A, B = (f"/data/outputs/train/{name}/checkpoints/020000/pretrained_model" for name in ("act", "pi"))
BACK = Condition(name="back", x=270, y=40, yaw=15, note="at the tape")
LIKE = Condition(name="as shown", like="cubes#12")
DIM = Condition(name="dim light")


@pytest.fixture(autouse=True)
def unicode_signs() -> None:
    use_signs(UNICODE)


def evaluation(*conditions: Condition, sim: dict[str, Any] | None = None, **asked: Any) -> list[ev.Event]:
    asked = {"checkpoint": A, "further_checkpoints": (B,), "target": 8, "conditions": conditions} | asked
    profile = Profile(robot={}, name="b", sim=sim)
    return [facts.started("s", kind=SessionKind.EVAL, profile=profile, **asked), ev.PhaseChanged(phase=Phase.RESTED)]


def judged(number: int, verdict: Verdict, checkpoint: str, condition: str) -> list[ev.Event]:
    return [
        ev.TrialStarted(trial=number, checkpoint=checkpoint, condition=condition),
        ev.TrialEnded(trial=number, frames=30, reason=EndedBy.TIME),
        ev.TrialJudged(trial=number, verdict=verdict),
    ]


def said(snapshot: Snapshot) -> list[str]:
    return [part.text for part in scene_parts(snapshot)]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (BACK, "back: put the object 270 mm ahead, 40 mm left, turned 15 degrees (at the tape)"),
        (LIKE, "as shown: as episode 12 of cubes"),
        (DIM, "condition dim light"),
        (Condition(name="x180 y-60", x=180, y=-60), "put the object 180 mm ahead, 60 mm right"),
    ],
)
def test_a_person_is_told_how_to_set_the_scene_and_for_which_policy(condition: Condition, words: str) -> None:
    assert said(replay(evaluation(condition, DIM if condition is not DIM else BACK))) == [words, "with act @ 020000"]


def test_on_the_simulated_bench_the_bench_does_it() -> None:
    assert said(replay(evaluation(BACK, further_checkpoints=(), sim={}))) == [
        "back: the bench lays the object 270 mm ahead, 40 mm left, turned 15 degrees (at the tape)"
    ]


def test_the_scene_follows_the_verdicts_and_is_silent_while_one_is_due() -> None:
    events = evaluation(BACK, DIM)
    first = replay(events)
    assert (slot := to_come(first)) is not None and (slot.checkpoint, slot.name) == (A, "back")
    running = [*events, *judged(1, Verdict.VOID, A, "back")]
    assert to_come(replay(running[:-1])) is None, "the verdict is due"
    assert to_come(replay(running)) == slot, "a void trial is repeated"
    done = [*running, *judged(2, Verdict.SUCCESS, A, "back")]
    assert (slot := to_come(replay(done))) is not None and (slot.checkpoint, slot.name) == (B, "back")
    assert to_come(replay([*done, ev.PhaseChanged(phase=Phase.RUNNING)])) is None


def test_the_tally_counts_by_policy_and_by_condition() -> None:
    told = [*judged(1, Verdict.SUCCESS, A, "back"), *judged(2, Verdict.FAILURE, B, "back")]
    rows = [row.plain.split() for row in tally(replay([*evaluation(BACK, DIM), *told]), 30)]
    assert ["act", "@", "020000", "1/1"] in rows and ["pi", "@", "020000", "0/1"] in rows
    assert ["back", "1/2"] in rows and ["dim", "light", "0/0"] in rows
    alone = [row.plain for row in tally(replay(evaluation(further_checkpoints=())), 30)]
    assert not [row for row in alone if "/" in row], "one policy without conditions has the rate alone"


def test_the_map_shows_the_arm_the_places_and_the_next_one_as_seen_from_above() -> None:
    grid = Grid(x=(180, 270), y=(-60, 40), counts=(2, 2)).conditions
    rows = [row.plain for row in table_map(grid, "x270 y40", 42, 10)]
    assert len(rows) == 10 and {len(row) for row in rows} == {42}
    assert [row.count("○") for row in rows if "○" in row] == [1, 2]
    ((high, left),) = [(at, row.index("●")) for at, row in enumerate(rows) if "●" in row]
    assert rows[high].index("○") > left, "40 mm left lies left of 60 mm right"
    assert "x270 y40" in rows[high]
    ((base, arm),) = [(at, row.index("arm")) for at, row in enumerate(rows) if "arm" in row]
    assert base == 9 and arm + 1 in (20, 21), "the arm stands in the middle of the lower edge"
    assert high < 5


PLACES = st.builds(
    lambda name, x, y: Condition(name=name, x=x, y=y),
    st.text(st.characters(codec="ascii", categories=("L",)), min_size=1, max_size=9),
    st.floats(-400, 900),
    st.floats(-900, 900),
)


@given(st.lists(PLACES, min_size=1, max_size=9), st.integers(8, 90), st.integers(3, 40))
def test_any_places_fit_any_room_and_the_next_one_is_always_shown(
    places: list[Condition], width: int, height: int
) -> None:
    rows = [row.plain for row in table_map(places, places[-1].name, width, height)]
    assert len(rows) == height and {len(row) for row in rows} == {width}
    assert sum(row.count("●") for row in rows) == 1


def test_without_a_place_or_room_there_is_no_map() -> None:
    assert table_map([DIM, LIKE], "dim light", 42, 10) == []
    assert table_map([BACK], "back", 4, 10) == []
