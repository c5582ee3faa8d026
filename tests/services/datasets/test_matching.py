"""A mark follows its episode's content, whatever number that has now."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from services.datasets.fitting import bind_marks, fit_marks, marks_fit
from services.datasets.marks import SIDECAR, Mark, Marks, read_marks, write_mark
from services.datasets.matching import EVERY_EPISODE_COUNTS, match

YES, NO = Mark(session="s"), Mark(session="s", accepted=False)


def marks(**by_content: Mark) -> Marks:
    """Marks numbered in this order, each bound to the content of its name."""
    return Marks(dict(enumerate(by_content.values())), contents=dict(enumerate(by_content)))


def test_marks_stay_with_episodes_that_are_as_they_were() -> None:
    matched = match(marks(a=YES, b=NO, c=YES), {0: "a", 1: "b", 2: "c"})
    assert matched.accepted() == (0, 2)
    assert (matched.notes(), matched.moved, matched.unmarked, matched.gone) == ((), (), (), 0)


def test_renumbered_episodes_keep_their_marks() -> None:
    matched = match(marks(a=YES, b=NO, c=YES, d=NO), {0: "b", 1: "c", 2: "d"})
    assert matched.accepted() == (1,)
    assert (matched.moved, matched.unmarked, matched.gone, matched.doubtful) == ((0, 1, 2), (), 1, ())
    assert "renumbered" in matched.notes()[0]


def test_episodes_of_elsewhere_have_no_mark_and_count() -> None:
    matched = match(marks(a=NO, b=YES), {0: "x", 1: "y", 2: "a", 3: "b"})
    assert matched.accepted() == (0, 1, 3)
    assert matched.unmarked == (0, 1) and "2 episodes have no mark" in matched.notes()[1]


def test_a_rejected_number_with_other_values_is_doubtful() -> None:
    matched = match(marks(a=YES, b=NO), {0: "a", 1: "edited"})
    assert (matched.doubtful, matched.gone) == ((1,), 1)
    assert match(marks(a=NO, b=YES), {0: "a", 1: "edited"}).doubtful == ()


def test_equal_episodes_keep_their_own_mark_and_otherwise_have_none_that_disagrees() -> None:
    twins = Marks({0: YES, 1: NO}, contents={0: "t", 1: "t"})
    assert match(twins, {0: "t", 1: "t"}).accepted() == (0,)
    assert match(twins, {2: "t"}).marks == {}


def test_marks_of_older_versions_belong_to_their_number_unless_there_are_too_many() -> None:
    old = Marks({0: YES, 1: NO, 2: YES})
    assert match(old, {0: "a", 1: "b", 2: "c"}).accepted() == (0, 2)
    assert match(old, {0: "a", 1: "b"}).accepted() == (0,), "a kill during a save leaves one more"
    assert match(old, {0: "a"}).marks == {}
    assert match(Marks(dict.fromkeys(range(5), NO)), {0: "a", 1: "b"}).doubtful == (0, 1)


def test_without_marks_every_episode_counts_and_that_is_said() -> None:
    assert match(Marks(), {0: "a", 1: "b"}).notes() == (EVERY_EPISODE_COUNTS,)


# -- in the sidecar --------------------------------------------------------------------------------------


def test_marks_are_fitted_to_the_episodes_there_are(tmp_path: Path) -> None:
    for index in (0, 1, 3):
        write_mark(tmp_path, index, Mark(accepted=False))
    there = {0: "a", 1: "b", 2: "c"}
    assert not marks_fit(tmp_path, there)
    assert fit_marks(tmp_path, there) == ""
    expected = {0: Mark(accepted=False), 1: Mark(accepted=False), 2: Mark(flags=("recovered",))}
    assert dict(read_marks(tmp_path)) == expected
    assert marks_fit(tmp_path, there) and read_marks(tmp_path).contents == there


def test_a_recording_binds_marks_of_older_versions_and_keeps_what_it_does_not_know(tmp_path: Path) -> None:
    document = {"schema": 1, "curator": "ann", "episodes": {"0": {"accepted": False, "stars": 5}, "1": {}}}
    (tmp_path / SIDECAR).write_bytes(orjson.dumps(document))
    bind_marks(tmp_path, {0: "a", 1: "b"})
    stored = orjson.loads((tmp_path / SIDECAR).read_bytes())
    assert stored["curator"] == "ann" and stored["episodes"]["0"]["stars"] == 5
    assert read_marks(tmp_path).contents == {0: "a", 1: "b"} and not read_marks(tmp_path).accepted(0)
    before = (tmp_path / SIDECAR).stat().st_ino
    bind_marks(tmp_path, {0: "a", 1: "b"})
    assert (tmp_path / SIDECAR).stat().st_ino == before, "written only where something is new"


@pytest.mark.parametrize("number", [0, 1])
def test_a_doubtful_mark_is_neither_dropped_nor_bound_to_other_values(tmp_path: Path, number: int) -> None:
    write_mark(tmp_path, number, NO, "a")
    write_mark(tmp_path, 1 - number, YES, "b")
    there = {number: "edited", 1 - number: "b"}
    assert marks_fit(tmp_path, there)
    bind_marks(tmp_path, there)
    assert read_marks(tmp_path).contents == {number: "a", 1 - number: "b"}
    assert match(read_marks(tmp_path), there).doubtful == (number,)
