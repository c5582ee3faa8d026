"""`lab-console sessions` and the session that `attach` means, beside a run that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.__main__ import main
from console.commands.sessions import find_live
from services.folders import DataFolder
from services.live.event_log import EventLog
from tests.support.runs import make_folder, session_id, write_run


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """One session that ended, and one whose events are a folder."""
    folder = make_folder(tmp_path)
    write_run(folder, session_id(1))
    bad = folder.run(session_id(2))
    bad.events.mkdir(parents=True)
    return folder


def test_sessions_lists_the_others_and_says_which_is_left_out(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(folder.root), "sessions"]) == 0
    out, err = capsys.readouterr()
    assert session_id(1) in out and session_id(2) not in out
    assert f"run {session_id(2)} cannot be read (" in err


def test_attach_finds_what_runs(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with EventLog(folder.run(session_id(1))):
        assert find_live(folder, None).id == session_id(1)
        with pytest.raises(SystemExit):
            find_live(folder, session_id(2))
    assert f"run {session_id(2)} cannot be read" in capsys.readouterr().err
