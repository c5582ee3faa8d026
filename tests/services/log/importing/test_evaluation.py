"""Evaluations of an import file: eight of one bench, whose numbers come out as they stand in its history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.__main__ import main
from services.folders import DataFolder
from services.log import logbook
from services.log.kinship.links import origins
from services.log.page import page
from sessions.document import Session
from sessions.models import SessionKind, Verdict
from tests.services.log.importing.test_file import HISTORY, SMALLEST, text_of

RATES = {
    "B1 in February": "80 % [38, 96]",
    "C1 first": "20 % [4, 62]",
    "C1 second": "80 % [38, 96]",
    "C1 third": "20 % [4, 62]",
    "D1 in March": "100 % [57, 100]",
    "D3 in March": "80 % [38, 96]",
    "D2 in March": "80 % [38, 96]",
    "D1 other colours": "33 % [6, 79]",
}


def brought_in(folder: DataFolder, file: Path = HISTORY) -> dict[str, Session]:
    assert main(["--data-dir", str(folder.root), "import", str(file)]) == 0
    return {s.started.import_key: s for s in logbook.sessions(folder).sessions if s.kind is SessionKind.EVAL}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFolder, dict[str, Session]]:
    folder = DataFolder(tmp_path_factory.mktemp("history"))
    return folder, brought_in(folder)


def test_every_evaluation_of_the_history_stands_in_the_log_with_its_interval(
    history: tuple[DataFolder, dict[str, Session]],
) -> None:
    folder, found = history
    assert set(found) == set(RATES)
    log = logbook.sessions(folder).sessions
    for key, rate in RATES.items():
        shown = text_of(found[key])
        assert f"success: {rate}" in shown and "rate: 30 Hz" in shown and "a trial: at most 10 s" in shown
        assert "order: not recorded" in shown and "countdown: not recorded" in shown
        assert ("task: not recorded" in shown) is not key.startswith("C1")
        assert all(section.name != "trials" for section in page(found[key]).sections)  # in what order they were is not
        (trained,) = origins(found[key], log)
        assert trained.session is not None and trained.session.started.import_key == key[:2]
    assert found["C1 second"].started_utc == "2026-02-19"
    assert "reset: home, directly" in text_of(found["C1 third"]) and "reset: not recorded" in text_of(found["C1 first"])
    assert "cameras: wrist, without overhead" in text_of(found["D3 in March"])
    assert "condition: orange, blue, green" in text_of(found["D1 other colours"])
    assert "checkpoint: smolvla_so101_10cm_v2_wrist @ 020000" in text_of(found["C1 first"])


C1 = "C1 first+C1 second+C1 third"


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        (["B1 in February"], ["80 % [38, 96]"]),
        ([C1], ["Put together under different settings, reset: not recorded; home, directly.", "6/15  40 % [20, 64]"]),
        (["C1 second", "C1 third"], ["p = 0.11 (Boschloo"]),
        (["D1 in March"], ["100 % [57, 100]"]),
        (["D1 in March", "D3 in March"], ["cameras: overhead, wrist; wrist.", "p = 0.75 (Boschloo", "28 more of each"]),
        (["D2 in March"], ["4/5  80 % [38, 96]"]),
        (["D1 other colours", "D1 in March"], ["condition: orange, blue, green; not said", "p = 0.093 (Boschloo"]),
        ([C1, "D1 in March"], ["p = 0.020 (Boschloo", "The second succeeds more often"]),
        (C1.split("+"), ["reset: not recorded; home, directly; home, directly.", "6/15  40 % [20, 64]", "p = 0.20"]),
    ],
)
def test_every_row_of_the_history_carries_the_numbers_of_its_last_column(
    history: tuple[DataFolder, dict[str, Session]], capsys: pytest.CaptureFixture[str], arms: list[str], said: list[str]
) -> None:
    folder, found = history
    words = ["+".join(found[key].id for key in arm.split("+")) for arm in arms]
    assert main(["--data-dir", str(folder.root), "stats", *words]) == 0
    out = capsys.readouterr().out
    assert not [part for part in said if part not in out], out
    assert ("different settings" not in out.lower()) or out.lower().index("different settings") < out.index("/")


def test_the_p_values_of_the_history_to_the_digit(
    history: tuple[DataFolder, dict[str, Session]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, found = history
    for arms, p in (("C1 second", "C1 third"), 0.109), (("D1 other colours", "D1 in March"), 0.093):
        assert main(["--data-dir", str(folder.root), "stats", *(found[key].id for key in arms), "--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        assert made["comparison"]["boschloo_p_two_sided"] == pytest.approx(p, abs=0.0006)


def test_a_session_counts_once_in_what_is_put_together(
    history: tuple[DataFolder, dict[str, Session]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, found = history
    one = found["D1 in March"].id
    assert main(["--data-dir", str(folder.root), "stats", f"{one}+{one}"]) == 2
    assert "a session is named twice" in capsys.readouterr().err


def test_a_plan_takes_its_time_from_what_was_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    told = '[[evaluation]]\nkey = "E"\ncheckpoint = "x"\nsuccesses = 4\ntrials = 5\nvoid = 1\ntrial_s = 10\n'
    file.write_text(told)
    brought_in(folder, file)
    assert main(["--data-dir", str(folder.root), "plan", "0.6", "0.8"]) == 0
    assert "Both arms take 27 m 00 s at the bench and the resets: a trial had 10 s" in capsys.readouterr().out
    file.write_text(told + "minutes = 4\n")
    brought_in(folder, file)
    assert main(["--data-dir", str(folder.root), "plan", "0.6", "0.8"]) == 0
    said = capsys.readouterr().out
    assert "At 40 s a trial with its reset, as in the one evaluation so far, both arms take 1 h 48 m" in said


EVALUATION = SMALLEST + 'checkpoint_steps = [50, 100]\n[[evaluation]]\nkey = "E1"\ntraining = "A1"\n'


def test_importing_again_adds_nothing_and_a_mended_result_takes_the_place_of_the_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    file.write_text(EVALUATION + "successes = 4\ntrials = 5\n")
    brought_in(folder, file)
    brought_in(folder, file)
    assert "2 in the log already" in capsys.readouterr().out
    verdicts = '["success", { verdict = "failure", failure_mode = "[red]x[/]\\u001b[2J", condition = "front" }, "void"]'
    file.write_text(EVALUATION + f'step = 50\nverdicts = {verdicts}\noperator = "tg"\nnotes = ["\\u001b[2J"]\n')
    (session,) = brought_in(folder, file).values()
    assert "1 corrected, 1 in the log already" in capsys.readouterr().out
    assert [t.verdict for t in session.trials] == [Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID]
    assert [t.index for t in session.trials] == [1, 2, 3] and session.trials[1].condition == "front"
    shown = text_of(session)
    assert "\x1b" not in shown and "failures: [red]x[/]" in shown and "judged: 2 of 2" in shown
    assert "checkpoint: A1 @ 000050" in shown and any(section.name == "trials" for section in page(session).sections)


def test_results_by_condition(tmp_path: Path) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    back = '{ condition = "back", successes = 4, trials = 5, failure_modes = { "grasps air" = 1 } }'
    front = '{ condition = "front", successes = 0, trials = 3 }'
    file.write_text(f"{EVALUATION}by_condition = [{back}, {front}]\n")
    (session,) = brought_in(folder, file).values()
    (table,) = (each for each in page(session).sections if each.name == "conditions")
    assert [(row.name, row.values[0].text) for row in table.rows] == [("back", "4/5"), ("front", "0/3")]
    assert "failures: not said 3, grasps air 1" in text_of(session)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("successes = 6\ntrials = 5", "6 of 5 cannot have succeeded"),
        ("successes = 0\ntrials = 0", "line 16: evaluation E1: trials: expected a whole number >= 1"),
        ("successes = 1", "trials is missing"),
        ("trials = 1", "successes is missing"),
        ("", "give successes and trials, or by_condition, or verdicts"),
        ("sucesses = 1\ntrials = 5", "h.toml line 15: evaluation E1: 'sucesses' is not known; did you mean successes?"),
        ('verdicts = ["sucess"]', "'sucess' is no verdict: write success, failure, void; did you mean success?"),
        ('verdicts = [{ verdict = "success", failure_mode = "x" }]', "a success has no failure_mode"),
        ('verdicts = [{ verdikt = "success" }]', "'verdikt' is not known; did you mean verdict?"),
        ("successes = 4\ntrials = 5\nfailure_modes = { x = 2 }", "failure_modes are of 2 trials, but 1 of 5 trials"),
        ("successes = 4\ntrials = 5\nstep = 60", "line 17: evaluation E1: step: training A1 has no checkpoint of"),
        ("successes = 4\ntrials = 5\nstep = 600", "600 is after the last of the 100 steps"),
        ('successes = 4\ntrials = 5\ncameras = ["wirst"]', "no camera 'wirst'; did you mean wrist?"),
        ('successes = 4\ntrials = 5\ncheckpoint = "x"', "it tried one policy"),
        ("successes = 4\ntrials = 99999999999", "trials: expected a whole number <= 10000"),
        ("successes = 4\ntrials = 10000\nvoid = 10000", "more than an evaluation has"),
        ('successes = 4\ntrials = 5\n[[evaluation]]\nkey = "E2"\ntraining = "A11"\nsuccesses = 1\ntrials = 2',
         "line 19: evaluation E2: training: there is no [[training]] with key 'A11'; did you mean A1?"),
        ('successes = 4\ntrials = 5\n[[evaluation]]\nkey = "E1"\ncheckpoint = "x"\nsuccesses = 1\ntrials = 2',
         "line 18: evaluation E1: this key occurs 2 times"),
        ('successes = 4\ntrials = 5\n[[evaluations]]\nkey = "E3"', "'evaluations' is not known"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_line_table_and_key_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, said: str
) -> None:
    file, folder = tmp_path / "h.toml", DataFolder(tmp_path / "lab")
    file.write_text(EVALUATION + wrong + "\n")
    assert main(["--data-dir", str(folder.root), "import", str(file)]) == 2
    error = capsys.readouterr().err
    assert said in error and "nothing was imported" in error, error
    assert not folder.root.exists()
