"""The store: typed in, typed out, whole whatever happens to its writers, clear about what is wrong."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from tinydb import TinyDB

from sessions.bench import Profile
from sessions.document import Session
from sessions.facts import TakeLost
from sessions.models import Episode, Note
from sessions.rows import NO_DOCUMENT
from sessions.store import CorruptStore, DamagedSessions, FoldMark, NewerStore, SessionStore, StoreProblem
from tests import ROOT
from tests.support import facts

FULL_DISK_BYTES = 2_000
MARK = FoldMark(size=1, mtime_ns=2, ended=True)


def session(number: int, *, name: str = "", **more: Any) -> Session:
    told = {"at": facts.BEGAN + number, "last_seq": 1, **more}
    return facts.session(name or f"20260217-1420{number:02d}-aaaa", **told)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


@pytest.fixture
def store(path: Path) -> Iterator[SessionStore]:
    with SessionStore(path) as opened:
        yield opened


def counted(s: Session) -> Session:
    request = msgspec.structs.replace(s.request, episodes=s.target + 1)
    return msgspec.structs.replace(s, started=msgspec.structs.replace(s.started, request=request))


def robot(s: Session) -> dict[str, Any]:
    assert s.request.profile is not None
    return s.request.profile.robot


# --- what goes in comes out ---------------------------------------------------------------------


def test_a_session_comes_back_as_it_went_in(store: SessionStore, path: Path) -> None:
    put = session(
        1,
        episodes=(Episode(index=0, take=1, frames=200, seconds=6.7, flags=("dropped frames",)),),
        notes=(Note(text="« cube slipped »\n[b]twice[/b]", author="anna", at_utc="2026-02-17T14:21:00Z"),),
        tags=("night",),
        profile=Profile(robot={"cameras": {"wrist": {"fps": 30}}, "limits": [1.5, None, True]}),
        versions={"lerobot": "0.6.1"},
        lost=(TakeLost(take=2, reason="the disk was full", where="/lab/quarantine/2"),),
        end_reason="finished by the operator",
    )
    store.put(put)
    assert store.get(put.id) == put
    assert SessionStore(path).get(put.id) == put


def test_an_empty_place_holds_no_session_and_reading_makes_no_file(store: SessionStore, tmp_path: Path) -> None:
    assert store.all() == []
    assert store.get("none") is None
    assert store.folded() == {}
    assert list(tmp_path.iterdir()) == []


def test_sessions_are_listed_newest_first(store: SessionStore) -> None:
    store.put(session(1), session(3), session(2))
    assert [s.id for s in store.all()] == [session(n).id for n in (3, 2, 1)]


def test_what_is_given_out_is_the_callers_own(store: SessionStore) -> None:
    store.put(session(1, profile=Profile(robot={"type": "so101"})))
    robot(store.all()[0])["type"] = "changed"
    one = store.get(session(1).id)
    assert one is not None
    robot(one)["type"] = "changed"
    assert robot(store.all()[0]) == {"type": "so101"}


def test_what_was_put_in_stays_the_callers_own(store: SessionStore) -> None:
    put = session(1, profile=Profile(robot={"type": "so101"}))
    store.put(put)
    robot(put)["type"] = "changed"
    assert robot(store.all()[0]) == {"type": "so101"}


def test_an_update_changes_one_session_and_returns_it(store: SessionStore) -> None:
    store.put(session(1), session(2))
    assert store.update(session(1).id, counted).target == 1
    assert [s.target for s in store.all()] == [0, 1]


def test_an_update_of_nothing_is_a_key_error_and_writes_nothing(store: SessionStore, path: Path) -> None:
    with pytest.raises(KeyError):
        store.update("none", counted)
    assert not path.exists()


def test_an_update_whose_change_fails_leaves_everything(store: SessionStore, path: Path) -> None:
    store.put(session(1))
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        store.update(session(1).id, lambda s: 1 / 0)  # type: ignore[arg-type, return-value]
    assert path.read_bytes() == before
    store.put(session(2))  # the lock is free again
    assert len(store.all()) == 2


def test_what_is_stored_already_is_not_written_again(store: SessionStore, path: Path) -> None:
    store.put(session(1), folded={"r": FoldMark(size=1, mtime_ns=2, ended=True)})
    before = path.stat()
    store.put(session(1), folded={"r": FoldMark(size=1, mtime_ns=2, ended=True)})
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_document_never_replaces_one_that_knows_more(store: SessionStore) -> None:
    store.put(session(1, last_seq=9, task="all of it"))
    store.put(session(1, last_seq=8, task="less"))
    assert store.all()[0].task == "all of it"
    store.put(session(1, last_seq=9, task="told anew"))
    assert store.all()[0].task == "told anew"


def test_a_rebuild_leaves_exactly_what_it_was_given(store: SessionStore) -> None:
    store.put(session(1), session(2), folded={"old": FoldMark(size=1, mtime_ns=1, ended=True)})
    mark = FoldMark(size=5, mtime_ns=6, ended=False)
    store.replace_all([session(2, task="new"), session(3)], folded={"new": mark})
    assert [(s.id, s.task) for s in store.all()] == [(session(3).id, ""), (session(2).id, "new")]
    assert store.folded() == {"new": mark} == store.folded(["new", "old"])


def test_documents_and_fold_marks_are_written_together(store: SessionStore, path: Path) -> None:
    store.put(session(1))
    before = path.stat().st_ino
    with SessionStore(path) as reader:
        reader.all()  # holds the file, so that its inode number cannot come again
        store.put(session(2), folded={"r": FoldMark(size=1, mtime_ns=2, ended=True)})
        seen = json.loads(path.read_bytes())
    assert path.stat().st_ino != before
    assert set(seen["folded"]) == {"r"} and len(seen["sessions"]) == 2


def test_a_stock_tinydb_reads_the_file(store: SessionStore, path: Path) -> None:
    store.put(session(1, operator="anna"))
    with TinyDB(path) as stock:
        stock.table_class.document_id_class = str  # string ids, as ours
        try:
            assert stock.table("sessions").all()[0]["started"]["request"]["operator"] == "anna"
            assert stock.table("schema").all() == [{"version": 2}]
        finally:
            stock.table_class.document_id_class = int


def test_a_linked_file_stays_linked(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    link = tmp_path / "sessions.json"
    link.symlink_to(tmp_path / "share" / "sessions.json")
    with SessionStore(link) as store:
        store.put(session(1))
    assert link.is_symlink() and (tmp_path / "share" / "sessions.json").exists()


# --- several processes --------------------------------------------------------------------------


def test_a_reader_sees_what_another_store_wrote(store: SessionStore, path: Path) -> None:
    with SessionStore(path) as other:
        store.put(session(1))
        assert len(other.all()) == 1
        for count in range(1, 30):  # at full speed: same size, and within one tick of the file system's clock
            store.update(session(1).id, counted)
            assert other.all()[0].target == count
            other.update(session(1).id, lambda s: s)


def test_two_writers_lose_no_write(path: Path) -> None:
    writes = 60
    with SessionStore(path) as store:
        store.put(session(0))
    writers = [writer(path, f"w{n}", writes) for n in range(2)]
    for w in writers:  # both are loaded: now
        assert w.stdin is not None
        w.stdin.close()
    assert [w.wait(60) for w in writers] == [0, 0]
    with SessionStore(path) as store:
        assert len(store.all()) == 1 + 2 * writes
        counter = store.get(session(0).id)
    assert counter is not None and counter.target == 2 * writes


WRITER = """
import sys, msgspec
from pathlib import Path
from typing import Any
from sessions.store import SessionStore
from tests.sessions.test_store import session, counted
path, name, writes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = SessionStore(path)
print("ready", flush=True)
sys.stdin.read()
for n in range(writes):
    store.put(session(1, name=f"{name}-{n}"))
    store.update(session(0).id, counted)
