"""A session as a console sees it: attached again while its worker lives, closed and told about when it does not."""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.live import protocol
from services.live.client import Client
from services.live.event_log import EventLog, read_events
from services.live.link import LinkLost
from services.live.snapshots import Snapshot, replay
from sessions.models import SessionStatus
from tests.support.fake_desk import FakeWorker
from tests.support.runs import ended, make_folder, session_id, started, write_run

SOON_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


class Ears:
    """What a client calls."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.reattached: list[str] = []
        self.lost: list[str] = []

    def on_event(self, event: ev.Event, _: Snapshot) -> None:
        self.events.append(event)

    @property
    def takes(self) -> list[int]:
        return [event.take for event in self.events if isinstance(event, ev.TakeStarted)]


Attach = Callable[..., Awaitable[tuple[Client, Ears]]]


@pytest.fixture
async def attach() -> AsyncIterator[Attach]:
    made: list[Client] = []

    async def attach(worker: FakeWorker, *, name: str = "anna", drive: bool = True) -> tuple[Client, Ears]:
        ears = Ears()
        client = Client(
            worker.run, name=name, drive=drive, on_event=ears.on_event, on_reattached=ears.reattached.append,
            on_lost=ears.lost.append,
        )  # fmt: skip
        made.append(client)
        await client.attach()
        await eventually(lambda: client.welcome is not None)
        return client, ears

    yield attach
    for client in made:
        await client.close()


@pytest.fixture
async def worker(folder: DataFolder) -> AsyncIterator[FakeWorker]:
    made = await FakeWorker(folder).start()
    yield made
    await made.stop()


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.01)


def cut(worker: FakeWorker) -> None:
    """The connections break; the worker lives and listens."""
    for writer, _ in worker._clients:
        writer.transport.abort()
    worker._clients.clear()
    worker._driver = None


# --- the connection breaks ----------------------------------------------------------------------


async def test_it_attaches_again_misses_nothing_and_drives_as_before(worker: FakeWorker, attach: Attach) -> None:
    client, ears = await attach(worker)
    worker.tell(ev.TakeStarted(take=1))
    await client.until(lambda s: s.take == 1, SOON_S)
    cut(worker)
    worker.tell(ev.TakeStarted(take=2))
    state = await client.until(lambda s: s.take == 2, SOON_S)
    assert state.running and client.live
    await eventually(lambda: ears.reattached)
    worker.tell(ev.TakeStarted(take=3))
    await client.until(lambda s: s.take == 3, SOON_S)
    assert ears.takes == [1, 2, 3] and ears.lost == [] and not client.lost
    await eventually(lambda: client.driving)
    assert (await client.ask(protocol.GoToRest())).ok


async def test_who_watched_attaches_again_without_taking_the_wheel(worker: FakeWorker, attach: Attach) -> None:
    await attach(worker)
    watcher, ears = await attach(worker, name="bo")
    assert not watcher.may_command and watcher.driver == "anna"
    cut(worker)
    await eventually(lambda: ears.reattached and watcher.welcome is not None)
    assert not watcher.may_command
    attached = [command for command in worker.heard_of(protocol.Attach) if command.name == "bo"]
    assert [command.drive for command in attached] == [True, False]


async def test_who_took_over_drives_again_after_another_break(worker: FakeWorker, attach: Attach) -> None:
    await attach(worker)
    client, ears = await attach(worker, name="bo")
    cut(worker)
    await eventually(lambda: ears.reattached and client.welcome is not None)
    assert (await client.ask(protocol.TakeOver())).ok
    await eventually(lambda: client.driving)
    cut(worker)
    await eventually(lambda: len(ears.reattached) == 2)
    attached = [command for command in worker.heard_of(protocol.Attach) if command.name == "bo"]
    assert [command.drive for command in attached] == [True, False, True]


async def test_who_closes_before_the_worker_listens_never_reaches_it(folder: DataFolder) -> None:
    worker = FakeWorker(folder)
    called: list[object] = []
    client = Client(worker.run, name="anna", on_welcome=called.append, on_lost=called.append)
    attaching = asyncio.create_task(client.attach(SOON_S))
    await asyncio.sleep(0.2)
    await client.close()
    await worker.start()
    with pytest.raises(LinkLost, match="detached"):
        await attaching
    await asyncio.sleep(0.2)
    assert not worker.heard_of(protocol.Attach) and not called and not client.connected
    await worker.stop()


async def test_a_session_that_finished_before_anybody_came_is_over_and_not_lost(folder: DataFolder) -> None:
    run = write_run(folder, session_id(1), started(session_id(1)), ended())
    lost: list[str] = []
    with pytest.raises(LinkLost):
        await Client(run, name="anna", on_lost=lost.append).attach()
    assert lost == [""]


async def test_a_command_that_was_not_answered_is_not_sent_again(worker: FakeWorker, attach: Attach) -> None:
    client, ears = await attach(worker)
    worker.mute.add(protocol.Follow)
    answer = client.send(protocol.Follow())
    await eventually(lambda: worker.heard_of(protocol.Follow))
    cut(worker)
    with pytest.raises(LinkLost, match="before the worker answered"):
        await asyncio.wait_for(answer, SOON_S)
    await eventually(lambda: ears.reattached)
    assert len(worker.heard_of(protocol.Follow)) == 1


async def test_who_closes_while_it_attaches_again_is_left_in_peace(worker: FakeWorker, attach: Attach) -> None:
    client, ears = await attach(worker)
    cut(worker)
    await eventually(lambda: not client.connected)
    await client.close()
    await asyncio.sleep(0.2)
    assert not client.connected and not ears.reattached and not ears.lost
    assert len(worker.heard_of(protocol.Attach)) == 1


# --- the worker is gone -------------------------------------------------------------------------


async def test_a_vanished_worker_gets_its_end_and_its_last_words_are_told(worker: FakeWorker, attach: Attach) -> None:
    client, ears = await attach(worker)
    worker.run.log.write_text("loading\nValueError: no such joint\n")
    waiting = asyncio.ensure_future(client.until(lambda s: s.take == 7))
    await worker.stop()
    await eventually(lambda: ears.lost)
    assert ears.lost == ["the worker closed the connection"] and client.gone and not client.live
    assert client.last_words == ("loading", "ValueError: no such joint")
    assert client.snapshot.status is SessionStatus.CRASHED
    assert replay(read_events(worker.run.events)).status is SessionStatus.CRASHED
    with pytest.raises(LinkLost):
        await waiting


@pytest.mark.parametrize("status", [SessionStatus.FINISHED, SessionStatus.ABORTED, SessionStatus.CRASHED])
async def test_a_session_that_tells_its_end_is_over_and_not_lost(
    worker: FakeWorker, attach: Attach, status: SessionStatus
) -> None:
    client, ears = await attach(worker)
    worker.run.log.write_text("the arm does not answer\n")
    worker.end(status, "why")
    await eventually(lambda: ears.lost)
    await worker.stop()
    await eventually(lambda: not client.connected)
    assert ears.lost == [""] and client.snapshot.status is status and client.snapshot.end_reason == "why"
    assert client.last_words == (() if status is SessionStatus.FINISHED else ("the arm does not answer",))
    assert [type(event) for event in read_events(worker.run.events)].count(ev.SessionEnded) == 1


async def test_an_end_that_another_process_writes_is_waited_for(folder: DataFolder) -> None:
    run = write_run(folder, session_id(1), started(session_id(1)))
    client = Client(run, name="anna")
    busy = threading.Event()

    def close_slowly() -> None:
        with EventLog(run) as log:
            busy.set()
            time.sleep(0.5)
            log.append(ev.SessionEnded(status=SessionStatus.CRASHED, reason="said by another"))

    client.dead = True  # found out just before
    other = threading.Thread(target=close_slowly)
    other.start()
    await asyncio.to_thread(busy.wait)
    assert (await client.read_end()).end_reason == "said by another"
    other.join()


async def test_an_end_that_cannot_be_written_is_no_reason_to_fail(worker: FakeWorker, attach: Attach) -> None:
    client, ears = await attach(worker)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (worker.run.events.stat().st_size, before[1]))
    try:
        await worker.stop()
        await eventually(lambda: ears.lost)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert client.gone and not client.live and client.snapshot.running


# --- attaching fails ----------------------------------------------------------------------------


async def fails(client: Client, match: str, *, patience_s: float = SOON_S) -> float:
    """How long the failure took."""
    began = time.monotonic()
    with pytest.raises(LinkLost, match=match):
        await client.attach(patience_s)
    await client.close()
    return time.monotonic() - began


async def test_a_worker_that_is_dead_is_not_waited_for(folder: DataFolder) -> None:
    run, lost = write_run(folder, session_id(1), started(session_id(1))), list[str]()
    client = Client(run, name="anna", on_lost=lost.append)
    assert await fails(client, "no worker answers") < SOON_S / 2
    assert len(lost) == 1 and client.gone and client.snapshot.status is SessionStatus.CRASHED


async def test_a_worker_that_ended_before_anybody_came_tells_why(folder: DataFolder) -> None:
    run = write_run(folder, session_id(1), started(session_id(1)), ended(SessionStatus.ABORTED))
    client = Client(run, name="anna")
    assert await fails(client, "finished by the operator") < SOON_S / 2
    assert client.snapshot.status is SessionStatus.ABORTED


async def test_a_worker_that_lives_and_does_not_answer_is_not_gone(folder: DataFolder) -> None:
    run = write_run(folder, session_id(1), started(session_id(1)))
    with EventLog(run):
        client = Client(run, name="anna")
        await fails(client, "no worker answers", patience_s=0.2)
        assert not client.gone and client.snapshot.running and client.last_words == ()
        assert len(read_events(run.events)) == 1


async def test_a_worker_that_still_loads_is_waited_for(folder: DataFolder) -> None:
    worker = FakeWorker(folder)
    client = Client(worker.run, name="anna")
    attaching = asyncio.ensure_future(client.attach(SOON_S))
    await asyncio.sleep(0.2)
    await worker.start()
    assert (await attaching).started is not None
    await client.close()
    await worker.stop()


async def test_events_that_cannot_be_read_are_said(worker: FakeWorker) -> None:
    worker.run.events.unlink()
    worker.run.events.mkdir()
    client = Client(worker.run, name="anna")
    await fails(client, f"the events of session {worker.run.id} cannot be read: Not a file")
    assert not client.gone and not client.connected


async def test_what_is_over_can_be_read_without_attaching(folder: DataFolder) -> None:
    run = write_run(folder, session_id(1), started(session_id(1)))
    run.log.write_text("killed\n")
    client = Client(run, name="anna")
    state = await client.read_end()
    assert state.status is SessionStatus.CRASHED and client.last_words == ("killed",)
