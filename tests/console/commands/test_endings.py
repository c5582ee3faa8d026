"""How verbs end: what they say once, with which status; where they look for data."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.__main__ import main
from console.commands.printer import Printer
from console.commands.train import outcome
from console.exit import BAD_USAGE, FAILED, OK, STOPPED
from services.datasets.marks import read_marks
from services.folders import DataFolder
from services.live import events as ev
from services.live.snapshots import replay
from sessions.models import SessionKind, SessionStatus
from tests.console.commands.test_news import begun, progressed
from tests.support.runs import ended, make_folder, numbered, saved, started, write_run

ID = "20260217-142000-0001"
CHECKPOINT = ev.CheckpointSaved(step=3210, path="/data/checkpoints/003210", bytes=1, seconds=1.0)


def ended_training(folder: DataFolder, step: int, status: SessionStatus, reason: str) -> int:
    """The exit status of `train` after a run of 20,000 steps that ended so."""
    events = (
        started(ID, kind=SessionKind.TRAIN),
        begun(),
        progressed(step),
        CHECKPOINT,
        ev.SessionEnded(status=status, reason=reason),
    )
    return outcome(folder.run(ID), replay(numbered(*events)))


def test_a_training_that_was_stopped_says_by_whom_and_has_a_status_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "stopped by tg at step 3210 of 20000, checkpoint saved"
    assert ended_training(make_folder(tmp_path), 3210, SessionStatus.FINISHED, reason) == STOPPED
    said = capsys.readouterr()
    assert said.out == "" and "finished" not in said.err
    assert f"session {ID}: {reason}; checkpoint /data/checkpoints/003210" in said.err
    assert STOPPED not in (OK, FAILED)


def test_a_whole_training_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = ended_training(make_folder(tmp_path), 20_000, SessionStatus.FINISHED, "trained all 20000 steps")
    assert done == OK and "finished: trained all 20000 steps" in capsys.readouterr().out


def test_the_reason_of_an_end_is_left_to_the_verb_that_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    end = ev.SessionEnded(status=SessionStatus.ABORTED, reason="the follower does not answer")
    printer = Printer()
    printer.show(replay(numbered(started(ID))))
    printer.show(replay(numbered(started(ID), end)))
    assert "does not answer" not in capsys.readouterr().out
    watching = Printer(says_end=True)
    watching.show(replay(numbered(started(ID), end)))
    assert "ended: the follower does not answer" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--data-dir", "HOME", "sessions"], ["sessions", "--data-dir", "HOME"]])
def test_the_data_folder_may_be_named_before_and_after_the_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    folder = make_folder(tmp_path)
    write_run(folder, ID)
    assert main([str(folder.root) if word == "HOME" else word for word in words]) == OK
    assert ID in capsys.readouterr().out


def test_an_empty_list_after_the_demo_says_where_the_demos_sessions_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_CONSOLE_HOME", str(tmp_path))
    assert main(["sessions"]) == OK
    assert "demo" not in capsys.readouterr().out
    demo = DataFolder(tmp_path / "demo").create()
    write_run(demo, ID)
    assert main(["sessions"]) == OK
    said = capsys.readouterr().out
    assert f"lab-console --data-dir {demo.root} sessions" in said
    assert main(["show", "last"]) != OK
    assert f"lab-console --data-dir {demo.root} sessions" in capsys.readouterr().err
    assert main(["--data-dir", str(demo.root), "sessions", "--kind", "eval"]) == OK
    assert "demo" not in capsys.readouterr().out


def test_a_possible_cause_is_noted_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_folder(tmp_path)
    write_run(folder, ID, started(ID), ended())
    where = ["--data-dir", str(folder.root)]
    assert main(["note", "last", "the tilt trick", "--hypothesis", "--operator", "anna", *where]) == OK
    assert main(["note", ID, "[b]lamp\x1b[2J", "--operator", "anna", *where]) == OK
    assert f"session {ID} has a new possible cause" in capsys.readouterr().out
    assert main(["show", ID, *where]) == OK
    shown = " ".join(capsys.readouterr().out.split())
    assert "possible cause the tilt trick" in shown and "notes [b]lamp" in shown and "\x1b" not in shown
    assert main(["note", "last", "  ", *where]) == BAD_USAGE
    assert "the note is empty" in capsys.readouterr().err


def test_an_episode_is_rejected_and_accepted_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_folder(tmp_path)
    write_run(folder, ID, started(ID, data_dir=str(folder.root)), saved(0), saved(1), ended())
    root = folder.datasets / "cubes"
    root.mkdir()
    where = ["--data-dir", str(folder.root)]
    assert main(["reject", "last", "1", "--because", "a hand in view", "--operator", "anna", *where]) == OK
    assert f"episode 1 of cubes ({ID}) is rejected: a hand in view" in capsys.readouterr().out
    assert (read_marks(root)[1].accepted, read_marks(root)[1].why) == (False, "a hand in view")
    assert main(["show", ID, *where]) == OK
    assert "rejected by anna: a hand in view" in " ".join(capsys.readouterr().out.split())
    assert main(["accept", ID, "1", *where]) == OK and read_marks(root)[1].accepted
    assert main(["reject", "last", "7", *where]) == FAILED
    assert "saved no episode 7; it saved 2, 0 to 1" in capsys.readouterr().err
    assert main(["reject", "2025", "1", *where]) == BAD_USAGE
