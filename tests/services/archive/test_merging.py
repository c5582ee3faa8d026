"""Logs of several benches in one: nothing twice, nothing lost, theirs unchanged."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.__main__ import main
from services.archive import merging
from services.archive.merging import merge
from services.folders import DataFolder
from services.live import events as ev
from services.log import logbook
from services.log.headline import headline
from services.log.importing.adding import add
from services.log.kinship.links import origins
from services.log.page import page
from services.log.table.query import matching
from services.refusal import Refusal
from services.training import resumable
from services.training.history import open_run, run_of
from sessions.document import Session
from sessions.models import SessionKind
from tests.services.log.importing.test_adding import training as imported
from tests.support.facts import training
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

ID, OTHER = session_id(1), session_id(2)


@pytest.fixture
def ours(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path / "theirs")


def listed(folder: DataFolder) -> dict[str, Session]:
    return {session.id: session for session in logbook.sessions(folder).sessions}


def content(folder: DataFolder) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.root.rglob("*") if path.is_file()
    }


def recorded(folder: DataFolder, name: str, host: str, *more: ev.Event) -> None:
    write_run(folder, name, started(name, host=host), saved(0), ended(), *more)


def texts(session: Session) -> list[str]:
    return [note.text for note in session.notes]


def test_a_session_from_elsewhere_is_there_whole_and_says_where_it_came_from(
    ours: DataFolder, theirs: DataFolder
) -> None:
    run = write_run(theirs, ID, started(ID, kind=SessionKind.TRAIN, host="lab-2"), training().started, ended())
    run.metrics.write_bytes(b'{"step":1,"loss":0.5}\n')
    run.request.write_bytes(b'{"type":"train"}')
    before = content(theirs)
    made = merge(ours, theirs.root)
    assert (made.added, made.grew, made.left_out) == ([ID], [], []) and content(theirs) == before
    here = ours.run(ID)
    assert here.events.read_bytes().startswith(run.events.read_bytes())
    assert here.metrics.read_bytes() == run.metrics.read_bytes() and here.request.exists()
    session = listed(ours)[ID]
    assert session.brought_in is not None and session.brought_in.place == str(theirs.root)
    assert headline(session).marks[0] == "from elsewhere on lab-2"
    rows = {row.name: row.text for section in page(session).sections for row in section.rows}
    assert rows["brought in"] == f"from {theirs.root}"
    assert matching([session], '"from elsewhere"') == [session]
    assert "it can go on where it ran" in resumable.why_not(open_run(ours, run_of(session)).snapshot)


def test_merging_again_changes_nothing_and_notes_of_both_are_kept(ours: DataFolder, theirs: DataFolder) -> None:
    recorded(theirs, ID, "lab-2")
    merge(ours, theirs.root)
    before = ours.run(ID).events.read_bytes()
    assert merge(ours, theirs.root).same == [ID] and ours.run(ID).events.read_bytes() == before
    logbook.add_note(ours, ID, "seen here")
    logbook.add_note(theirs, ID, "seen there")
    logbook.set_tag(theirs, ID, "night")
    grown = ours.run(ID).events.read_bytes()
    assert merge(ours, theirs.root).grew == [ID]
    assert ours.run(ID).events.read_bytes().startswith(grown), "only appended to"
    assert texts(listed(ours)[ID]) == ["seen here", "seen there"] and listed(ours)[ID].tags == ("night",)
    assert merge(ours, theirs.root).same == [ID]
    assert merge(theirs, ours.root).grew == [ID] and set(texts(listed(theirs)[ID])) == {"seen here", "seen there"}


def test_another_session_of_the_same_id_gets_one_of_its_own_and_links_follow(
    ours: DataFolder, theirs: DataFolder
) -> None:
    recorded(ours, ID, "lab-1")
    write_run(theirs, ID, started(ID, kind=SessionKind.TRAIN, host="lab-2"), training().started, ended())
    write_run(theirs, OTHER, started(OTHER, kind=SessionKind.EVAL, trained_in=ID), ended())
    made = merge(ours, theirs.root)
    (renamed,) = made.otherwise
    assert made.otherwise == {renamed: ID} and renamed[:-4] == ID[:-4] and set(made.added) == {renamed, OTHER}
    sessions = listed(ours)
    assert sessions[ID].host == "lab-1" and sessions[renamed].kind is SessionKind.TRAIN
    came = sessions[renamed].brought_in
    assert came is not None and came.known_as == ID
    assert sessions[OTHER].trained_in == renamed
    assert [link.session and link.session.id for link in origins(sessions[OTHER], list(sessions.values()))] == [renamed]
    again = merge(ours, theirs.root)
    assert set(again.same) == {renamed, OTHER} and not again.added
    back = merge(theirs, ours.root)
    assert len(back.added) == 1 and len(back.same) == 2, "theirs are known by content, ours is new there"


def test_a_session_that_still_runs_is_left_out_until_it_is_over(ours: DataFolder, theirs: DataFolder) -> None:
    write_run(theirs, ID, started(ID), saved(0))
    events = theirs.run(ID).events.read_bytes()
    made = merge(ours, theirs.root)
    assert made.left_out == [f"session {ID} has not ended there and is left out: merge again afterwards"]
    assert not listed(ours) and theirs.run(ID).events.read_bytes() == events
    listed(theirs)  # its console finds that its worker is gone
    assert merge(ours, theirs.root).added == [ID]


def test_documents_alone_are_merged_and_damaged_ones_named(
    ours: DataFolder, theirs: DataFolder, tmp_path: Path
) -> None:
    for name in (ID, OTHER, session_id(3)):
        recorded(theirs, name, "lab-2", ev.NoteAdded(text=f"note of {name}"))
    listed(theirs)
    stored = json.loads(theirs.sessions_file.read_bytes())
    stored["sessions"][OTHER]["episodes"] = "nonsense"
    stored["sessions"]["../../x"] = stored["sessions"][ID] | {
        "started": stored["sessions"][ID]["started"] | {"id": "../x"}
    }
    file = tmp_path / "sessions.json"
    file.write_text(json.dumps(stored))
    before = file.read_bytes()
    made = merge(ours, file)
    assert made.added == [ID, session_id(3)] and file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["sessions.json"]
    said = " ".join(made.left_out)
    assert f"session {OTHER} of its sessions.json is damaged" in said and "'../x' is left out: that is no id" in said
    came = listed(ours)[ID].brought_in
    assert came is not None and came.place == str(file)
    assert merge(ours, file).same == [ID, session_id(3)]
    assert merge(ours, theirs.root).grew == [ID, session_id(3)], "now with their events"
    assert texts(listed(ours)[ID]) == [f"note of {ID}"] and ours.run(ID).events.exists()


def test_damaged_runs_are_named_and_the_others_come_in(ours: DataFolder, theirs: DataFolder) -> None:
    for name in (ID, OTHER, session_id(3), session_id(4)):
        recorded(theirs, name, "lab-2")
    theirs.run(ID).events.write_bytes(b"\x00" * 100 + b"\n")
    shutil.copy(theirs.run(session_id(3)).events, theirs.run(OTHER).events)
    theirs.run(session_id(4)).events.unlink()
    theirs.run(session_id(4)).events.mkdir()
    made = merge(ours, theirs.root)
    assert made.added == [session_id(3)] and len(made.left_out) == 3
    assert f"session {ID} is damaged and left out: no event in it can be read" in made.left_out
    assert any(f"its events are of session {session_id(3)}" in each for each in made.left_out)


def test_one_that_cannot_be_written_is_named_and_a_full_disk_ends_it(
    ours: DataFolder, theirs: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (ID, OTHER):
        recorded(theirs, name, "lab-2")
    write = merging.write_atomically

    def refused(path: Path, data: bytes) -> None:
        if path.parent.name == ID:
            raise OSError(error, "no", str(path))
        write(path, data)

    monkeypatch.setattr(merging, "write_atomically", refused)
    error = errno.EACCES
    made = merge(ours, theirs.root)
    assert made.added == [OTHER] and made.left_out[0].startswith(f"session {ID} could not be written: you may not")
    error = errno.ENOSPC
    with pytest.raises(Refusal, match="the disk is full: free some space; merge again"):
        merge(ours, theirs.root)
    monkeypatch.undo()
    assert not ours.run(ID).root.exists()
    ours.run(ID).root.mkdir()  # as a killed merge leaves it
    assert merge(ours, theirs.root).added == [ID]


def test_events_here_that_cannot_be_read_are_not_overwritten(ours: DataFolder, theirs: DataFolder) -> None:
    recorded(theirs, ID, "lab-2")
    merge(ours, theirs.root)
    events = ours.run(ID).events
    events.write_bytes(b"torn\n")
    made = merge(ours, theirs.root)
    assert made.left_out == [f"session {ID} is left as it is: its events here cannot be read"]
    assert not made.same and not made.grew and events.read_bytes() == b"torn\n"


def test_lines_here_that_cannot_be_read_are_not_lost_by_putting_notes_in_order(
    ours: DataFolder, theirs: DataFolder
) -> None:
    for folder, text, at in ((ours, "late", 1.9e9), (theirs, "early", 1.8e9)):
        recorded(folder, ID, "lab-2", ev.NoteAdded(text=text, at=at))
    first, *others = ours.run(ID).events.read_bytes().splitlines(keepends=True)
    ours.run(ID).events.write_bytes(b"".join([first, b"half a line\n", *others]))
    made = merge(ours, theirs.root)
    assert len(made.left_out) == 1 and "have lines that cannot be read" in made.left_out[0]
    assert b"half a line\n" in ours.run(ID).events.read_bytes()


def test_what_is_no_log_is_refused_in_a_sentence(ours: DataFolder, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for data, why in ((b"{", "is no log of lab console"), (b'{"schema":{"1":{"version":99}}}', "newer lab console")):
        file = tmp_path / "sessions.json"
        file.write_bytes(data)
        with pytest.raises(Refusal, match=why):
            merge(ours, file)
        assert file.read_bytes() == data
    with pytest.raises(Refusal, match="neither runs nor sessions"):
        merge(ours, tmp_path / "ours")
    with pytest.raises(Refusal, match="is this log itself"):
        merge(ours, ours.root)
    assert main(["--data-dir", str(ours.root), "log", "merge", str(tmp_path / "none")]) == 2
    assert "none is not there: give another bench's data folder" in capsys.readouterr().err


def test_a_pipe_or_a_device_is_no_log_and_is_not_read(ours: DataFolder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(Refusal, match="cannot be read: Not a file"):
            merge(ours, place)


def test_a_link_in_a_run_there_is_not_followed(ours: DataFolder, theirs: DataFolder, tmp_path: Path) -> None:
    private = tmp_path / "private.txt"
    private.write_text("nobody's")
    for number, put in ((1, lambda path: path.symlink_to(private)), (2, os.mkfifo), (3, lambda path: None)):
        recorded(theirs, session_id(number), "lab-2")
        put(theirs.run(session_id(number)).metrics)
    made = merge(ours, theirs.root)
    assert made.added == [session_id(3)] and list(listed(ours)) == [session_id(3)]
    assert made.left_out == [
        f"session {session_id(1)} is left out: its metrics.jsonl there cannot be read (it is a link)",
        f"session {session_id(2)} is left out: its metrics.jsonl there cannot be read (Not a file)",
    ]
    assert not ours.run(session_id(1)).root.exists() and private.read_text() == "nobody's"


def test_the_shell_says_what_came_in(ours: DataFolder, theirs: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(ours, ID, "lab-1")
    recorded(theirs, ID, "lab-2")
    write_run(theirs, OTHER, started(OTHER), saved(0))
    assert main(["--data-dir", str(ours.root), "log", "merge", str(theirs.root)]) == 1
    out, err = capsys.readouterr()
    assert f", there {ID}, which is another session here" in out and "1 session added, 1 left out" in out
    assert err == f"lab-console: session {OTHER} has not ended there and is left out: merge again afterwards\n"


def test_imported_sessions_of_two_benches_do_not_clash(ours: DataFolder, theirs: DataFolder) -> None:
    """Their ids count from 1 on each bench; the same file imported on both is the same session."""
    for folder, keys in ((ours, "ab"), (theirs, "cb")):
        for number, key in enumerate(keys, 1):
            name = f"00000000-000000-{number:04x}"
            first = started(name, kind=SessionKind.TRAIN, pid=0, host="")
            first = msgspec.structs.replace(first, imported=f"/{folder.root}/old.toml", import_key=key, at=1.0)
            note = ev.NoteAdded(text="too sparse", author="imported", at=1.8e9 + len(folder.root.parts[-2]))
            write_run(folder, name, first, ended(), note)  # its time is when it was imported
    made = merge(ours, theirs.root)
    assert made.same == ["00000000-000000-0002"] and len(made.added) == len(made.otherwise) == 1
    sessions = listed(ours).values()
    assert sorted(session.started.import_key for session in sessions) == ["a", "b", "c"]
    assert all(texts(session) == ["too sparse"] for session in sessions)


def test_the_same_import_after_a_merge_adds_and_corrects_nothing(ours: DataFolder, theirs: DataFolder) -> None:
    (there,) = add(theirs, [imported()]).added
    assert merge(ours, theirs.root).added == [there]
    assert add(ours, [imported()]).unchanged == (there,)
    assert merge(ours, theirs.root).same == [there]


def test_what_lies_at_the_other_bench_is_not_gone(ours: DataFolder, theirs: DataFolder,
                                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    recorded(theirs, ID, "lab-2")
    merge(ours, theirs.root)
    assert main(["--data-dir", str(ours.root), "log", "verify"]) == 0
    said = capsys.readouterr().out
    assert "gone" not in said and f"of {ID} (it is not here: the session came from {theirs.root})" in said
    assert main(["--data-dir", str(ours.root), "verify", ID]) == 0 and "gone" not in capsys.readouterr().out
    recorded(ours, OTHER, "lab-1")
    assert main(["--data-dir", str(ours.root), "log", "verify"]) == 1, "its own is"


@st.composite
def benches(draw: st.DrawFn) -> list[list[tuple[int, str, str]]]:
    """Three logs: sessions by the number of their id and their host, each with a note or none."""
    one = st.tuples(st.integers(1, 2), st.sampled_from(["p", "q"]), st.sampled_from(["", "x", "y"]))
    return [draw(st.lists(one, max_size=2, unique_by=lambda s: s[0])) for _ in range(3)]


@settings(max_examples=12, deadline=None)
@given(benches())
def test_the_set_of_sessions_does_not_depend_on_the_order_of_merging(
    tmp_path_factory: pytest.TempPathFactory, logs: list[list[tuple[int, str, str]]]
) -> None:
    def made(*order: int) -> set[tuple[str, tuple[str, ...]]]:
        root = tmp_path_factory.mktemp("merging")
        folders = []
        for at in order:
            folders.append(make_folder(root / str(len(folders))))
            for number, host, note in logs[at]:
                notes = [ev.NoteAdded(text=note, at=1.8e9 + ord(note))] if note else []
                recorded(folders[-1], session_id(number), host, *notes)
        for each in folders[1:]:
            merge(folders[0], each.root)
        return {(s.host + s.id[:-4], tuple(sorted(texts(s)))) for s in listed(folders[0]).values()}

    assert made(0, 1) == made(1, 0)
    assert made(0, 1, 2) == made(2, 1, 0) == made(1, 2, 0, 1)
    assert made(0, 0) == made(0)
