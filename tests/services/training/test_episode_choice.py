"""Which episodes a training learns from: what is typed, what is chosen, and why the others are left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.datasets.episode_ranges import numbers, parse
from services.datasets.marks import Mark
from services.folders import DataFolder
from services.log import logbook
from services.refusal import Checks, Refusal
from services.training import plan as training
from services.training.episode_choice import (
    Chosen,
    Recorded,
    Wanted,
    choose,
    hold_out,
    nothing_left,
)
from services.training.episode_plan import recorded
from sessions.left_out import LeftOut, Why, as_ranges, counted, explained
from tests.support import plain_datasets
from tests.support.runs import make_folder

MARKS = {
    0: Mark(session="day"),
    1: Mark(session="day", accepted=False, flags=("wrist dark",)),
    2: Mark(session="night", flags=("dropped frames",)),
    3: Mark(session="night", flags=("overhead black",)),
    4: Mark(session="night"),
}
SEEN = Recorded(7, MARKS, frozenset({1}))


def test_each_episode_is_left_out_once_for_the_first_reason_that_holds() -> None:
    assert choose(SEEN, Wanted()) == Chosen((0, 2, 3, 4, 5, 6), (LeftOut(Why.REJECTED, (1,)),))
    wanted = Wanted((1, 2, 6), "jerky", ("night",), ("night",), flagged=True)
    chosen = choose(SEEN, wanted)
    assert chosen.episodes == (0, 5)
    assert chosen.left_out == (
        LeftOut(Why.REJECTED, (1,)), LeftOut(Why.BY_HAND, (2, 6), "jerky"), LeftOut(Why.TAGGED, (3, 4), "night"),
    )  # fmt: skip
    assert counted(chosen.left_out) == "1 rejected, 2 by hand, 2 tagged night"
    assert [explained(group) for group in chosen.left_out] == [
        "rejected: 1", "by hand: 2, 6 (jerky)", "tagged night: 3-4",
    ]  # fmt: skip


def test_a_flag_about_a_camera_that_is_left_out_leaves_no_episode_out() -> None:
    assert choose(SEEN, Wanted(flagged=True)).left_out[1:] == (LeftOut(Why.FLAGGED, (2, 3)),)
    assert choose(SEEN, Wanted(flagged=True, without=("overhead",))).left_out[1:] == (LeftOut(Why.FLAGGED, (2,)),)


def test_the_frames_of_the_chosen_are_known_if_all_of_their_lengths_are() -> None:
    known = replace(SEEN, lengths={0: 300, 2: 298})
    assert (known.frames((0, 2)), known.frames(()), known.frames((0, 5))) == (598, 0, None)


@given(st.sets(st.integers(0, 400), max_size=60))
def test_numbers_come_back_from_the_ranges_they_are_shown_as(episodes: set[int]) -> None:
    assert numbers(parse(as_ranges(episodes)), "cubes", 401) == tuple(sorted(episodes))


@given(st.text(max_size=30))
def test_whatever_is_typed_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        for first, last in parse(text):
            assert 0 <= first <= last
    except Refusal as refusal:
        assert str(refusal).startswith("episodes ")


def test_few_ranges_are_shown_and_the_others_counted() -> None:
    assert as_ranges([1, 3, 4, 5, 9, 11, 12], most=2) == "1, 3-5 and 3 more"


@pytest.mark.parametrize(
    ("episodes", "tasks", "share", "held"),
    [
        (range(10), {}, 0.1, (9,)),
        (range(10), {}, 0.11, (8, 9)),
        ((0, 3, 4, 9), {0: "a", 3: "b", 4: "a", 9: "b"}, 0.5, (4, 9)),
        (range(3), {}, 0.0, ()),
        ((7,), {}, 0.1, (7,)),
    ],
)
def test_the_last_episodes_of_each_task_are_held_out(
    episodes: Any, tasks: dict[int, str], share: float, held: tuple[int, ...]
) -> None:
    assert hold_out(tuple(episodes), tasks, share) == held


# -- planning ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Six episodes; 1 is rejected."""
    made = make_folder(tmp_path)
    plain_datasets.mark(plain_datasets.make(made.datasets / "cubes", [1, 2, 3, 4, 5, 6]), 1)
    return made


def plan(folder: DataFolder, **changes: Any) -> Any:
    return training.plan(folder, **({"dataset": "cubes", "policy": "act", "steps": 1000} | changes))


