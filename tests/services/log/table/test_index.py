"""The light entries of the log: one per session, made anew only where something changed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.log.logbook import add_note, append, set_tag
from services.log.table import index as index_module
from services.log.table import kept_entries
from services.log.table.index import Index
from services.log.table.light import light
from sessions.models import EndedBy, SessionKind, Verdict
from sessions.store import SessionStore
from tests import ROOT
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

IDS = [session_id(n) for n in (1, 2, 3)]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = make_folder(tmp_path)
    for n, name in enumerate(IDS):
        write_run(made, name, started(name, at=1_771_338_000.0 + n, task=f"task {n}"), saved(1), saved(2), ended())
    return made


def test_every_session_has_an_entry_newest_first(folder: DataFolder) -> None:
    index = Index(folder)
    assert index.refresh().changed == set(IDS) and [each.id for each in index.entries] == IDS[::-1]
    entry = index[IDS[0]]
    assert (entry.kind, entry.accepted, entry.task) == (SessionKind.RECORD, 2, "task 0")
    assert entry.head.what and "task 0" in entry.text


def test_a_second_reading_names_what_changed_and_keeps_the_other_entries(folder: DataFolder) -> None:
    index = Index(folder)
    index.refresh()
    before = dict(zip(IDS, [index[name] for name in IDS], strict=True))
    assert not index.refresh()
    add_note(folder, IDS[1], "The cube was WET", "anna")
    set_tag(folder, IDS[2], "night")
    changes = index.refresh()
    assert changes.changed == {IDS[1], IDS[2]} and not changes.gone
    assert index[IDS[0]] is before[IDS[0]]
    assert "the cube was wet" in index[IDS[1]].text and index[IDS[2]].tags == ("night",)
    session = index.session(IDS[1])
    assert session is not None and session.notes[0].text == "The cube was WET"


def test_a_session_that_left_the_log_is_named(folder: DataFolder) -> None:
    index = Index(folder)
    index.refresh()
    (folder.run(IDS[0]).events).unlink()
    folder.run(IDS[0]).root.rmdir()
    folder.sessions_file.unlink()
    assert index.refresh().gone == {IDS[0]} and index.get(IDS[0]) is None and index.session(IDS[0]) is None


def test_an_evaluation_over_two_sessions_says_so_in_both_and_one_verdict_changes_both(folder: DataFolder) -> None:
    first, second = session_id(7), session_id(8)
    judged = [
        ev.TrialStarted(trial=1),
        ev.TrialEnded(trial=1, frames=9, reason=EndedBy.KEY),
        ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS),
    ]
    for n, (name, resumes) in enumerate(((first, ""), (second, first))):
        begin = started(name, kind=SessionKind.EVAL, at=1_771_339_000.0 + n, trials=3, resumes=resumes)
        write_run(folder, name, begin, *judged, ended())
    index = Index(folder)
    index.refresh()
    assert "part 1 of 2" in index[first].part and "part 2 of 2" in index[second].part
    assert index[second].success == 1 and index[second].resumes == first
    append(folder.run(second), ev.VerdictUndone(trial=1))
    assert index.refresh().changed == {first, second} and index[second].success == 0
    whole = index.evaluation(first)
    assert whole is not None and whole.judged == 1


def test_a_console_that_starts_takes_the_entries_that_were_kept(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "KEPT_FROM", 1)
    first = Index(folder)
    first.refresh()
    add_note(folder, IDS[1], "wet", "anna")
    made = []
    monkeypatch.setattr(index_module, "light", lambda session: made.append(session.id) or light(session))
    second = Index(folder)
    second.refresh()
    assert made == [IDS[1]] and second[IDS[1]].notes == 1 and second[IDS[0]] == first[IDS[0]]
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    kept_entries.made_by.cache_clear()
    time.tzset()
    try:
        Index(folder).refresh()
        assert sorted(made[1:]) == IDS, "times are written in the machine's zone"
    finally:
        monkeypatch.undo()
        time.tzset()
        kept_entries.made_by.cache_clear()


def test_entries_are_made_anew_by_other_code_wherever_in_it_the_change_is() -> None:
    tell = (
        "import sys, services.log.table.light; print(*(str(getattr(m, '__file__', '')) for m in sys.modules.values()))"
    )
    said = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = {path for path in map(Path, said.split()) if path.is_relative_to(ROOT) and ".venv" not in path.parts}
    assert len(ours) > 20 and ours <= set(kept_entries.sources())


@pytest.mark.parametrize("content", [b"", b"?", b"\xff" * 99, b"cut"])
def test_a_file_of_entries_that_is_damaged_is_made_anew(
    folder: DataFolder, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "KEPT_FROM", 1)
    Index(folder).refresh()
    kept = folder.root / kept_entries.NAME
    kept.write_bytes(kept.read_bytes()[:-7] if content == b"cut" else content)
    index = Index(folder)
    index.refresh()
    assert [each.id for each in index.entries] == IDS[::-1]
    assert kept_entries.read(folder).keys() == set(IDS)


def test_an_entry_that_was_kept_hides_no_document_that_cannot_be_unpacked(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "KEPT_FROM", 1)
    first = Index(folder)
    first.refresh()
    with SessionStore(folder.sessions_file) as store:
        assert store.pack(above=0, to=0) == 3
    first.refresh()
    content = json.loads(folder.sessions_file.read_bytes())
    content["packing"]["1"]["dictionary"] = "AAAA"
    folder.sessions_file.write_text(json.dumps(content, separators=(",", ":")))
    for index in (first, Index(folder)):
        index.refresh()
        assert len(index.entries) == 3 and all(index.session(name) for name in IDS)
        assert "cannot be read" in index.message
        folder.sessions_file.write_text(json.dumps(content, separators=(",", ":")))


def test_a_damaged_session_is_read_again_from_its_run_and_told(folder: DataFolder) -> None:
    index = Index(folder)
    index.refresh()
    content = json.loads(folder.sessions_file.read_bytes())
    content["sessions"][IDS[0]] = {"started": "?"}
    folder.sessions_file.write_text(json.dumps(content))
    index.refresh()
    assert len(index.entries) == 3 and index.session(IDS[0]) is not None
    assert f"session {IDS[0]} cannot be read" in index.message


def test_the_newest_are_there_before_all_entries_of_a_long_log_are_made(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Index(folder).begin(), "a short log is read at once"
    monkeypatch.setattr(index_module, "SLOW", 3)
    monkeypatch.setattr(index_module, "FIRST", 2)
    monkeypatch.setattr(index_module, "KEPT_FROM", 1)
    index = Index(folder)
    assert index.begin() and [each.id for each in index.entries] == IDS[:0:-1]
    assert index.session(IDS[2]) is not None and index.begin(), "whoever asks again"
    assert index.refresh().changed >= {IDS[0]} and [each.id for each in index.entries] == IDS[::-1]
    assert not index.begin() and not Index(folder).begin(), "they are kept"
