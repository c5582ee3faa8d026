"""`lab-console stats` and `plan`: JSON to the letter, sentences, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.__main__ import main
from console.exit import BAD_USAGE
from services.folders import DataFolder
from services.live import events as ev
from sessions.models import EndedBy, SessionKind, Verdict
from sessions.statistics import newcombe, wilson
from sessions.statistics.exact import boschloo, freeman_halton
from tests.support.facts import BEGAN
from tests.support.runs import ended, make_folder, session_id, started, write_run


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def lab(folder: DataFolder, *arguments: str) -> int:
    return main(["--data-dir", str(folder.root), *arguments])


def test_json_of_three_arms_is_to_the_letter(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(folder, "stats", "1/5", "4/5", "1/5", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    low, high = wilson(4, 5)
    assert made["arms"][1] == {"successes": 4, "trials": 5, "estimate": 0.8, "wilson_95": [low, high]}
    assert made["pooled"] == {"successes": 6, "trials": 15, "estimate": 0.4, "wilson_95": list(wilson(6, 15))}
    assert made["homogeneity"]["freeman_halton_p"] == freeman_halton([(1, 5), (4, 5), (1, 5)])
    assert "comparison" not in made and len(made["homogeneity"]["pairs"]) == 3


def test_json_of_two_arms_has_their_comparison(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(folder, "stats", "6/15", "5/5", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["comparison"] == {
        "difference": pytest.approx(-0.6),
        "newcombe_95": list(newcombe((6, 15), (5, 5))),
        "boschloo_p_two_sided": boschloo((6, 15), (5, 5)),
    }
    assert round(made["comparison"]["boschloo_p_two_sided"], 3) == 0.020


def test_json_of_one_arm_has_neither(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(folder, "stats", "0/5", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"arms", "pooled"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["5/5", "4/5"], ["p = 0.75 (Boschloo", "No difference is shown", "33 trials of each", "28 more of each"]),
        (["6/15", "5/5"], ["-60 points", "p = 0.020", "The second succeeds more often"]),
        (["4/5", "4/5"], ["Were the rates 80 and 60 %", "81 trials of each"]),
        (["1/5", "4/5", "1/5"], ["6/15  40 % [20, 64]", "p = 0.20 (Freeman-Halton", "No two of them are told apart"]),
        (["0/20", "20/20", "0/20"], ["they are not all equal", "Arm 1 and arm 2 differ", "Arm 2 and arm 3 differ"]),
        (["4/5"], ["80 % [38, 96]", "from 38 to 96 %", "more trials"]),
        (["500/1000", "501/1000"], ["more than 1,000 trials of each"]),
    ],
)
def test_words_say_what_can_be_concluded_and_what_would_tell(
    folder: DataFolder, capsys: pytest.CaptureFixture[str], words: list[str], said: list[str]
) -> None:
    assert lab(folder, "stats", *words) == 0
    out = capsys.readouterr().out
    assert not [part for part in said if part not in out], out


@pytest.mark.parametrize(
    "words",
    [["6/5"], ["0/0"], ["five"], ["4/5", "x/y"], ["1/2/3"], [""], ["4.5/5"], ["last"],
     ["\x1b[31m/5"], ["４/５"]],
)  # fmt: skip
def test_what_is_no_result_is_refused_in_a_sentence(
    folder: DataFolder, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert lab(folder, "stats", *words) == BAD_USAGE
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1 and "\x1b" not in err


def test_a_plan_says_the_trials(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(folder, "plan", "0.6", "0.8", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["trials_per_arm"], made["minutes"]) == (81, None) and made["exact_power"] >= 0.8
    assert made["early"]["mean_pairs"] < 0.8 * 81 < made["early"]["most_pairs"] == 122
    assert lab(folder, "plan", "0.2", "0.8", "--alpha", "0.01", "--power", "0.9") == 0
    assert "not known yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["0.6", "0.6"],
        ["60", "80"],
        ["a", "0.5"],
        ["0.5", "0.501"],
        ["0.1", "0.9", "--alpha", "2"],
        ["nan", "0.5"],
        ["٠.٦", "0.8"],
        ["0_6", "1"],
        ["0.6", "0.8", "--alpha", "1e-300"],
    ],
)
def test_what_is_no_plan_is_refused_in_a_sentence(
    folder: DataFolder, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert lab(folder, "plan", *words) == BAD_USAGE
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1 and "p must be" not in err


def judged(index: int, verdict: Verdict) -> tuple[ev.Event, ...]:
    at = BEGAN + 30 * index
    return (
        ev.TrialStarted(trial=index, at=at),
        ev.TrialEnded(trial=index, reason=EndedBy.TIME, frames=300, at=at + 10),
        ev.TrialJudged(trial=index, verdict=verdict, judge="anna", at=at + 12),
    )


def test_sessions_are_named_in_the_place_of_fractions(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    won, lost = Verdict.SUCCESS, Verdict.FAILURE
    for number, verdicts, seconds in ((1, (won, lost, won), 10.0), (2, (won, won, Verdict.VOID), 15.0)):
        made = [event for index, verdict in enumerate(verdicts, 1) for event in judged(index, verdict)]
        begun = started(session_id(number), kind=SessionKind.EVAL, trial_seconds=seconds)
        write_run(folder, session_id(number), begun, *made, ended())
    write_run(folder, session_id(3))
    assert lab(folder, "stats", session_id(1)[:17], session_id(2), "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert [(arm["successes"], arm["trials"], arm["session"]) for arm in made["arms"]] == [
        (2, 3, session_id(1)), (2, 2, session_id(2)),
    ]  # fmt: skip
    assert made["different_settings"] == ["trial"]
    assert lab(folder, "stats", session_id(1), session_id(2)) == 0
    assert capsys.readouterr().out.startswith("Different settings, trial: 10 s; 15 s.\nWhat differs in the results may")
    assert lab(folder, "stats", "last") == BAD_USAGE
    assert "is no evaluation" in capsys.readouterr().err
    assert lab(folder, "plan", "0.6", "0.8") == 0
    assert (
        "At 30 s a trial with its reset, as in 2 evaluations so far, both arms take 1 h 21 m" in capsys.readouterr().out
    )
