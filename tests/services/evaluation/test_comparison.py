"""Several checkpoints and start conditions, before a worker starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.bench.profiles import Profile
from services.checkpoints.checkpoint import Provenance
from services.datasets.summary import DatasetSummary
from services.evaluation import comparison
from services.evaluation import plan as evaluation
from services.refusal import Refusal
from sessions.conditions import Condition, Grid, Order, Place
from sessions.requests import EvalRequest
from tests.services.evaluation.test_plan import bench, write_policy
from tests.support.runs import make_folder

BACK, FRONT = Condition(name="back", x=270, y=20, yaw=15), Condition(name="front", note="near the edge")


def with_conditions() -> Profile:
    grid = Grid(x=(180, 270), y=(-60, 40), counts=(2, 2))
    return msgspec.structs.replace(bench(), conditions=(BACK, FRONT), conditions_grid=grid)


def plan(tmp_path: Path, **options: Any) -> EvalRequest:
    asked = {"checkpoint": "sim-scripted@1.0, sim-scripted@0.0", "task": "pick_place", **options}
    return evaluation.plan(make_folder(tmp_path), with_conditions(), **asked)


def test_several_checkpoints_are_one_evaluation_of_blocks_in_a_stored_order(tmp_path: Path) -> None:
    request = plan(tmp_path, conditions="all")
    assert request.checkpoints == ("sim-scripted@1", "sim-scripted@0")
    assert request.conditions == (BACK, FRONT)
    assert request.trials == 12, "as many as usual, and each pair as often as any other"
    assert request.order is Order.RANDOM
    assert request.order_seed != plan(tmp_path, conditions="all").order_seed, "a seed is made for each"
    assert request.dataset == "rollout_sim_scripted_1_and_1"
    listed = plan(tmp_path, conditions="all", order="listed", order_seed=None)
    assert (listed.order, listed.order_seed) == (Order.LISTED, 0)
    assert plan(tmp_path, order_seed=7).order_seed == 7


def test_one_checkpoint_without_conditions_has_no_order(tmp_path: Path) -> None:
    request = plan(tmp_path, checkpoint="sim-scripted")
    assert (request.trials, request.order, request.order_seed) == (10, Order.LISTED, 0)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", ()),
        ("none", ()),
        ("front", (None,)),
        ("front, back", (None, Place(270, 20, 15))),
        ("grid", (Place(180, -60), Place(180, 40), Place(270, -60), Place(270, 40))),
        ("x270 y40,x200.5 y-3 yaw30", (Place(270, 40), Place(200.5, -3, 30))),
    ],
)
def test_conditions_are_chosen_by_words_names_and_places(
    tmp_path: Path, text: str, places: tuple[Place | None, ...]
) -> None:
    assert tuple(each.place for each in plan(tmp_path, conditions=text).conditions) == places


def test_a_condition_may_be_as_an_episode_of_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path)
    (folder.datasets / "cubes").mkdir(parents=True)
    monkeypatch.setattr(comparison, "summarize", lambda root: DatasetSummary(root.name, root, episodes=5))
    (condition,) = plan(tmp_path, conditions="cubes#4").conditions
    assert (condition.likeness, condition.place) == (("cubes", 4), None)
    with pytest.raises(Refusal, match="dataset cubes has no episode 5: its last one is 4"):
        plan(tmp_path, conditions="cubes#5")
    with pytest.raises(Refusal, match="there is no dataset 'cups' to look like"):
        plan(tmp_path, conditions="cups#0")
    for outside in ("../datasets/../..#0", "..#0", "/tmp#0", "x" * 3000 + "#0", "a\0b#0"):
        with pytest.raises(Refusal, match="there is no dataset"):
            plan(tmp_path, conditions=outside)
    (tmp_path / "other disk").mkdir()
    (folder.datasets / "far").symlink_to(tmp_path / "other disk")
    assert plan(tmp_path, conditions="far#4").conditions[0].likeness == ("far", 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"conditions": "bakc"}, "there is no condition 'bakc'; did you mean back?"),
        ({"conditions": "x٢٠٠ y0"}, "there is no condition 'x٢٠٠ y0'"),
        ({"conditions": "dim"}, "there are: back, front, x180 y-60"),
        ({"conditions": " ,, "}, "',,' names no start condition: write names, or none"),
        ({"conditions": "back,back"}, "condition back is named twice"),
        ({"conditions": "x0.2 y0.1"}, "x and y are millimetres"),
        (
            {"conditions": ",".join(f"x{n} y0" for n in range(100, 201))},
            "101 start conditions are too many: choose 100",
        ),
        ({"order": "shuffled"}, "the order of trials is random or listed, not 'shuffled'"),
        ({"order_seed": -1}, "the seed of the order lies between 0 and"),
        ({"trials": 5, "conditions": "grid"}, "8 pairs of checkpoint and condition need at least 8 trials, not 5"),
        ({"checkpoint": "sim-scripted@1, sim-scripted"}, "sim-scripted@1 is named twice"),
        ({"checkpoint": "sim-scripted@1, nowhere"}, "NAME or NAME@STEP of a training"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        plan(tmp_path, **options)
    assert words in str(refusal.value)


def test_each_checkpoint_has_to_fit_the_bench_and_the_rate_of_the_others(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    slow = write_policy(folder, "slow", provenance=Provenance(fps=15))
    other = write_policy(folder, "other", camera="top", provenance=Provenance(fps=30))
    with pytest.raises(Refusal, match="sim-scripted@1 runs at 30 Hz and slow @ 000500 at 15 Hz: policies of one rate"):
        plan(tmp_path, checkpoint=f"sim-scripted@1,{slow}")
    with pytest.raises(Refusal, match="other @ 000500 does not fit bench sim: the policy needs camera top"):
        plan(tmp_path, checkpoint=f"sim-scripted@1,{other}")
    look = evaluation.inspect(folder, with_conditions(), f"sim-scripted@1,{other}")
    assert "other @ 000500: the policy needs camera top" in look.problem
    assert [each.label for each in look.further] == ["other @ 000500"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"checkpoint": "sim-scripted", "order": "listed"}, True),
        ({"checkpoint": "sim-scripted", "order_seed": 0}, True),
        ({"checkpoint": "sim-scripted"}, False),
        ({"order": "listed"}, False),
        ({"checkpoint": "sim-scripted", "conditions": "all", "order": "random", "order_seed": 3}, False),
    ],
)
def test_an_order_of_one_pair_is_said_to_change_nothing(tmp_path: Path, options: dict[str, Any], said: bool) -> None:
    request = plan(tmp_path, **options)
    assert bool(comparison.unused_order(request, options.get("order", ""), options.get("order_seed"))) is said
