"""`lab-console import` of what trainings left: an output folder, a log, TensorBoard's files. None is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.__main__ import main
from services.folders import DataFolder
from services.log import logbook
from services.log.page import page
from services.training.watching import taking_in
from sessions.document import Session
from sessions.models import SessionStatus
from tests.services.training.watching.logs import head, log
from tests.services.training.watching.test_sources import checkpoint, event, record, scalar
from tests.support.past_trainings import past_training
from tests.support.runs import session_id


@pytest.fixture
def lab(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab")


def bring_in(lab: DataFolder, place: Path) -> int:
    return main(["--data-dir", str(lab.root), "import", str(place)])


def only(lab: DataFolder) -> Session:
    (session,) = logbook.sessions(lab).sessions
    assert session.training is not None
    return session


def test_checkpoints_without_a_log_are_a_training_whose_curves_are_not_known(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "act_cubes"
    for step in (1000, 2000):
        checkpoint(output, step)
    files = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    for told in ("1 training with 2 checkpoints: 1 added", "1 in the log already"):
        assert bring_in(lab, output) == 0
        assert told in capsys.readouterr().out
    session = only(lab)
    assert session.training is not None
    assert (session.dataset, session.training.step, session.training.samples) == ("lab/cubes", 2000, 16_000)
    assert [saved.path for saved in session.training.checkpoints] == [
        str(output / "checkpoints" / name) for name in ("001000", "002000")
    ]  # fmt: skip
    assert (session.status, session.started_utc) == (SessionStatus.FINISHED, "")
    assert session.end_reason == "trained all 2000 steps: its last checkpoint is there"
    shown = "\n".join(f"{row.name}: {row.text}" for section in page(session).sections for row in section.rows)
    assert "learnt from: not recorded" in shown and "cameras: not recorded" in shown
    assert "loss:" not in shown and " epochs" not in shown and "1970" not in shown
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == files
    assert main(["watch", str(output), "--json", "--data-dir", str(lab.root)]) == 0
    assert "act on lab/cubes: 2 checkpoints" in capsys.readouterr().err, (
        "the folder, which may grow, and not the session"
    )
    assert bring_in(lab, output / "checkpoints" / "001000" / "pretrained_model") == 2
    assert f"it lies in {output}, which is one: import that" in capsys.readouterr().err


def test_a_configuration_that_is_none_costs_what_it_would_tell(tmp_path: Path, lab: DataFolder) -> None:
    for number, said in enumerate((b'{"a":' * 100_000, b"", b"[]", b'{"policy": {"type', b'{"steps": 1e999}')):
        output = tmp_path / f"part{number}" / "act"
        checkpoint(output, 1000 + number)
        (settings,) = output.glob("checkpoints/*/pretrained_model/train_config.json")
        settings.write_bytes(said)
        if not said:
            settings.unlink()
            os.mkfifo(settings)
        assert bring_in(lab, output) == 0
    found = logbook.sessions(lab).sessions
    steps = [session.training.started.steps for session in found if session.training]
    assert steps == [0] * 5, "none of them is taken for another of the same name"
    assert all(session.training and session.training.started.notes == (taking_in.UNREAD,) for session in found)


def test_a_log_is_one_session_whether_it_is_imported_or_kept_from_the_watch(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.log"
    path.write_text(head() + log(range(200, 1001, 200)))
    assert bring_in(lab, path) == 0
    assert "1 training with 5 points: 1 added" in capsys.readouterr().out
    first = only(lab)
    assert main(["watch", str(path), "--json", "--keep", "--data-dir", str(lab.root)]) == 0
    assert "it was kept before" in capsys.readouterr().err and only(lab).id == first.id
    path.write_text(head() + log(range(200, 1401, 200)))
    assert bring_in(lab, path) == 0
    assert "1 corrected" in capsys.readouterr().out
    session = only(lab)
    assert session.training is not None and session.training.step == 1400 and session.training.points == 7
    assert session.training.loss == 0.5 and session.training.started.episodes == (0, 1)


def test_a_tensorboard_file_is_a_training_with_its_points(tmp_path: Path, lab: DataFolder) -> None:
    path = tmp_path / "events.out.tfevents.1700000000.box.1.0"
    path.write_bytes(b"".join(record(event(step, scalar("train/loss", 1.0 / step))) for step in (1, 2, 4)))
    assert bring_in(lab, path) == 0
    session = only(lab)
    assert session.training is not None and (session.training.step, session.training.loss) == (4, 0.25)
    assert session.status is SessionStatus.ABORTED and "is not in the log" in session.end_reason


def test_what_is_no_training_is_said(
    tmp_path: Path, lab: DataFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = past_training(lab, session_id(1), name="act_v1")
    (tmp_path / "letter.txt").write_text("dear all\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    (tmp_path / "nothing.log").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    (tmp_path / "long.log").write_text(head() + log(range(200, 1001, 200)))
    monkeypatch.setattr(taking_in, "LARGEST", 100)
    for place, said in (
        (lab.run(session_id(1)).root, "is of a session of this console: it is in the log already"),
        (tmp_path / "letter.txt", "has no log point and no checkpoint of a training"),
        (tmp_path / "picture.png", "has 10 kB: that is no log of one training"),
        (tmp_path / "nothing.log", "is empty: nothing was logged yet"),
        (tmp_path / "pipe", "Not a file"),
        (tmp_path / "empty", "is no LeRobot dataset and no output folder of a training"),
        (tmp_path / "long.log", "that is no log of one training; split it"),
        (tmp_path / "missing", "cannot be read: No such file or directory"),
    ):
        assert bring_in(lab, place) == 2
        error = capsys.readouterr().err
        assert said in error and "nothing was imported" in error and "Traceback" not in error, error
    assert own and [s.started.imported for s in logbook.sessions(lab).sessions] == [""]
