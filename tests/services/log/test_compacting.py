"""`log compact`: the file gets small, the sessions stay, and nothing is removed that only it holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from console.__main__ import main
from services.folders import DataFolder
from services.log import logbook
from services.log.compacting import compact
from sessions.store import SessionStore
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

IDS = [session_id(n) for n in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = make_folder(tmp_path)
    for n, name in enumerate(IDS):
        write_run(made, name, started(name, at=1_771_338_000.0 + n), *(saved(k) for k in range(12)), ended())
    logbook.sessions(made)
    return made


def say(folder: DataFolder, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["--data-dir", str(folder.root), "log", "compact", *words]) == 0
    return capsys.readouterr().out


def test_marks_of_runs_that_are_gone_are_forgotten_and_their_sessions_stay(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder.run(IDS[0]).root)
    before, size = logbook.sessions(folder).sessions, folder.sessions_file.stat().st_size
    said = say(folder, capsys)
    saved_bytes = size - folder.sessions_file.stat().st_size
    assert "the marks of runs that are gone removed: 1" in said
    assert f"{saved_bytes:,} bytes less" in said and saved_bytes > 0
    assert logbook.sessions(folder).sessions == before
    with SessionStore(folder.sessions_file) as store:
        assert store.folded().keys() == set(IDS[1:])
    assert "nothing to do" in say(folder, capsys)


def test_a_packed_log_is_packed_anew_with_one_dictionary_where_that_saves_bytes(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logbook.sessions(folder).sessions
    with SessionStore(folder.sessions_file) as store:
        assert store.pack(above=0, to=store.path.stat().st_size // 3) > 0
        assert store.compact(IDS, to=0) == (0, 0), "six sessions are not worth it"
        monkeypatch.setattr("sessions.store.WORTH", -(10**6))
        assert store.compact(IDS, to=0) == (6, 0)
        assert store.compact(IDS, to=0) == (6, 0)
    tables = json.loads(folder.sessions_file.read_bytes())
    assert list(tables["packing"]) == ["3"] and {row["with"] for row in tables["sessions"].values()} == {"3"}
    assert logbook.sessions(folder).sessions == before


def test_files_beside_the_log_go_only_where_the_log_has_all_of_them(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder.sessions_file
    spare = file.with_name(f"{file.name}.schema-1-20260101T000000Z")
    spare.write_bytes(file.read_bytes())
    only = file.with_name(f"{file.name}.damaged-20260101T000000Z")
    content = json.loads(file.read_bytes())
    content["sessions"]["20250101-000000-aaaa"] = content["sessions"][IDS[0]]
    only.write_text(json.dumps(content))
    newer = file.with_name(f"{file.name}.damaged-20260102T000000Z")
    content = json.loads(file.read_bytes())
    content["sessions"][IDS[1]]["last_seq"] += 1  # a note that the run's events have lost
    newer.write_text(json.dumps(content))
    torn = file.with_name(f"{file.name}.corrupt-20260101T000000Z")
    torn.write_bytes(b"{torn")
    said = say(folder, capsys)
    assert "1 file kept: `lab-console log compact --yes`" in said and spare.exists()
    assert f"{spare.name}, " in said and "the log has every session of it" in said
    assert "the log lacks 1 session of it, such as 20250101-000000-aaaa" in said
    assert f"{torn.name}, " in said and "cannot be read" in said
    assert "1 file beside it removed" in say(folder, capsys, "--yes")
    assert not spare.exists() and only.exists() and newer.exists() and torn.exists()


def test_a_folder_without_a_log_stays_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none").mkdir()
    assert "there is no log here yet" in say(DataFolder(tmp_path / "none"), capsys)
    assert compact(DataFolder(tmp_path / "none")).before == 0 and not list((tmp_path / "none").iterdir())