@pytest.mark.parametrize(
    ("changes", "argument", "words"),
    [
        ({"exclude_episodes": "1-", "because": "x"}, "exclude_episodes", "episodes '1-': write numbers and ranges"),
        ({"exclude_episodes": "4-2", "because": "x"}, "exclude_episodes", "runs backwards: write 2-4"),
        ({"exclude_episodes": "2,6", "because": "x"}, "exclude_episodes", "no episode 6 in dataset cubes: its "),
        ({"exclude_episodes": "2-999999999", "because": "x"}, "exclude_episodes", "no episode 6 in dataset cubes"),
        ({"exclude_episodes": "2"}, "because", "say why (--because)"),
        ({"because": "jerky"}, "because", "name them (--exclude-episodes 11,26,49-52)"),
        (
            {"exclude_episodes": "0,2-5", "because": "x"}, "exclude_episodes",
            "nothing of dataset cubes is left to train on: of its 6 episodes are left out 1 rejected, 5 by hand",
        ),
        ({"exclude_tags": ["night"]}, "exclude_tags", "is tagged 'night': none of those has a tag"),
        ({"held_out": 1.0}, "held_out", "from 0 to below 1, such as 0.1, not 1"),
        ({"held_out": -0.1}, "held_out", "not -0.1"),
        ({"held_out": float("nan")}, "held_out", "not nan"),
        ({"held_out_every": 10}, "held_out_every", "choose a share (--held-out 0.1)"),
        ({"held_out": 0.1, "held_out_every": 0}, "held_out_every", "held out every must be at least 1"),
        ({"held_out": 0.1, "exclude_episodes": "2-5", "because": "x"}, "held_out", "of 1 episode none is left to lea"),
    ],
)  # fmt: skip
def test_what_cannot_be_left_out_is_refused_at_its_field(
    folder: DataFolder, changes: dict[str, Any], argument: str, words: str
) -> None:
    checks = Checks(collect=True)
    plan(folder, **changes, checks=checks)
    assert list(checks.refused) == [argument]
    assert words in checks.refused[argument]


def test_a_plan_has_what_is_left_out_by_number_and_measures_at_each_checkpoint(folder: DataFolder) -> None:
    request = plan(folder, exclude_episodes="2, 4-5", because=" failed grasps ", leave_out_flagged=True, held_out=0.5)
    assert (request.exclude_episodes, request.because) == ((2, 4, 5), "failed grasps")
    assert (request.leave_out_flagged, request.held_out, request.held_out_every) == (True, 0.5, 200)
    assert plan(folder, held_out=0.1, save_freq=0).held_out_every == 1000
    assert plan(folder).held_out_every == 0
    again = msgspec.json.decode(msgspec.json.encode(request), type=type(request))
    assert again == request


def test_the_sessions_of_a_tag_are_looked_up_in_the_log_when_it_is_planned(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.datasets.marks import read_marks, write_mark

    root = folder.datasets / "cubes"
    for index, mark in read_marks(root).items():
        write_mark(root, index, msgspec.structs.replace(mark, session="day" if index < 3 else "night-1"))

    class Tagged:
        def __init__(self, name: str, *tags: str) -> None:
            self.id, self.tags = name, tags

    book = type(
        "Book", (), {"sessions": [Tagged("night-1", "night"), Tagged("day", "sun"), Tagged("else", "night", "x")]}
    )
    monkeypatch.setattr(logbook, "sessions", lambda folder: book)
    request = plan(folder, exclude_tags=["night", "night "])
    assert (request.exclude_tags, request.tagged_sessions) == (("night",), ("night-1",))
    known = recorded(training._dataset(folder, "cubes"))
    assert choose(known, Wanted.of(request)).left_out == (
        LeftOut(Why.REJECTED, (1,)), LeftOut(Why.TAGGED, (3, 4, 5), "night"),
    )  # fmt: skip
    assert known.lengths == dict.fromkeys(range(6), plain_datasets.ROWS)
    with pytest.raises(Refusal, match="is tagged 'x': those have the tags night, sun"):
        plan(folder, exclude_tags=["x"])
    assert "left out 1 rejected, 2 by hand" in nothing_left(
        "cubes", known, Chosen((), (LeftOut(Why.REJECTED, (1,)), LeftOut(Why.BY_HAND, (0, 2), "x")))
    )
