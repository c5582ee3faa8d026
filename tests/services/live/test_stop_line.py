"""The stop key's line to a worker: it never waits, it says when nobody answers."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.folders import RunFolder, new_session_id
from services.live import protocol
from services.live.stop_line import DEAD_S, SILENT_S, StopLine
from tests.support.fake_worker import PATIENCE_S, Worker


class Heard:
    """What the line told, in order."""

    def __init__(self) -> None:
        self.facts: queue.Queue[tuple[str, object, float]] = queue.Queue()

    def on(self, name: str) -> Callable[[object], None]:
        return lambda value: self.facts.put((name, value, time.monotonic()))

    def next(self) -> tuple[str, object, float]:
        return self.facts.get(timeout=PATIENCE_S)

    def nothing_for(self, seconds: float) -> bool:
        with suppress(queue.Empty):
            self.facts.get(timeout=seconds)
            return False
        return True


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / new_session_id())


@pytest.fixture
def worker(run: RunFolder) -> Iterator[Worker]:
    worker = Worker(run.socket)
    yield worker
    worker.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def line(heard: Heard) -> Iterator[StopLine]:
    line = StopLine(
        on_held=heard.on("held"),
        on_refused=heard.on("refused"),
        on_silent=heard.on("silent"),
        on_dead=heard.on("dead"),
    )
    yield line
    line.close()


def test_a_stop_arrives_and_its_answer_is_told(line: StopLine, run: RunFolder, worker: Worker, heard: Heard) -> None:
    line.aim(run, 7)
    line.stop("Esc key")
    attach, _ = worker.commands.get(timeout=PATIENCE_S)
    assert isinstance(attach, protocol.Attach)
    assert (attach.name, attach.drive, attach.quiet) == ("stop line", False, True)
    assert worker.stop().cause == "Esc key"
    name, ms, _ = heard.next()
    assert name == "held"
    assert isinstance(ms, float) and 0 < ms < 200


def test_an_answer_to_the_attach_is_no_hold(line: StopLine, run: RunFolder, worker: Worker, heard: Heard) -> None:
    worker.mode = "mute"
    line.aim(run, 7)
    line.stop("x key")
    assert heard.next()[0] == "silent"


def test_silence_is_told_after_200_ms_and_death_after_a_second_once_each(
    line: StopLine, run: RunFolder, worker: Worker, heard: Heard
) -> None:
    worker.mode = "mute"

    def told(pid: int) -> tuple[float, float]:
        """Seconds to what is told of a new target that does not answer."""
        line.aim(run, pid)
        pressed = time.monotonic()
        for _ in range(5):
            line.stop("Esc key")
        silent, dead = heard.next(), heard.next()
        assert [silent[:2], dead[:2]] == [("silent", pid), ("dead", pid)]
        line.stop("Esc key")
        assert heard.nothing_for(0.3)
        return silent[2] - pressed, dead[2] - pressed

    silent, dead = told(7)
    if silent >= SILENT_S + 0.15 or dead >= DEAD_S + 0.15:  # the machine may have been busy elsewhere: once more
        silent, dead = told(8)
    assert SILENT_S <= silent < SILENT_S + 0.15
    assert DEAD_S <= dead < DEAD_S + 0.15


def test_a_late_answer_ends_the_silence(line: StopLine, run: RunFolder, worker: Worker, heard: Heard) -> None:
    worker.mode = "mute"
    line.aim(run, 7)
    line.stop("Esc key")
    assert heard.next()[0] == "silent"
    worker.mode = "hold"
    line.stop("Esc key")
    assert heard.next()[0] == "held"
    assert heard.nothing_for(DEAD_S)
    worker.mode = "mute"
    line.stop("Esc key")
    assert heard.next()[0] == "silent"


def test_a_refusal_is_told_as_such(line: StopLine, run: RunFolder, worker: Worker, heard: Heard) -> None:
    worker.mode = "refuse"
    line.aim(run, 7)
    line.stop("Esc key")
    assert heard.next()[:2] == ("refused", "the bus does not answer")


def test_where_nothing_listens_the_worker_is_silent_then_dead(line: StopLine, run: RunFolder, heard: Heard) -> None:
    line.aim(run, 7)
    line.stop("Esc key")
    assert [heard.next()[0], heard.next()[0]] == ["silent", "dead"]


def test_a_stop_pressed_before_the_worker_listens_is_sent_when_it_does(
    line: StopLine, run: RunFolder, heard: Heard
) -> None:
    line.aim(run, 7)
    line.stop("Esc key")
    late = Worker(run.socket)
    assert late.stop().cause == "Esc key"
    assert heard.next()[0] == "held"
    late.close()


def test_a_broken_connection_is_opened_again(line: StopLine, run: RunFolder, worker: Worker, heard: Heard) -> None:
    line.aim(run, 7)
    line.stop("one")
    assert worker.stop().why == "one"
    assert heard.next()[0] == "held"
    worker.cut()
    line.stop("two")
    assert worker.stop().why == "two"
    assert heard.next()[0] == "held"


def test_a_worker_that_reads_nothing_never_makes_a_press_wait(
    line: StopLine, run: RunFolder, worker: Worker, heard: Heard
) -> None:
    """As a SIGSTOPped worker: the socket takes what it takes, then it is full."""
    worker.mode = "deaf"
    line.aim(run, 7)
    took = []
    for _ in range(20_000):
        before = time.perf_counter()
        line.stop("Esc key")
        took.append(time.perf_counter() - before)
    assert sorted(took)[-3] < 0.1, "a busy machine may stand still twice"
    assert line._unsent  # the socket is full indeed
    assert {heard.next()[0], heard.next()[0]} == {"silent", "dead"}


def test_telemetry_and_events_of_a_talkative_worker_are_read_and_ignored(
    line: StopLine, run: RunFolder, worker: Worker, heard: Heard
) -> None:
    worker.chatter = protocol.encode(protocol.Telemetry(at=1.0)) * 500 + b'{"type": "FromTheFuture"}\nnonsense\n'
    line.aim(run, 7)
    for _ in range(20):
        line.stop("Esc key")
        assert heard.next()[0] == "held"


def test_unaimed_or_disarmed_nothing_is_sent_and_silence_is_no_alarm(
    line: StopLine, run: RunFolder, worker: Worker, heard: Heard
) -> None:
    line.stop("Esc key")
    worker.mode = "mute"
    line.aim(run, 7)
    assert (line.aimed, line.pid) == (True, 7)
    line.stop("Esc key")
    worker.stop()
    line.disarm()
    assert (line.aimed, line.pid) == (False, None)
    line.stop("Esc key")
    assert heard.nothing_for(SILENT_S + 0.2)
    assert not any(isinstance(c, protocol.Stop) for c, _ in list(worker.commands.queue))


def test_aiming_at_another_worker_forgets_the_first(
    line: StopLine, run: RunFolder, worker: Worker, heard: Heard, tmp_path: Path
) -> None:
    worker.mode = "mute"
    line.aim(run, 7)
    line.stop("Esc key")
    worker.stop()
    other = RunFolder(tmp_path / (run.id + "b"))
    rescue = Worker(other.socket)
    line.aim(other, 8)
    line.stop("x key")
    assert rescue.stop().cause == "x key"
    assert heard.next()[0] == "held"
    assert heard.nothing_for(DEAD_S)
    rescue.close()


def test_a_callback_that_fails_silences_nothing(run: RunFolder, heard: Heard) -> None:
    def fail(_pid: int) -> None:
        raise RuntimeError("Event loop is closed")

    line = StopLine(on_silent=fail, on_dead=heard.on("dead"))
    line.aim(run, os.getpid())
    line.stop("Esc key")
    assert heard.next()[0] == "dead"
    line.close()
