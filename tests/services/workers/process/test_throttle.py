"""A flood waits for itself: stops go first, nobody else waits, and nothing over-long gets in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.live import events as ev
from services.live import protocol
from services.live.link import Link
from services.live.protocol import Code
from services.workers.process import mailbox, server, throttle
from services.workers.process.mailbox import Mailbox
from services.workers.process.replies import Received
from services.workers.process.throttle import Bucket
from tests.services.workers.process.test_server import Worker, attach, eventually


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def anna(worker: Worker) -> AsyncIterator[Link]:
    link = await attach(worker)
    yield link
    await link.close()


def connect(worker: Worker) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(worker.run.socket))
    return line


def lines(*commands: protocol.Command) -> bytes:
    return b"".join(map(protocol.encode, commands))


def kinds(worker: Worker) -> list[str]:
    return [type(c).__name__ for c in list(worker.received)]


@contextlib.contextmanager
def flooding(worker: Worker, data: bytes) -> Iterator[socket.socket]:
    """Another console of the same user that sends without end, as fast as the worker reads."""
    line = connect(worker)
    line.setblocking(False)
    loop = asyncio.get_running_loop()

    async def send() -> None:
        while True:
            await loop.sock_sendall(line, data)

    task = loop.create_task(send())
    try:
        yield line
    finally:
        task.cancel()
        line.close()


async def test_a_stop_goes_before_whatever_its_sender_sent_before_it(worker: Worker) -> None:
    notes = [protocol.AddNote(id=n, text="x") for n in range(1, 200)]
    with connect(worker) as line:
        line.sendall(lines(*notes, protocol.Stop(id=900)))
        await eventually(lambda: "Stop" in kinds(worker))
        assert kinds(worker).index("Stop") == 0
        await eventually(lambda: kinds(worker).count("AddNote") == len(notes), 10)


async def test_what_would_move_the_arm_is_taken_back_by_a_stop_that_came_after_it(worker: Worker, anna: Link) -> None:
    first = [anna.send(protocol.AddNote(text="x")) for _ in range(150)]
    moves = [anna.send(protocol.StartTake(take=1)), anna.send(protocol.Follow()), anna.send(protocol.Finish())]
    note = anna.send(protocol.AddNote(text="stays"))
    with connect(worker) as line:
        await asyncio.sleep(0.05)
        line.sendall(lines(protocol.Stop(id=1)))
        answers = await asyncio.gather(*moves)
        assert [a.code for a in answers] == [Code.TOO_SOON] * 3
        await asyncio.gather(*first, note)
    assert {*kinds(worker)} == {"AddNote", "Stop"}
    assert kinds(worker).count("AddNote") == 151


@pytest.mark.parametrize(
    "data",
    [
        lines(protocol.AddNote(text="x")) * 500,
        lines(protocol.Stop()) * 500,
        lines(protocol.Attach(name="x")) * 500,
        lines(protocol.TakeOver()) * 500,
        b"{]\n" * 500,
        b'"' + b"x" * 900_000 + b'"\n',
        lines(protocol.AddNote(text="x" * 900_000)),
    ],
    ids=["notes", "stops", "attachments", "take-overs", "malformed", "long lines", "long notes"],
)
async def test_a_flood_delays_no_stop(worker: Worker, anna: Link, data: bytes) -> None:
    with flooding(worker, data):
        await asyncio.sleep(0.3)
        took = []
        for _ in range(15):
            began = time.perf_counter()
            assert (await anna.ask(protocol.Stop())).ok
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.02)
    assert sorted(took)[len(took) // 2] < 0.05, took


async def test_a_flood_is_obeyed_no_faster_than_its_rate(worker: Worker, anna: Link) -> None:
    with flooding(worker, lines(protocol.AddNote(text="x")) * 100):
        await asyncio.sleep(1.0)
        got = kinds(worker).count("AddNote")
        assert (await anna.ask(protocol.GoToRest())).ok, "others are not held up"
    assert got <= 4 * throttle.PER_CLIENT


async def test_a_crowd_of_connections_does_not_keep_a_stop_out(worker: Worker, anna: Link) -> None:
    crowd = [connect(worker) for _ in range(3 * server.MOST_CLIENTS)]
    try:
        await eventually(lambda: len(worker.server._clients) <= server.MOST_CLIENTS)
        with connect(worker) as line:
            line.settimeout(2)
            line.sendall(lines(protocol.Stop(id=7)))
            assert b'"id":7' in line.recv(4096)
        assert anna.driving, "who drives is never among those who are disconnected"
        assert (await anna.ask(protocol.Follow())).ok
    finally:
        for line in crowd:
            line.close()


async def test_every_stop_of_a_flood_is_answered_and_the_session_sees_few(worker: Worker) -> None:
    with connect(worker) as line:
        line.settimeout(2)
        line.sendall(b"".join(lines(protocol.Stop(id=n)) for n in range(1, 301)))
        heard = b""
        while heard.count(b"\n") < 300:
            heard += line.recv(1 << 16)
    assert kinds(worker).count("Stop") <= 10
    assert heard.count(b'"ok":true') == 300


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (protocol.AddNote(text="x" * 10_001), "the note has 10,001 characters, and a session takes 10,000: shorten it"),
        (protocol.AddNote(text="x", author="a" * 501), "the author has 501 characters"),
        (protocol.SetTag(tag="x" * 900_000), "the tag has 900,000 characters"),
    ],
    ids=["note", "author", "tag"],
)
async def test_a_text_that_is_too_long_is_refused_with_a_sentence(
    worker: Worker, anna: Link, command: protocol.Command, words: str
) -> None:
    answer = await anna.ask(command)
    assert (answer.ok, answer.code) == (False, Code.TOO_LONG) and words in answer.error
    with connect(worker) as line:  # who does not look before
        line.settimeout(2)
        line.sendall(lines(command))
        told = line.recv(1 << 16).decode()
        assert words in told and "too_long" in told
    assert (await anna.ask(protocol.AddNote(text="\x00" * protocol.NOTE_LIMIT))).ok
    assert kinds(worker) == ["AddNote"]


async def test_a_stop_is_obeyed_however_long_its_reason_is(worker: Worker) -> None:
    with connect(worker) as line:
        line.settimeout(2)
        line.sendall(lines(protocol.Stop(id=1, why="x" * 3000)))
        assert b'"ok":true' in line.recv(4096)


async def test_an_event_over_the_limit_costs_nobody_the_connection(worker: Worker, anna: Link) -> None:
    worker.journal.commit(ev.NoteAdded(text="x" * (protocol.LINE_LIMIT + 1)))
    worker.journal.commit(ev.NoteAdded(text="after it"))
    await anna.until(lambda s: len(s.notes) == 2, 20)
    assert anna.connected and not anna.lost
    assert [len(n.text) for n in anna.snapshot.notes] == [protocol.LINE_LIMIT + 1, 8]


def test_one_period_obeys_every_stop_and_few_others() -> None:
    box = Mailbox()
    box.open = True
    every: list[protocol.Command] = [protocol.AddNote(id=n, text="x") for n in range(100)]
    for command in [*every[:50], protocol.Stop(id=200), *every[50:], protocol.Stop(id=201)]:
        box.receive(Received(command, lambda *_: None))
    got: list[list[Any]] = []
    while box.wake.is_set():
        got.append([r.command.id for r in box.drain()])
    assert got[0][:2] == [200, 201]
    assert max(map(len, got)) <= mailbox.AT_ONCE + 2
    assert [n for batch in got for n in batch if n < 200] == list(range(100)), "none is lost, in their order"


def test_a_bucket_lets_two_seconds_worth_pass_and_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    bucket = Bucket(10)
    passed = 0
    for _ in range(500):
        passed += bucket.wait(1) == 0.0
        now += 0.01
    assert 65 <= passed <= 75


async def test_a_client_asks_for_the_pictures_of_a_bench_and_no_more(worker: Worker, anna: Link) -> None:
    sizes = {f"camera{n}": (32, 24) for n in range(5000)} | {"big": (4000, 3000)}
    assert (await anna.ask(protocol.SetPreviews(sizes=sizes))).ok
    (client,) = worker.server._clients.values()
    assert len(client.previews) == server.MOST_PREVIEWS and "big" not in client.previews
