"""The store against a dictionary: whatever is done to it in any order, by two processes, and killed at any step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sessions import files, upgrade
from sessions.document import Session
from sessions.models import Episode, Note, SessionStatus, Trial, Verdict
from sessions.store import FoldMark, SessionStore
from tests import ROOT
from tests.support import facts

STORED: dict[str, Any] = json.loads((ROOT / "tests/files_of_2026_11/lab/sessions.json").read_bytes())["sessions"]
NAMES = [f"20260217-14200{n}-{n:04x}" for n in range(5)]
TEXT = st.text(max_size=12)
EPISODES = st.lists(
    st.builds(
        Episode,
        index=st.integers(0, 2**40),
        take=st.integers(1, 99),
        frames=st.integers(0, 2**31),
        seconds=st.floats(allow_nan=False, allow_infinity=False),
        flags=st.lists(TEXT, max_size=2).map(tuple),
        retried=st.dictionaries(TEXT, st.integers(0, 9), max_size=2),
    ),
    max_size=3,
).map(tuple)
TRIALS = st.lists(
    st.builds(Trial, index=st.integers(1, 99), verdict=st.none() | st.sampled_from(Verdict), failure_mode=TEXT),
    max_size=3,
).map(tuple)
NOTES = st.lists(st.builds(Note, text=TEXT, author=TEXT, at_utc=st.just("2026-02-17T14:21:00Z")), max_size=2).map(tuple)
STATUS = st.sampled_from([SessionStatus.RUNNING, SessionStatus.FINISHED, SessionStatus.CRASHED])


class Killed(BaseException):
    """The process ends here."""


class Store(RuleBasedStateMachine):
    """Two open stores of one file, `mine` and another process's; `model` is what the log must hold."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "sessions.json"
        self.mine, self.other = SessionStore(self.path), SessionStore(self.path)
        self.model: dict[str, Session] = {}
        self.marks: dict[str, FoldMark] = {}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.mine.close()
            self.other.close()
            self.folder.cleanup()

    @rule(
        name=st.sampled_from(NAMES), seq=st.integers(0, 4), episodes=EPISODES, trials=TRIALS, notes=NOTES,
        status=STATUS, swapped=st.booleans(), size=st.integers(0, 9),
    )  # fmt: skip
    def put(self, name: str, seq: int, size: int, swapped: bool, **more: Any) -> None:
        session = facts.session(name, last_seq=seq, at=facts.BEGAN + NAMES.index(name), **more)
        mark = FoldMark(size=size, mtime_ns=1, ended=True)
        (self.other if swapped else self.mine).put(session, folded={name: mark})
        self.keep(session, mark)

    def keep(self, session: Session, mark: FoldMark) -> None:
        known = self.model.get(session.id)
        if known is None or known.last_seq <= session.last_seq:
            self.model[session.id] = session
        self.marks[session.id] = mark

    @rule(name=st.sampled_from(NAMES), tag=TEXT)
    def update(self, name: str, tag: str) -> None:
        def tagged(session: Session) -> Session:
            return msgspec.structs.replace(session, tags=(*session.tags, tag))

        if name not in self.model:
            with pytest.raises(KeyError):
                self.mine.update(name, tagged)
            return
        self.model[name] = tagged(self.model[name])
        assert self.mine.update(name, tagged) == self.model[name]

    @rule(share=st.integers(0, 3), other=st.booleans())
    def pack(self, share: int, other: bool) -> None:
        (self.other if other else self.mine).pack(above=0, to=share * 1_000)

    @rule(gone=st.sets(st.sampled_from(NAMES)))
    def compact(self, gone: set[str]) -> None:
        self.marks = {name: mark for name, mark in self.marks.items() if name not in gone}
        self.other.compact(self.marks, to=0)

    @rule(kept=st.sets(st.sampled_from(NAMES)))
    def replace_all(self, kept: set[str]) -> None:
        self.model = {name: session for name, session in self.model.items() if name in kept}
        self.marks = {name: mark for name, mark in self.marks.items() if name in kept}
        self.mine.replace_all(self.model.values(), folded=self.marks)

    @rule(name=st.sampled_from(NAMES), episodes=EPISODES, step=st.integers(0, 5))
    def killed(self, name: str, episodes: tuple[Episode, ...], step: int) -> None:
        """A write that ends at one of its steps; the file is the old or the new one, and the next process finds it."""
        known = self.model.get(name)
        seq = known.last_seq + 1 if known else 0
        session, mark = facts.session(name, last_seq=seq, episodes=episodes), FoldMark(size=7, mtime_ns=7, ended=False)
        steps = {"calls": 0, "replaced": 0}

        def dies(act: Callable[..., Any], counts: str = "") -> Callable[..., Any]:
            def acts(*given: Any, **named: Any) -> Any:
                steps["calls"] += 1
                if steps["calls"] > step:
                    raise Killed
                done = act(*given, **named)
                if counts and given[1] == self.path:
                    steps[counts] += 1
                return done

            return acts

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files.os, "replace", dies(os.replace, "replaced"))
            patch.setattr(files.tempfile, "mkstemp", dies(tempfile.mkstemp))
            patch.setattr(files.os, "fsync", dies(lambda _: None))
            try:
                self.mine.put(session, folded={name: mark})
            except Killed:
                self.mine.close()
                self.mine = SessionStore(self.path)
        if steps["replaced"]:
            self.keep(session, mark)

    @rule()
    def reopen(self) -> None:
        self.mine.close()
        self.mine = SessionStore(self.path)

    @invariant()
    def both_hold_what_the_model_holds(self) -> None:
        if not hasattr(self, "folder"):
            return
        newest_first = sorted(self.model.values(), key=lambda s: (s.started.at, s.id), reverse=True)
        for store in (self.mine, self.other):
            assert store.all() == newest_first
            assert store.folded() == self.marks
        for name in NAMES:
            assert self.other.get(name) == self.model.get(name)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here: what is written need not reach the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


FEW = settings(max_examples=25, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck))
TestStore = Store.TestCase
TestStore.settings = FEW


@settings(FEW, max_examples=12)
@given(chosen=st.sets(st.sampled_from(sorted(STORED)), min_size=1), tag=TEXT, to=st.integers(0, 20_000))
def test_documents_of_an_older_schema_are_the_same_in_each_later_one(chosen: set[str], tag: str, to: int) -> None:
    """Schema 1 is read, written as 2, packed as 3, and a copy is kept of each that was replaced."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.json"
        old = {"schema": {"1": {"version": 1}}, "sessions": {name: STORED[name] for name in chosen}, "folded": {}}
        path.write_bytes(msgspec.json.encode(old))
        first = path.read_bytes()
        wanted = {name: msgspec.convert(upgrade.session(STORED[name]), Session) for name in chosen}
        changed = min(chosen)
        with SessionStore(path) as store:
            assert {s.id: s for s in store.all()} == wanted and path.read_bytes() == first, "reading writes nothing"
            wanted[changed] = store.update(changed, lambda s: msgspec.structs.replace(s, tags=(tag,)))
            second = path.read_bytes()
            packed = store.pack(above=0, to=to)
        with SessionStore(path) as store:
            assert {s.id: s for s in store.all()} == wanted
            store.replace_all(store.all())
            assert {s.id: s for s in store.all()} == wanted
        kept = sorted(path.parent.glob("sessions.json.schema-*"))
        assert [each.read_bytes() for each in kept] == [first, *([second] if packed else [])]
