"""The worker's socket: commands are answered, nothing malformed harms, one drives and others watch."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.folders import RunFolder, new_session_id
from services.live import events as ev
from services.live import protocol
from services.live.event_log import EventLog, LogBusy
from services.live.link import Link, LinkLost
from services.live.phases import Phase
from services.workers.process.journal import Journal
from services.workers.process.replies import Received
from services.workers.process.server import Server
from sessions.models import SessionKind
from tests.support.facts import SessionStatus, started


class Worker:
    """Journal and server as every worker has them, with nothing behind."""

    def __init__(self, root: Path) -> None:
        self.run = RunFolder(root / new_session_id())
        self.run.root.mkdir(parents=True)
        self.received: list[protocol.Command] = []
        self.lost_drivers = 0
        self.server = Server(self.run, receive=self._receive, driver_lost=self._lose)
        self.journal = Journal(EventLog(self.run), self.server.publish)
        self.journal.commit(started(self.run.id, kind=SessionKind.BENCH, pid=os.getpid()))
        self.server.start()

    def _receive(self, received: Received) -> None:
        self.received.append(received.command)
        received.accept()

    def _lose(self) -> None:
        self.lost_drivers += 1

    def close(self) -> None:
        self.server.stop()
        self.journal.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path)
    yield made
    made.close()


async def attach(worker: Worker, name: str = "anna", **options: Any) -> Link:
    link = Link(worker.run, name=name, **options)
    await link.attach()
    await eventually(lambda: link.welcome is not None)
    return link


async def eventually(condition: Any, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def anna(worker: Worker) -> AsyncIterator[Link]:
    link = await attach(worker)
    yield link
    await link.close()


async def test_the_socket_is_private(worker: Worker) -> None:
    assert stat.S_IMODE(worker.run.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(worker.run.socket.parent.stat().st_mode) == 0o700


async def test_a_command_is_answered_by_its_id_and_reaches_the_session(worker: Worker, anna: Link) -> None:
    answer = await anna.ask(protocol.GoToRest())
    assert answer.ok
    assert [type(c).__name__ for c in worker.received] == ["GoToRest"]


async def test_the_second_console_watches_until_it_takes_over(worker: Worker, anna: Link) -> None:
    bo = await attach(worker, "bo")
    assert (anna.driving, bo.driving) == (True, False)
    refused = await bo.ask(protocol.Follow())
    assert not refused.ok
    assert refused.error == "anna drives: a watcher may not ask for this", "a service knows no keys"
    assert refused.code is protocol.Code.NOT_DRIVING
    assert not worker.received
    assert (await bo.ask(protocol.TakeOver(name="Bo Berg"))).ok
    await eventually(lambda: bo.driving and not anna.driving and anna.driver == "Bo Berg")
    assert not (await anna.ask(protocol.Follow())).ok
    await bo.close()


async def test_what_happens_before_the_worker_knows_of_a_console_reaches_it_all_the_same(worker: Worker) -> None:
    register = worker.server._attach

    def later(client: Any, command: protocol.Attach) -> None:
        worker.server._loop.call_later(0.2, register, client, command)

    worker.server._attach = later  # type: ignore[method-assign]
    told: list[ev.Event] = []
    link = Link(worker.run, name="anna", on_event=lambda event, _: told.append(event))
    await link.attach()
    worker.journal.commit(ev.TakeStarted(take=1))  # after the file was read, before the worker sends this console any
    assert (await link.until(lambda s: s.take == 1, 5)).take == 1
    worker.journal.emit(ev.TakeStarted(take=2))
    await link.until(lambda s: s.take == 2, 20)
    assert [e.take for e in told if isinstance(e, ev.TakeStarted)] == [1, 2]
    await link.close()


async def test_anyone_may_stop(worker: Worker, anna: Link) -> None:
    bo = await attach(worker, "bo", drive=False)
    assert (await bo.ask(protocol.Stop())).ok
    assert isinstance(worker.received[0], protocol.Stop)
    await bo.close()


async def test_a_driver_that_closes_its_socket_is_missed(worker: Worker, anna: Link) -> None:
    await anna.close()
    await eventually(lambda: worker.lost_drivers == 1)


async def test_a_driver_without_heartbeat_is_missed_and_drives_again_by_its_next_command(worker: Worker) -> None:
    reader, writer = await asyncio.open_unix_connection(str(worker.run.socket))
    writer.write(protocol.encode(protocol.Attach(id=1, name="hung")))
    await eventually(lambda: worker.lost_drivers == 1)
    writer.write(protocol.encode(protocol.Follow(id=2)))
    await eventually(lambda: any(isinstance(c, protocol.Follow) for c in worker.received))
    writer.close()
    assert reader is not None


BAD_LINES = [
    b"\n",
    b"not json\n",
    b'{"type":"Fly","id":7}\n',
    b'{"type":"StartTake","id":7}\n',
    b'{"type":"StartTake","id":7,"take":"one"}\n',
    b'{"id":7}\n',
    b'["Stop"]\n',
    b'{"type":"Follow","id":"seven"}\n',
    b"\xff\xfe\x00\n",
    b'{"type":' + b"[" * 5000 + b"\n",
]


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
async def test_a_line_that_is_no_command_is_answered_and_harms_nothing(worker: Worker, anna: Link, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(worker.run.socket))
    writer.write(line)
    answer = json.loads(await asyncio.wait_for(reader.readline(), 2))
    assert (answer["type"], answer["ok"]) == ("Answer", False)
    assert "not a command" in answer["error"]
    assert answer["code"] == protocol.Code.MALFORMED
    writer.close()
    assert (await anna.ask(protocol.Stop())).ok
    assert [type(c).__name__ for c in worker.received] == ["Stop"]


async def test_the_id_of_a_malformed_command_comes_back(worker: Worker) -> None:
    reader, writer = await asyncio.open_unix_connection(str(worker.run.socket))
    writer.write(b'{"type":"StartTake","id":7,"take":"one"}\n')
    assert json.loads(await reader.readline())["id"] == 7
    writer.close()


async def test_a_line_over_the_limit_ends_that_connection_only(worker: Worker, anna: Link) -> None:
    reader, writer = await asyncio.open_unix_connection(str(worker.run.socket))
    writer.write(b"x" * (protocol.LINE_LIMIT + 10) + b"\n")
    said = await asyncio.wait_for(reader.read(), 20)
    assert b"bytes" in said
    writer.close()
    assert (await anna.ask(protocol.Stop())).ok


async def test_a_training_of_fifty_thousand_episodes_reaches_whoever_watches(worker: Worker, anna: Link) -> None:
    started = ev.TrainingStarted(
        policy="act", output_dir="/lab", steps=1, batch_size=1, device="cpu", parameters=1, frames=1,
        episodes=tuple(range(50_000)), episodes_total=50_000, config={"policy": {"dim_model": 512}},
    )  # fmt: skip
    assert len(protocol.encode(started)) < protocol.LINE_LIMIT / 2
    worker.journal.emit(started)
    state = await anna.until(lambda s: s.training is not None, 20)
    assert state.training is not None and len(state.training.started.episodes) == 50_000
    late = Link(worker.run, name="late")
    assert (await late.attach()).training == state.training
    worker.journal.emit(ev.TakeStarted(take=1))
    assert await late.until(lambda s: s.take == 1, 20)
    await late.close()
    assert not anna.lost


async def test_events_told_before_and_after_attaching_are_seen_once_each(worker: Worker) -> None:
    for number in range(50):
        worker.journal.emit(ev.TakeStarted(take=number + 1))
    seen: list[int] = []
    link = Link(worker.run, name="late", on_event=lambda e, s: seen.append(e.seq))
    attaching = asyncio.create_task(link.attach())
    for number in range(50, 100):
        worker.journal.emit(ev.TakeStarted(take=number + 1))
        await asyncio.sleep(0)
    await attaching
    await link.until(lambda s: s.take == 100, 20)
    assert link.snapshot.last_seq == 101
    assert seen == sorted(set(seen))
    await link.close()


async def test_a_client_that_does_not_read_loses_telemetry_and_delays_nobody(worker: Worker, anna: Link) -> None:
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(worker.run.socket))
    deaf.sendall(protocol.encode(protocol.Attach(name="deaf", drive=False)))
    await eventually(lambda: worker.server.watchers == 1)
    picture = protocol.Telemetry(at=0.0, cameras={"wrist": protocol.CameraView(rgb=b"x" * 60_000)})
    began = time.monotonic()
    for number in range(200):  # 16 MB, far more than a socket buffers
        worker.server.telemetry(lambda sizes: picture)
        worker.journal.emit(ev.TakeStarted(take=number + 1))
        await asyncio.sleep(0)
    await anna.until(lambda s: s.take == 200, 20)
    assert time.monotonic() - began < 10
    assert (await anna.ask(protocol.Stop())).ok
    deaf.close()


async def test_a_quiet_connection_gets_answers_only(worker: Worker) -> None:
    reader, writer = await asyncio.open_unix_connection(str(worker.run.socket))
    writer.write(protocol.encode(protocol.Attach(id=1, name="stop line", drive=False, quiet=True)))
    assert json.loads(await reader.readline())["type"] == "Answer"
    worker.journal.commit(ev.TakeStarted(take=1))
    worker.server.telemetry(lambda sizes: protocol.Telemetry(at=0.0))
    writer.write(protocol.encode(protocol.Stop(id=2)))
    answer = json.loads(await asyncio.wait_for(reader.readline(), 2))
    assert (answer["type"], answer["id"]) == ("Answer", 2)
    writer.close()


async def test_preview_sizes_are_each_client_s_own(worker: Worker, anna: Link) -> None:
    await anna.ask(protocol.SetPreviews(sizes={"wrist": (60, 44), "mad": (100_000, 1)}))
    asked: list[Any] = []

    def make(sizes: dict[str, tuple[int, int]]) -> protocol.Telemetry:
        asked.append(dict(sizes))
        return protocol.Telemetry(at=0.0)

    worker.server.telemetry(make)
    assert asked == [{"wrist": (60, 44)}]


async def test_the_end_of_the_worker_is_told_with_everything_that_went_before(worker: Worker, anna: Link) -> None:
    worker.journal.commit(ev.PhaseChanged(phase="idle"))
    worker.journal.commit(ev.SessionEnded(status=SessionStatus.FINISHED, reason="done"))
    state = await anna.until(lambda s: not s.running, 20)
    assert (state.phase, state.end_reason) == (Phase.ENDED, "done")


async def test_attaching_where_no_worker_answers_is_said(tmp_path: Path) -> None:
    link = Link(RunFolder(tmp_path / "none"), name="x")
    with pytest.raises(LinkLost, match="no worker answers"):
        await link.attach(patience_s=0.1)
    answer = await link.ask(protocol.Stop())
    assert not answer.ok


async def test_only_one_process_at_a_time_may_append(worker: Worker) -> None:
    with pytest.raises(LogBusy):
        EventLog(worker.run)
