"""The process that reads a policy's training data dies, hangs or talks nonsense: not checked, and nobody waits."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from services.checkpoints.checkpoint import ACTION, JOINTS, Checkpoint, Provenance
from services.datasets.cameras import IMAGES
from services.evaluation.preflight.facts import Setting
from services.helper_process import Started, started
from services.live import events as ev
from services.live.requests import EvalRequest
from services.workers.inference.protocol import Loaded
from services.workers.preflight import reading
from services.workers.preflight.preflight import DataReading, Preflight
from services.workers.preflight.reading import LENGTH, LONGEST, DataRead, EpisodeRead, PicturesShown, Table, Wanted
from services.workers.preflight.recorded_frames import Differs, Shown, frames_to_ask
from services.workers.preflight.training_data import Episode, TrainingData, Unreachable
from sessions.bench import Profile
from sessions.preflight import Level

PERIOD_S = 1 / 30
WANTED = Wanted(episode=0, camera="top", width=4, height=3, frames=(0,))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that were started, each of which was stopped at once, as one that hangs in a decoder."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **how: Any) -> Started:
        process, connection = started(*words, **how)
        process.send_signal(signal.SIGSTOP)
        processes.append(process)
        return process, connection

    monkeypatch.setattr(reading, "started", start)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[bytes], by: signal.Signals) -> None:
    process.send_signal(by)
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(("by", "says"), [(signal.SIGKILL, "memory"), (signal.SIGSEGV, "SIGSEGV")])
def test_a_process_that_dies_in_the_middle_leaves_not_checked_and_the_loop_its_period(
    tmp_path: Path, stopped: list[subprocess.Popen[bytes]], by: signal.Signals, says: str
) -> None:
    (tmp_path / "data/meta").mkdir(parents=True)
    known = Provenance(dataset_root=str(tmp_path / "data"))
    begun = DataReading(Checkpoint(path=tmp_path, policy="act", provenance=known), Shown({}, {}), str(tmp_path))
    begun.start()
    request = EvalRequest(data_dir="/d", profile=Profile(robot={}), checkpoint="c", task="t", dataset="rollout_c")
    source: Any = SimpleNamespace(policy=SimpleNamespace(loaded=None))
    preflight = Preflight(request, [(source, begun)], Setting())

    def period() -> tuple[ev.PreflightMade | None, float]:
        since = time.monotonic()
        made = preflight.step({}, {})
        took = time.monotonic() - since
        time.sleep(0.005)
        return made, took

    periods = [period() for _ in range(40)]
    assert not any(made for made, _ in periods), "it hangs"
    assert median(took for _, took in periods) < PERIOD_S / 4
    (process,) = stopped
    ended(process, by)
    until = time.monotonic() + 20
    while (made := period()[0]) is None:
        assert time.monotonic() < until, "it does not end"
    unreached = made.checks[0]
    assert (unreached.name, unreached.level) == ("training data", Level.UNCHECKED)
    assert "the process that reads its training data died" in unreached.found and says in unreached.found
    assert not [check for check in made.checks if check.name.startswith("camera") and check.level is Level.GOOD]


def test_a_process_that_hangs_is_killed_when_its_time_is_up(
    stopped: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READING_S", 0.2)
    with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"):
        reading.read(Path("/d"), (), ())
    assert stopped[0].returncode == -signal.SIGKILL


def test_recorded_frames_whose_process_cannot_start_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: str, **__: Any) -> Started:
        raise BlockingIOError(11, "too many processes")

    monkeypatch.setattr(reading, "started", start)
    values = np.zeros((9, 1), np.float32)
    known = TrainingData(Path("/d"), 30.0, [Episode(0, {JOINTS: values, ACTION: values})], {})
    features: dict[str, dict[str, Any]] = {ACTION: {"shape": (1,)}, IMAGES + "top": {"shape": (3, 4, 3)}}
    loaded = Loaded(policy="act", device="cpu", parameters=1, chunked=True, steps=2, chunk=4)
    with pytest.raises(Differs, match=r"cannot be started: .*too many processes"):
        frames_to_ask(
            known, Checkpoint(path=Path("/c"), policy="act"), Shown(features, {IMAGES + "top": IMAGES + "top"}), loaded
        )


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(LENGTH) + message


def data(values: Table) -> bytes:
    read = DataRead(fps=30.0, episodes=(EpisodeRead(0, {"action": values}),), names={}, tasks=(), looks={}, unseen={})
    return framed(reading.encode(read))


def shown(*pictures: bytes) -> bytes:
    return framed(reading.encode(PicturesShown(found=tuple((memoryview(each),) for each in pictures))))


def read() -> object:
    return reading.read(Path("/d"), (), ())


def show() -> object:
    return reading.show(Path("/d"), [WANTED])


@pytest.mark.parametrize(
    ("asks", "says"),
    [
        (read, (LONGEST + 1).to_bytes(LENGTH)),
        (read, framed(b"\xc1nonsense")),
        (read, framed(msgspec.msgpack.encode({"type": "DataRead", "fps": "often"}))),
        (read, shown(bytes(36))),
        (read, data(Table(9, 6, memoryview(bytes(8))))),
        (show, data(Table(1, 1, memoryview(bytes(4))))),
        (show, shown(bytes(35))),
        (show, shown()),
    ],
)
def test_an_answer_that_is_nonsense_is_not_checked(
    monkeypatch: pytest.MonkeyPatch, asks: Callable[[], object], says: bytes
) -> None:
    def start(*_: str, **__: Any) -> Started:
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(["sleep", "60"], stdin=theirs.fileno())
        theirs.sendall(says)
        theirs.close()
        return process, ours

    monkeypatch.setattr(reading, "started", start)
    with pytest.raises(Unreachable, match="answered what is not understood"):
        asks()


def test_the_process_ends_where_its_worker_is_gone() -> None:
    argv = [sys.executable, "-P", "-m", reading.SERVE, str(1 << 22)]
    ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (1, b""), "it asks nobody, and says nothing"


def test_what_reads_the_data_loads_neither_torch_nor_lerobot() -> None:
    code = f"import sys, {reading.SERVE}; print({{'torch', 'lerobot', 'cv2'}} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, timeout=30, check=True)
    assert said.stdout.strip() == b"set()", os.fsdecode(said.stdout)