"""


def writer(path: Path, name: str, writes: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(writes)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(path: Path, tmp_path: Path) -> None:
    """24 forked writers, killed -9 at random within their writes; every write acknowledged before stays."""
    chance = random.Random(7)
    with SessionStore(path) as store:
        store.put(session(0), *(session(n, task="x" * 2_000) for n in range(1, 40)))
    acknowledged = 0
    for _ in range(24):
        acknowledged = max(acknowledged, kill_a_writer(path, chance.uniform(0.005, 0.05)))
        with SessionStore(path) as store:
            assert len(store.all()) == 40
            counter = store.get(session(0).id)
            assert counter is not None and counter.target >= acknowledged
    assert acknowledged > 24
    assert not list(tmp_path.glob("*.corrupt*"))


def kill_a_writer(path: Path, after_s: float) -> int:
    """The count that a forked writer reported last, before it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        store = SessionStore(path)
        while True:
            count = store.update(session(0).id, counted).target
            os.write(writing, count.to_bytes(4))
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read(4)  # the first write is done
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        told += pipe.read()
    return int.from_bytes(told[-4:])


# --- what is wrong, in a sentence ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"schema": {"1": {"vers', "not JSON"),
        (b"\x00" * 4096, "not JSON"),
        (b"[]", "no schema"),
        (b'{"_default": {}}', "no schema"),
        (b'{"schema": {"1": {"version": 0}}}', "schema"),
        (b'{"schema": {"1": {"version": "1"}}}', "schema"),
        (b'{"schema": {"1": {"version": 1}}, "sessions": []}', "schema"),
    ],
)
def test_a_damaged_file_is_set_aside_once_and_named(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with SessionStore(path) as store:
        with pytest.raises(CorruptStore, match=reason) as told:
            store.all()
        assert told.value.kept_as.read_bytes() == content
        assert told.value.kept_as.name.startswith("sessions.json.corrupt-20")
        assert told.value.kept_as.name in str(told.value)
        assert store.all() == []
        store.put(session(1))
        assert len(store.all()) == 1


@pytest.mark.parametrize("row", [1, None, {"id": "a"}, {"id": "a", "training": "?"}, {"started": {}, "last_seq": "x"}])
@pytest.mark.parametrize("version", [1, 2])
def test_a_session_that_cannot_be_read_is_set_aside_alone(path: Path, version: int, row: object) -> None:
    with SessionStore(path) as store:
        store.put(session(1), session(2), folded={"bad": MARK, "good": MARK})
    document = orjson.loads(path.read_bytes())
    if version == 1:
        document = {"sessions": {}, "folded": document["folded"]}
    document["schema"] = {"1": {"version": version}}
    document["sessions"]["bad"] = row
    path.write_bytes(orjson.dumps(document))
    with SessionStore(path) as store:
        with pytest.raises(DamagedSessions, match="session bad cannot be read") as told:
            store.all()
        kept = orjson.loads(told.value.kept_as.read_bytes())["sessions"]
        assert list(kept) == ["bad"] and (kept["bad"] == row or kept["bad"] == {NO_DOCUMENT: row})
        assert told.value.kept_as.name.startswith("sessions.json.damaged-20")
        assert [s.id for s in store.all()] == ([session(2).id, session(1).id] if version == 2 else [])
        assert "bad" not in store.folded() and store.get("bad") is None
    assert not list(path.parent.glob("*.corrupt*"))


def test_a_damaged_session_stays_in_a_log_that_has_no_room_to_be_written(path: Path) -> None:
    with SessionStore(path) as store:
        store.put(session(1, task="x" * FULL_DISK_BYTES))
    document = orjson.loads(path.read_bytes())
    document["sessions"]["bad"] = {"id": "bad"}
    path.write_bytes(orjson.dumps(document))
    with SessionStore(path) as store:
        with full_disk(FULL_DISK_BYTES):  # the small file has room, the log has none
            for _ in range(3):
                assert [s.id for s in store.all()] == [session(1).id] and list(store.unreadable) == ["bad"]
        assert not list(path.parent.glob("*.damaged-*")), "nothing was set aside"
        with pytest.raises(DamagedSessions, match="session bad cannot be read"):
            store.all()
    assert len(list(path.parent.glob("*.damaged-*"))) == 1


def test_a_session_that_left_the_log_stays_set_aside_whatever_fails_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(orjson.dumps({"schema": {"1": {"version": 2}}, "sessions": {"bad": {"id": "bad"}}}))
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and "bad" not in path.read_text():
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)  # fails once the log is replaced
    with SessionStore(path) as store:
        assert store.all() == [] and store.unreadable
    assert "bad" not in path.read_text() and len(list(path.parent.glob("*.damaged-*"))) == 1


