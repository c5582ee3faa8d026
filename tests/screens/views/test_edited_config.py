"""What is said of a configuration that is edited as text, at any width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from screens.views.edited_config import EditedConfig, Step, diff_rows, verdict
from screens.views.measured import sentence
from services.live.requests import TrainRequest
from services.training.config_text import dump
from services.training.preparation import Configured

REQUEST = TrainRequest(data_dir="/lab", dataset="cubes", policy="act", name="mine", steps=20_000)
PRESET = {"policy": {"chunk_size": 100, "vision_backbone": "resnet18"}, "steps": 20_000}
TEXT = {"policy": {"chunk_size": 50, "vision_backbone": "resnet18_with_a_name_as_long_as_this"}, "steps": 30_000}
TAKEN = EditedConfig(
    REQUEST, Step.TAKEN, dump(TEXT), dump(PRESET), dump(PRESET),
    Configured(number=1, text=dump(TEXT), preset=dump(PRESET), settings=("policy.chunk_size=50", "seed=3"),
               fields={"steps": 30_000}),
)  # fmt: skip
WRONG = replace(TAKEN.typed("{"), step=Step.REFUSED, why="a value is missing", line=3, key="steps")


@pytest.mark.parametrize("width", [38, 58, 118])
def test_the_verdict_never_loses_what_the_text_changes_or_what_to_press(width: int) -> None:
    assert "steps 20,000 to 30,000" in " ".join(sentence(verdict(TAKEN), width, 2).plain.split())
    assert "ctrl+g" in sentence(verdict(WRONG), width, 2).plain
    assert "line 3, steps: a value is missing" in sentence(verdict(WRONG), max(width, 58), 2).plain


def test_every_step_is_said() -> None:
    said = {step: sentence(verdict(replace(TAKEN, step=step, why="it died")), 200).plain for step in Step}
    assert said[Step.LOADING] == "loading LeRobot: this takes about ten seconds, once"
    assert said[Step.CHECKING] == "asking LeRobot"
    assert said[Step.TAKEN].startswith("✓ LeRobot takes it · 2 keys other than the preset")
    assert said[Step.FAILED] == "✗ it died"
    behind = replace(TAKEN, left_behind="sed: no such key")
    assert "not in this text: sed: no such key" in sentence(verdict(behind), 200).plain


def test_the_difference_has_a_row_for_each_key_or_three_where_they_do_not_fit() -> None:
    wide = [row.plain for row in diff_rows(TAKEN, 100, 9)]
    assert wide[0] == "policy.chunk_size  - 100  + 50"
    assert wide[2] == "steps  - 20000  + 30000"
    narrow = [row.plain for row in diff_rows(TAKEN, 45, 9)]
    assert narrow[1:4] == [
        "policy.vision_backbone", '  - "resnet18"', '  + "resnet18_with_a_name_as_long_as_this"',
    ]  # fmt: skip
    assert [row.plain for row in diff_rows(TAKEN, 45, 2)] == [wide[0], "… 4 more lines"]
    torn = replace(TAKEN, answer=None, text="x" + dump(PRESET))
    assert [row.plain for row in diff_rows(torn, 60, 3)] == ["+ x{"]
    spoilt = replace(TAKEN, answer=None, text=dump(PRESET).replace('"steps"', 'x"steps"'))
    assert [row.plain for row in diff_rows(spoilt, 60, 3)] == ["steps  - 20000", '+ x"steps": 20000']
    same = replace(TAKEN, answer=None, text=dump(PRESET))
    assert [row.plain for row in diff_rows(same, 60, 3)] == ["as the preset: nothing is edited"]
    assert diff_rows(EditedConfig(REQUEST), 60, 3) == []
