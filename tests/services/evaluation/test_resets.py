"""Which resets between trials a plan takes, and how they are told afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.bench.profiles import Profile
from services.evaluation import plan as evaluation
from services.evaluation import resets
from services.folders import DataFolder
from services.live.events import SessionStarted
from services.log.copies import command
from services.log.headline import headline
from services.log.listing import as_json
from services.log.page import page
from services.refusal import Refusal
from sessions.models import SessionKind
from sessions.requests import EvalRequest
from sessions.resets import Reset
from tests.screens.evaluate.test_form import checkpoint
from tests.support.evaluating import state_bench
from tests.support.facts import session

ALONE = msgspec.structs.replace(state_bench(), teleop={})
UNTAUGHT = msgspec.structs.replace(
    state_bench(), motion=msgspec.structs.replace(state_bench().motion, rest={}, waypoints=())
)


def plan(folder: Path, profile: Profile | None = None, wanted: str = "sim-scripted", **asked: Any) -> EvalRequest:
    return evaluation.plan(DataFolder(folder), profile or state_bench(), checkpoint=wanted, task="pick_place", **asked)


def test_the_arm_returns_to_rest_where_nothing_else_is_asked(tmp_path: Path) -> None:
    request = plan(tmp_path)
    assert (request.reset, request.direct_reset, request.reset_words) == (Reset.RETURN, False, "return to rest")
    assert plan(tmp_path, UNTAUGHT).reset_words == "none: no rest pose is taught"


@pytest.mark.parametrize(
    ("profile", "asked", "why"),
    [
        (state_bench(), {"reset": Reset("away")}, "--reset knows return, home, leader, not 'away'"),
        (state_bench(), {"direct_reset": True}, "--direct-reset belongs to --reset home"),
        (UNTAUGHT, {"reset": Reset.HOME}, "bench sim-state has none: `lab-console rest --teach` says how"),
        (ALONE, {"reset": Reset.LEADER}, "bench sim-state has no leader"),
        (state_bench(), {"reset": Reset.LEADER, "judge": "oracle"}, "needs a person at the leader"),
    ],
)
def test_a_reset_that_the_bench_cannot_do_is_refused_in_words(
    tmp_path: Path, profile: Profile, asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refusal) as refused:
        plan(tmp_path, profile, **asked)
    assert why in str(refused.value)


def test_home_is_refused_where_nothing_tells_where_the_demonstrations_began(tmp_path: Path) -> None:
    stranger = checkpoint(tmp_path / "outputs" / "train" / "theirs" / "checkpoints" / "000100", cameras=())
    with pytest.raises(Refusal, match="where the demonstrations of theirs @ 000100 began is not known"):
        plan(tmp_path, wanted=str(stranger), reset=Reset.HOME)
    start = {"shoulder_pan.pos": 1.0}
    own = checkpoint(tmp_path / "outputs" / "train" / "own" / "checkpoints" / "000100", cameras=(), start_pose=start)
    assert plan(tmp_path, wanted=str(own), reset=Reset.HOME).reset_words == "home, by the rest pose"
    assert plan(tmp_path, UNTAUGHT, str(own), reset=Reset.HOME, direct_reset=True).reset_words == "home, directly"


def test_the_form_names_each_reset_once(tmp_path: Path) -> None:
    asked = [resets.chosen(text) for text in resets.CHOICES]
    assert len(set(asked)) == len(asked) == len(resets.NOTES) and {reset for reset, _ in asked} == set(Reset)
    with pytest.raises(Refusal, match="reset: return, home, home directly, leader, not 'away'"):
        resets.chosen("away")


def test_every_table_of_results_tells_the_reset() -> None:
    profile = state_bench()
    told = session("s1", kind=SessionKind.EVAL, profile=profile, reset=Reset.HOME, direct_reset=True, judge="oracle")
    assert as_json([told])[0]["reset"] == "home, directly"
    assert "reset: home, directly" in headline(told).marks
    rows = [row for section in page(told).sections for row in section.rows]
    assert next(row.text for row in rows if row.name == "reset") == "home, directly"
    assert "--reset home --direct-reset" in command(told)


def test_a_session_of_before_returned_to_rest_and_of_an_imported_one_nothing_is_known() -> None:
    told = session("s1", kind=SessionKind.EVAL, profile=state_bench())
    before = json.loads(msgspec.json.encode(told.started))
    del before["request"]["reset"], before["request"]["direct_reset"]
    read = msgspec.json.decode(json.dumps(before), type=SessionStarted)
    assert isinstance(read.request, EvalRequest) and read.request.reset_words == "return to rest"
    assert not msgspec.structs.replace(told, started=msgspec.structs.replace(told.started, imported="a list")).reset