def test_a_damaged_session_is_replaced_by_one_that_is_whole(store: SessionStore, path: Path) -> None:
    store.put(session(1))
    document = orjson.loads(path.read_bytes())
    document["sessions"][session(1).id] = {"id": "?"}
    path.write_bytes(orjson.dumps(document))
    store.put(session(1))
    assert store.get(session(1).id) == session(1)


def test_a_write_meets_the_damage_before_it_destroys_the_evidence(path: Path) -> None:
    path.write_bytes(b"{torn")
    with SessionStore(path) as store, pytest.raises(CorruptStore) as told:
        store.put(session(1))
    assert told.value.kept_as.read_bytes() == b"{torn"


def test_two_damages_in_one_second_are_both_kept(path: Path) -> None:
    kept = set()
    for content in (b"{one", b"{two"):
        path.write_bytes(content)
        with SessionStore(path) as store, pytest.raises(CorruptStore) as told:
            store.all()
        kept.add(told.value.kept_as)
    assert sorted(p.read_bytes() for p in kept) == [b"{one", b"{two"]


def test_damage_under_a_warm_cache_is_seen(store: SessionStore, path: Path) -> None:
    store.put(session(1))
    store.all()
    path.write_bytes(b"{torn")
    with pytest.raises(CorruptStore):
        store.put(session(2))


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    content = b'{"schema": {"1": {"version": 4}}, "sessions": {"a": {"verdicts": []}}}'
    path.write_bytes(content)
    with SessionStore(path) as store:
        for use in (store.all, lambda: store.put(session(1)), lambda: store.replace_all([])):
            with pytest.raises(NewerStore, match=r"newer lab console"):
                use()
    assert path.read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir()) == ["sessions.json", "sessions.json.lock"]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Permissions do not stop root, so root lowers itself meanwhile, in a folder that anyone may enter."""
    base = Path(os.environ.get("TMPDIR", "/tmp"))  # not tempfile's, which a dataset that is open moves to itself
    for parent in folder.parents:
        if parent.is_relative_to(base) and parent != base:
            parent.chmod(parent.stat().st_mode | 0o055)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_read_only_folder_can_be_read_and_not_written(path: Path) -> None:
    with SessionStore(path) as store:
        store.put(session(1))
    (path.parent / "sessions.json.lock").unlink()
    before = path.read_bytes()
    with read_only(path.parent), SessionStore(path) as store:
        assert len(store.all()) == 1
        with pytest.raises(StoreProblem, match=r"sessions\.json cannot be written: Permission denied; .*--data-dir"):
            store.put(session(2))
        assert len(store.all()) == 1
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["sessions.json"]


def test_damage_in_a_read_only_folder_is_said_and_left(path: Path) -> None:
    path.write_bytes(b"{torn")
    with read_only(path.parent), SessionStore(path) as store:
        with pytest.raises(StoreProblem, match=r"is damaged .* cannot be set aside") as told:
            store.all()
        assert not isinstance(told.value, CorruptStore)
    assert path.read_bytes() == b"{torn"


@contextmanager
def full_disk(free: int) -> Iterator[None]:
    """No file may grow above `free` bytes, which the kernel enforces inside write()."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_changes_nothing(store: SessionStore, path: Path) -> None:
    store.put(session(1))
    before = path.read_bytes()
    with full_disk(FULL_DISK_BYTES), pytest.raises(StoreProblem, match=r"cannot be written: .*free some disk space"):
        store.put(session(2, task="x" * FULL_DISK_BYTES))
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["sessions.json", "sessions.json.lock"]
    assert [s.id for s in store.all()] == [session(1).id]  # nor does the cache hold what the disk does not
    store.put(session(2))
    assert len(store.all()) == 2


def test_a_lock_that_nobody_lets_go_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.storage.LOCK_PATIENCE_S", 0.05)
    with SessionStore(path) as holder, SessionStore(path) as other:
        with holder._storage.transaction(), pytest.raises(StoreProblem, match=r"over 0\.05 s by another process"):
            other.put(session(1))
        other.put(session(1))


@pytest.mark.parametrize("odd", ["NaN", "-Infinity", '"\\ud800"', "1" + "0" * 400])
def test_what_is_no_json_but_tinydb_writes_it_costs_its_own_session_only(path: Path, odd: str) -> None:
    with SessionStore(path) as store:
        store.put(session(1))
        store.put(session(2))
    whole = json.loads(path.read_text())
    whole["sessions"][session(1).id]["last_seq"] = "odd"
    path.write_text(json.dumps(whole).replace('"odd"', odd))
    with SessionStore(path) as store:
        with pytest.raises(DamagedSessions) as told:
            store.all()
        assert list(told.value.reasons) == [session(1).id]
        assert store.all() == [session(2)]
    assert odd in told.value.kept_as.read_text()
