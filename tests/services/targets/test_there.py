"""What `lab-console there` does with what arrives, without a connection; test_over_ssh has it over a real one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.refusal import Refusal
from services.targets import protocol, received
from services.targets.fingerprint import fingerprint
from services.targets.ssh import Unreachable
from services.targets.there import There
from services.targets.transfer import Cargo, Stopped, Transfer
from sessions.target import Target


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "there").create()


def arrive(folder: DataFolder, name: str, content: str = "1") -> tuple[str, str]:
    """A folder as rsync leaves it; returns where, and its digest."""
    incoming = f"{received.INCOMING}/{name}"
    (folder.root / incoming / "meta").mkdir(parents=True)
    (folder.root / incoming / "meta" / "info.json").write_text(content)
    return incoming, fingerprint(folder.root / incoming).digest


def test_what_was_begun_is_done_though_the_caller_is_gone(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    incoming, digest = arrive(folder, "cubes-1")
    swap, gone = received._swap, threading.Event()

    def slow(source: Path, final: Path) -> None:
        assert gone.wait(20)
        time.sleep(0.1)
        swap(source, final)

    def lines() -> Iterator[bytes]:
        yield protocol.encode(protocol.Put(id=1, incoming=incoming, path="datasets/cubes", digest=digest))
        gone.set()

    monkeypatch.setattr(received, "_swap", slow)
    said: list[bytes] = []
    There(folder, said.append).serve(lines())
    assert fingerprint(folder.datasets / "cubes").digest == digest, "the process would end before it was moved"
    assert protocol.decode_message(said[-1]) == protocol.Answer(id=1)


def test_what_was_sent_in_part_and_never_gone_on_with_is_removed(folder: DataFolder) -> None:
    for name, days in (("cubes-old", 20), ("cubes-young", 1)):
        incoming, _ = arrive(folder, name, name)
        for path in (folder.root / incoming, *(folder.root / incoming).rglob("*")):
            os.utime(path, (time.time() - days * 86_400,) * 2)
    incoming, digest = arrive(folder, "cubes-new")
    received.put(folder, incoming, "datasets/cubes", digest, replace=False)
    left = {path.name for path in (folder.root / received.INCOMING).iterdir()}
    assert left == {"cubes-young", received.RECEIPTS}
    assert received.look(folder, "datasets/cubes")[1], "its receipt went, too"


class Here:
    """A connection whose other side is this process."""

    def __init__(self, folder: DataFolder, free: int) -> None:
        self.target, self._folder = Target(name="box"), folder
        self.hello = protocol.Hello(
            protocol=protocol.VERSION, versions={}, data_dir=str(folder.root), free=free, at=0.0, rsync=True
        )

    def ask(self, request: protocol.AnyRequest, timeout_s: float = 0) -> protocol.Answer:
        said: list[bytes] = []
        There(self._folder, said.append)._answer(request)
        answer = protocol.decode_message(said[-1])
        assert isinstance(answer, protocol.Answer)
        return answer


def test_a_transfer_that_goes_on_needs_room_for_the_rest_only(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "cubes"
    here.mkdir()
    (here / "one.mp4").write_bytes(os.urandom(1000))
    cargo = Cargo("dataset cubes", here, "datasets/cubes")
    monkeypatch.setattr(Transfer, "_check_tools", lambda self: None)
    monkeypatch.setattr(Transfer, "_rsync", _begins)
    with pytest.raises(Refusal, match="cubes takes 1 kB: free its disk"):
        Transfer(Here(folder, 500)).send(cargo)  # type: ignore[arg-type]
    part = folder.root / received.INCOMING / f"cubes-{fingerprint(here).digest[:12]}" / "one.mp4"
    part.parent.mkdir(parents=True)
    part.write_bytes((here / "one.mp4").read_bytes()[:700])
    with pytest.raises(Unreachable, match="rsync begins"):
        Transfer(Here(folder, 500)).send(cargo)  # type: ignore[arg-type]


def _begins(*_: object) -> None:
    raise Unreachable("rsync begins", lasting=False)


def test_a_transfer_that_is_stopped_while_rsync_starts_ends_it(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "rsync").write_text("#!/bin/sh\nexec sleep 60\n")
    (programs / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    here = tmp_path / "cubes"
    here.mkdir()
    transfer = Transfer(Here(folder, 10**9))  # type: ignore[arg-type]
    monkeypatch.setattr(transfer, "_stopped", _Later())
    began = time.monotonic()
    with pytest.raises(Stopped):
        transfer.send(Cargo("dataset cubes", here, "datasets/cubes"))
    assert time.monotonic() - began < 30


class _Later(threading.Event):
    """Not set when it is asked first, set from then on: stopped in between."""

    def is_set(self) -> bool:
        was = super().is_set()
        self.set()
        return was


def test_what_arrived_is_durable_before_it_has_its_name(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    incoming, digest = arrive(folder, "cubes-1")
    source, final = folder.root / incoming, folder.datasets / "cubes"
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    received.put(folder, incoming, "datasets/cubes", digest, replace=False)
    names = [source / "meta" / "info.json", source / "meta", source, final.parent]
    places = [synced.index(str(path)) for path in names]
    assert places[-1] == max(places), "it had its name before it was on disk"
