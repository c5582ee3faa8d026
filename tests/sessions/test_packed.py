"""A large log packs its old sessions: the same documents come out, and nothing that is wrong with one hides others."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tinydb import TinyDB

from sessions.document import Session
from sessions.models import Episode, Note, SessionStatus
from sessions.store import DamagedSessions, FoldMark, SessionStore, StoreProblem
from tests.sessions.test_store import full_disk, session

MARK = FoldMark(size=1, mtime_ns=2, ended=True)
EPISODES = tuple(Episode(index=n, take=n + 1, frames=200 + n, seconds=6.7) for n in range(20))
LOG = [session(n, operator="anna", episodes=EPISODES, tags=(f"tag-{n}",)) for n in range(6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


@pytest.fixture
def store(path: Path) -> Iterator[SessionStore]:
    with SessionStore(path) as opened:
        opened.put(*LOG, folded={s.id: MARK for s in LOG})
        yield opened


def on_disk(path: Path) -> dict[str, dict[str, object]]:
    return orjson.loads(path.read_bytes())["sessions"]


def newest_first(sessions: list[Session]) -> list[Session]:
    return sorted(sessions, key=lambda s: s.started.at, reverse=True)


def test_a_small_log_stays_plain(store: SessionStore, path: Path) -> None:
    before = path.read_bytes()
    assert store.pack() == 0 and path.read_bytes() == before


def test_the_oldest_are_packed_and_all_come_back_as_they_were(store: SessionStore, path: Path) -> None:
    size = path.stat().st_size
    packed = store.pack(above=0, to=size // 3)
    rows = on_disk(path)
    assert 0 < packed < len(LOG) and path.stat().st_size < size
    assert [s.id for s in LOG if "packed" in rows[s.id]] == [s.id for s in LOG[:packed]]
    for opened in (store, SessionStore(path)):
        assert opened.all() == newest_first(LOG) and opened.get(LOG[0].id) == LOG[0]
        assert opened.folded() == {s.id: MARK for s in LOG}


def test_a_session_that_runs_is_not_packed(store: SessionStore, path: Path) -> None:
    running = session(0, name="20260101-000000-aaaa", status=SessionStatus.RUNNING)
    store.put(running)
    assert store.pack(above=0, to=0) == len(LOG)
    assert "packed" not in on_disk(path)[running.id] and store.get(running.id) == running


def test_a_packed_session_can_be_changed_and_nothing_older_replaces_it(store: SessionStore, path: Path) -> None:
    store.pack(above=0, to=0)
    before = path.read_bytes()
    store.put(LOG[0])
    assert path.read_bytes() == before, "it is stored already"
    note = Note(text="wet", author="anna", at_utc="2026-02-17T14:21:00Z")
    newer = session(0, operator="anna", notes=(note,), last_seq=9)
    store.put(newer)
    store.put(LOG[0])
    assert store.get(LOG[0].id) == newer
    assert store.pack(above=0, to=0) == 1 and store.get(LOG[0].id) == newer
    assert store.all() == newest_first([newer, *LOG[1:]])


def test_whoever_has_tinydb_alone_finds_a_packed_session_and_unpacks_it(store: SessionStore, path: Path) -> None:
    store.pack(above=0, to=0)
    with TinyDB(path) as stock:
        stock.table_class.document_id_class = str  # string ids, as ours
        try:
            assert stock.table("schema").all() == [{"version": 3}]
            (row,) = [each for each in stock.table("sessions").all() if each["tags"] == ["tag-2"]]
            assert (row["kind"], row["operator"], row["accepted"]) == ("record", "anna", 20)
            (dictionary,) = [r["dictionary"] for r in stock.table("packing").all() if r.doc_id == row["with"]]
        finally:
            stock.table_class.document_id_class = int
    unpacker = zlib.decompressobj(zdict=base64.b64decode(dictionary))
    document = orjson.loads(unpacker.decompress(base64.b64decode(row["packed"])))
    assert len(document["episodes"]) == 20 and document["started"]["id"] == LOG[2].id


@pytest.mark.parametrize("how", [{"indent": 4}, {"sort_keys": True}])
def test_packed_sessions_in_a_file_that_another_program_wrote_are_none_that_are_damaged(
    store: SessionStore, path: Path, how: dict[str, Any]
) -> None:
    store.pack(above=0, to=0)
    path.write_text(json.dumps(orjson.loads(path.read_bytes()), **how))
    with SessionStore(path) as opened:
        assert opened.all() == newest_first(LOG) and all(row.is_packed for row in opened.rows().values())
        opened.put(session(7))
        assert orjson.loads(path.read_bytes())["schema"] == {"1": {"version": 3}}


@pytest.mark.parametrize("packed", ["", "?", "AAAA", "eJwr", base64.b64encode(zlib.compress(b"{}")).decode()])
def test_a_packed_session_that_is_damaged_is_set_aside_alone(store: SessionStore, path: Path, packed: str) -> None:
    store.pack(above=0, to=0)
    content = orjson.loads(path.read_bytes())
    content["sessions"][LOG[1].id]["packed"] = packed
    path.write_bytes(orjson.dumps(content))
    with SessionStore(path) as opened:
        with pytest.raises(DamagedSessions, match=f"session {LOG[1].id} cannot be read") as told:
            opened.all()
        kept = orjson.loads(told.value.kept_as.read_bytes())
        assert kept["sessions"][LOG[1].id]["packed"] == packed and kept["packing"] == content["packing"]
        assert opened.all() == newest_first([LOG[0], *LOG[2:]])


def test_a_document_that_would_fill_the_memory_is_not_unpacked(
    store: SessionStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.pack(above=0, to=0)
    monkeypatch.setattr("sessions.rows.LARGEST", 1_000)
    with SessionStore(path) as opened, pytest.raises(DamagedSessions, match="it is torn, or too large"):
        opened.all()


def test_packed_bytes_that_blow_up_are_not_unpacked_and_no_such_document_is_packed(
    store: SessionStore, path: Path
) -> None:
    store.put(session(8, notes=(Note(text="x" * 3 * 2**20, author="", at_utc=""),)))
    store.pack(above=0, to=0)
    with SessionStore(path) as opened:
        assert not opened.rows()[session(8).id].is_packed and len(opened.all()) == len(LOG) + 1
    content = orjson.loads(path.read_bytes())
    packer = zlib.compressobj(9, zdict=base64.b64decode(content["packing"]["1"]["dictionary"]))
    bomb = packer.compress(b" " * 3 * 2**20) + packer.flush()
    content["sessions"][LOG[1].id]["packed"] = base64.b64encode(bomb).decode()
    path.write_bytes(orjson.dumps(content))
    with SessionStore(path) as opened, pytest.raises(DamagedSessions, match="it is torn, or too large"):
        opened.all()


# --- another schema ---------------------------------------------------------------------------------


def test_the_log_is_backed_up_before_it_is_written_in_another_schema(store: SessionStore, path: Path) -> None:
    before = path.read_bytes()
    store.pack(above=0, to=0)
    (kept,) = path.parent.glob("sessions.json.schema-2-20*Z")
    assert kept.read_bytes() == before
    store.put(session(7))
    assert len(list(path.parent.glob("*.schema-*"))) == 1, "once"
    store.replace_all(LOG)
    assert orjson.loads(path.read_bytes())["schema"] == {"1": {"version": 2}}, "plain as a whole"


def test_a_log_that_cannot_be_backed_up_stays_as_it_is(store: SessionStore, path: Path) -> None:
    before = path.read_bytes()
    with full_disk(200), pytest.raises(StoreProblem, match=r"sessions\.json\.schema-2-.*free some disk space"):
        store.pack(above=0, to=0)
    assert path.read_bytes() == before and not list(path.parent.glob("*.schema-*"))
    assert store.all() == newest_first(LOG)
