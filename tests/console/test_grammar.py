"""The help of the command line: its examples can be pasted as they are."""

from __future__ import annotations

import shlex

import pytest

from console.commands.train import FIXED, is_ungiven
from console.exit import BAD_USAGE
from console.grammar import parser
from console.making_verbs import number, whole

VERBS = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_an_example_stands_on_one_line_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    one = VERBS[verb] if verb else parser()
    examples = [line.partition("lab-console ")[2] for line in one.format_help().splitlines() if "lab-console" in line]
    examples = [each for each in examples[1:] if each]  # the first is the usage
    assert examples, "a verb has an example"
    for example in examples:
        words = shlex.split(example.partition("(")[0])
        assert parser().parse_args(words).verb == words[0]
    written = one.epilog or ""
    assert all(line in one.format_help().splitlines() for line in written.splitlines())


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_number_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    numbers = [action for action in VERBS[verb]._actions if action.type in (whole, number)]
    assert numbers or verb not in ("train", "record", "eval", "accept", "reject")
    for action in numbers:
        words = [action.option_strings[0], "abc"] if action.option_strings else ["last", "abc"]
        with pytest.raises(SystemExit) as left:
            parser().parse_args([verb, *words])
        assert left.value.code == BAD_USAGE
        kind = "a whole number" if action.type is whole else "a number"
        (said,) = capsys.readouterr().err.splitlines()
        name = action.option_strings[0] if action.option_strings else action.metavar
        assert said == f"lab-console: {verb}: {name}: {kind} is needed, not 'abc'; `lab-console {verb} --help` says how"
    assert not [action for action in VERBS[verb]._actions if action.type in (int, float)]


def test_what_is_unknown_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["nonsense"], ["--nonsense"], ["train", "--nonsense"], ["accept"]):
        with pytest.raises(SystemExit) as left:
            parser().parse_args(words)
        assert left.value.code == BAD_USAGE
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith("lab-console: ") and said.endswith(" --help` says how")


def test_resuming_refuses_each_option_that_it_would_pass_over() -> None:
    taken = {"steps", "resume", "anyway", "operator", "data_dir", "bench", "help"}
    every = {action.dest: action.option_strings for action in VERBS["train"]._actions}
    assert {dest: flags[0] for dest, flags in every.items() if dest not in taken} == {v: k for k, v in FIXED.items()}
    defaults = vars(parser().parse_args(["train", "--resume", "last"]))
    assert [flag for flag, dest in FIXED.items() if not is_ungiven(defaults[dest])] == []
    assert not is_ungiven(0)


def test_checkpoints_to_compare_are_named_in_one_flag_or_in_several() -> None:
    for words in (["--checkpoint", "a,b"], ["--checkpoint", "a", "--checkpoint", "b"]):
        assert parser().parse_args(["eval", *words]).checkpoint == "a,b"
