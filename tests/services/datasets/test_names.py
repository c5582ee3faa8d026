"""Names of datasets: what a form proposes is accepted, and a path that LeRobot takes for a pattern is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.datasets.names import check_dataset_name, check_path, is_recordable, proposed_name


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("pick and place", "pick_and_place"),
        ("pick_place", "pick_place"),
        ("Würfel → Schale!", "Wurfel_Schale"),
        ("eval_cubes", "record_eval_cubes"),
        ("../a//b", "a_b"),
        ("...", ""),
    ],
)
def test_a_tasks_name_becomes_a_datasets_name(task: str, name: str) -> None:
    assert proposed_name(task) == name


@given(st.text(max_size=200))
def test_a_proposal_is_empty_or_accepted(text: str) -> None:
    if name := proposed_name(text):
        check_dataset_name(name)


def test_rollouts_and_foreign_names_are_not_proposed_for_a_training() -> None:
    assert [name for name in ("cubes", "me/cubes", "rollout_x", "eval_x", "my data") if is_recordable(name)] == [
        "cubes", "me/cubes",
    ]  # fmt: skip


@pytest.mark.parametrize("part", ["lab[1]", "a]b", "what?", "a*b", "a::b"])
def test_a_path_that_lerobot_takes_for_a_pattern_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match=r"the data folder .* --data-dir or LAB_CONSOLE_HOME"):
        check_path(Path("/data") / part)


def test_other_paths_are_fine() -> None:
    for path in ("/data/caf\u00e9 1", "/data/a:b", "/data/{x}", "/data/a,b;c"):
        check_path(Path(path))
