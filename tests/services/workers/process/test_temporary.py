"""A session's temporary files go with it, and those of killed ones with the next."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from services.live.event_log import EventLog
from services.workers.process.temporary import OLD_S, temporary_folder
from tests.support.runs import make_folder, session_id


def test_they_lie_in_a_folder_of_the_session_and_those_of_others_that_are_gone_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", "/tmp")
    folder = make_folder(tmp_path)
    mine, living, killed = (folder.run(session_id(n)) for n in (1, 2, 3))
    base = folder.root / "tmp"
    for run in (living, killed):
        run.root.mkdir()
        (base / run.id).mkdir(parents=True)
        (base / run.id / "video.mp4").write_bytes(b"x")
    young, old = base / "young", base / "tmpabc"
    for path in (young, old):
        path.write_bytes(b"x")
    os.utime(old, (1, young.stat().st_mtime - OLD_S - 1))
    with EventLog(living), temporary_folder(mine, folder.root):
        assert Path(tempfile.mkdtemp()).parent == base / mine.id
        assert {p.name for p in base.iterdir()} == {mine.id, living.id, "young"}
    assert {p.name for p in base.iterdir()} == {living.id, "young"}
