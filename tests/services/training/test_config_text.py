"""LeRobot's configuration as text: lines of keys, mistakes, settings, differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.refusal import Refusal
from services.training import config_file
from services.training.config_text import TextProblem, as_typed, difference, dump, line_of, parse, setting
from services.training.owned import FIELDS, OWNED, check_owner, owner_of

CONFIG = {
    "dataset": {"episodes": [0, 1, 2], "eval_split": 0.0, "transforms": {"tfs": {"hue": {"kwargs": {"hue": [-0.05]}}}}},
    "policy": {"type": "act", "lr": 1e-05, "inputs": {"observation.state": {"shape": [6]}}, "pairs": [[1, 2], [3]]},
    "steps": 50,
    "name": 'a "quoted", {odd}: name',
    "rename_map": {},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)  # fmt: skip


def test_a_configuration_as_text_is_the_configuration_with_a_line_for_each_key_and_plain_lists_on_one() -> None:
    text = dump(CONFIG)
    assert parse(text) == CONFIG
    assert '\n        "episodes": [0, 1, 2],\n' in text
    for key in ("dataset", "dataset.episodes", "dataset.transforms.tfs.hue.kwargs.hue", "policy.lr", "name", "steps"):
        assert text.splitlines()[line_of(text, key) - 1].strip().startswith(json.dumps(key.rpartition(".")[2]))
    assert line_of(text, "policy.inputs.observation.state") == line_of(text, "policy.inputs") + 1
    assert line_of(text, "policy.unknown") == line_of(text, "policy")
    assert (line_of(text, "unknown"), line_of(text, "")) == (0, 0)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_every_configuration_survives_being_text(config: dict[str, Any]) -> None:
    assert parse(dump(config)) == config


@given(st.text())
def test_no_text_does_worse_than_be_refused_with_a_line(text: str) -> None:
    try:
        parse(text)
    except TextProblem as problem:
        assert 0 <= problem.line <= text.count("\n") + 1
    line_of(text, "a.b")


@pytest.mark.parametrize(
    ("before", "after", "why", "line"),
    [
        ('"steps": 50,', '"steps": 50', "a comma is missing at the end of this line", '"steps": 50'),
        ('"rename_map": {}', '"rename_map": {},', "nothing follows the comma", '"rename_map": {},'),
        ('"steps": 50,', '"steps": ,', "a value is missing or no JSON", '"steps": ,'),
        ('"steps": 50,', '"steps": many,', "a value is missing or no JSON", '"steps": many,'),
        ('"steps": 50,', "steps: 50,", "a key is in double quotes", "steps: 50,"),
        ('"steps": 50,', '"steps" 50,', "a colon is missing", '"steps" 50,'),
        ('"steps": 50,', '"steps": 50,\n    "steps": 51,', "steps is there twice", '"steps": 51,'),
        ('"steps": 50,', '"steps": 50}, ', "before this line: there is a } too many", '"steps": 50}, '),
    ],
)
def test_a_mistake_is_named_at_its_line(before: str, after: str, why: str, line: str) -> None:
    text = dump(CONFIG).replace(before, after)
    with pytest.raises(TextProblem, match=why) as problem:
        parse(text)
    assert text.splitlines()[problem.value.line - 1].strip() == line.strip()


def test_no_character_of_a_value_acts_on_a_terminal() -> None:
    config = {"name\x9b": "\x1b[31m\x9b2J\u202e red \u2028"}
    text = dump(config)
    assert text.replace("\n", "").isprintable()
    assert parse(text) == config


def test_what_is_no_group_of_keys_is_no_configuration() -> None:
    for text in ("[1]", "3", ""):
        with pytest.raises(TextProblem):
            parse(text)
    with pytest.raises(TextProblem, match="nested too deeply"):
        parse('{"a":' * 100_000)


@given(JSON)
def test_a_setting_is_read_as_yaml_with_the_same_value(value: Any) -> None:
    key, _, text = setting("policy.key", value).partition("=")
    assert key == "policy.key"
    found = yaml.safe_load(text)
    assert found == value
    assert type(found) is type(value)


def test_settings_read_as_one_would_write_them() -> None:
    assert setting("policy.device", "cuda:0") == "policy.device=cuda:0"
    assert setting("policy.optimizer_lr", 1e-05) == "policy.optimizer_lr=1.0e-05"
    assert setting("policy.x", "null") == 'policy.x="null"'
    assert setting("rename_map", {"a": 1e-5}) == 'rename_map={"a": 1.0e-05}'
    assert as_typed(("seed=3", "a={b: 1}")) == "seed=3 'a={b: 1}'"


def test_a_difference_names_whole_keys_and_nothing_that_is_the_same() -> None:
    changed = {**CONFIG, "steps": 60, "rename_map": {"a": "b"}}
    changed["dataset"] = {**CONFIG["dataset"], "eval_split": 0.5}  # type: ignore[dict-item]
    found = difference(dump(CONFIG), dump(changed))
    assert found == [
        ("dataset.eval_split", "0.0", "0.5"), ("steps", "50", "60"), ("rename_map", "{}", None),
        ("rename_map.a", None, '"b"'),
    ]  # fmt: skip
    assert difference(dump(changed), dump(changed)) == []
    assert difference(dump({"a": 1, "b": 2}), dump({"a": 1})) == [("b", "2", None)], "a comma is no difference"
    torn = difference(dump(CONFIG), dump(CONFIG).replace('"steps": 50,', '"steps": 5'))
    assert torn == [("steps", "50", "5")]
    (long,) = difference(dump(CONFIG), dump({f"key{n}": n for n in range(3_000)}))
    assert long == ("3,000 lines, too many to compare", None, None)


def test_every_key_that_is_not_the_operators_says_who_sets_it() -> None:
    for key in (*OWNED, *FIELDS):
        owner = owner_of(key)
        assert owner is not None
        assert owner.instead
        assert owner.in_form
        with pytest.raises(Refusal, match="the console sets that itself"):
            check_owner(key)
    assert "use --held-out" in owner_of("dataset.eval_split").instead  # type: ignore[union-attr]
    assert owner_of("wandb.enable") is owner_of("wandb")
    for key in ("policy.chunk_size", "policy.device", "seed", "optimizer.lr", "jobs"):
        assert owner_of(key) is None
        check_owner(key)


def test_a_policys_own_configuration_is_told_from_a_trainings(tmp_path: Path) -> None:
    policy, training = tmp_path / "config.json", tmp_path / "train_config.json"
    policy.write_text(json.dumps({"type": "act", "chunk_size": 100, "input_features": {}}))
    alone = f"config.json is the configuration of a policy, not of a training: there is no {training.name} beside it"
    for path in (policy, tmp_path):
        with pytest.raises(Refusal) as caught:
            config_file.read(str(path))
        assert str(caught.value) == f"--config {path}: {alone}; --policy {tmp_path} goes on from the policy"
    training.write_text(json.dumps({"steps": 50, "policy": {"type": "act"}}))
    assert config_file.read(str(tmp_path)).fields["steps"] == 50
    with pytest.raises(Refusal, match=f"--config {training} has that of its training; --policy {tmp_path} goes on"):
        config_file.read(str(policy))
