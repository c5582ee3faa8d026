"""The worker's socket server: attached consoles, and which of them drives. Runs asyncio on its own thread.

It never blocks the worker: everything is handed to the server's event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.protocol import Code
from services.workers.process.connection import UNREADABLE, Connection
from services.workers.process.replies import Received
from services.workers.process.throttle import FOR_ALL, UNCOUNTED, Bucket, cost

MOST_PREVIEWS = 32
"""Cameras whose pictures one client may ask for."""
MOST_CLIENTS = 64
"""Connections at a time; for another one, who is least missed is disconnected."""
MAY_WAIT = 32
"""New connections that may wait until they are taken."""
CROWD, CROWD_PAUSE_S = 16, 0.002
"""Connections above which each new one is followed by a pause."""
NAME_LIMIT = 80
"""Characters of a console's name."""
CROWD_S = 10.0
"""How often the log says that there are too many connections."""

logger = logging.getLogger(__name__)


class Server:
    """Serves consoles on the run's socket. Calls `receive` and `driver_lost` on the server's thread."""

    def __init__(self, run: RunFolder, *, receive: Callable[[Received], None], driver_lost: Callable[[], None]) -> None:
        self._run = run
        self._receive, self._driver_lost = receive, driver_lost
        self._clients: dict[int, Connection] = {}
        self._for_all = Bucket(FOR_ALL)
        self._crowded_at = -CROWD_S
        self._keys = itertools.count(1)
        self._driver: Connection | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._main, name="server", daemon=True)

    def start(self) -> None:
        """Open the socket. Raises OSError or FolderProblem if it cannot be bound."""
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Close every connection once its data is sent, and remove the socket."""
        if self._failure or not self._thread.is_alive():  # it never opened
            return
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=2)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)

    def publish(self, event: ev.Event) -> None:
        """Send a durable event to every attached console. One over the line limit is read from the file by them."""
        line = protocol.encode(event)
        if len(line) <= protocol.LINE_LIMIT:
            self._schedule(self._broadcast, line)

    def telemetry(self, make: Callable[[dict[str, tuple[int, int]]], protocol.Telemetry]) -> None:
        """Send telemetry; `make` builds it for one client's preview sizes, once per distinct sizes."""
        lines: dict[tuple[tuple[str, tuple[int, int]], ...], bytes] = {}
        for client in list(self._clients.values()):
            if client.quiet or not client.name:
                continue
            sizes = tuple(sorted(client.previews.items()))
            if sizes not in lines:
                lines[sizes] = protocol.encode(make(client.previews))
            self._schedule(client.offer, lines[sizes])

    @property
    def watchers(self) -> int:
        """Attached consoles besides the driver."""
        return sum(1 for c in list(self._clients.values()) if c.name and not c.quiet and c is not self._driver)

    @property
    def driven(self) -> bool:
        """Whether a driver is attached."""
        return self._driver is not None

    def _schedule(self, call: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *args)

    # --- on the server's thread -----------------------------------------------------------------

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            path, listening = self._open()
        except Exception as error:  # `start` waits for it and raises it
            self._failure = error
            return
        finally:
            self._ready.set()
        tasks = [self._loop.create_task(work) for work in (self._watch_driver(), self._accept(listening))]
        self._loop.run_forever()
        listening.close()
        left = asyncio.all_tasks(self._loop)
        for task in (*tasks, *left):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        with suppress(OSError):
            path.unlink()

    def _open(self) -> tuple[Path, socket.socket]:
        path = self._run.socket
        with suppress(FileNotFoundError):
            path.unlink()
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.setblocking(False)
            listening.bind(str(path))
            os.chmod(path, 0o600)
            listening.listen(MAY_WAIT)
        except OSError:
            listening.close()
            raise
        return path, listening

    async def _accept(self, listening: socket.socket) -> None:
        """Take new connections, one at a time, and more slowly where there are many."""
        serving: set[asyncio.Task[None]] = set()
        while True:
            try:
                connection, _ = await self._loop.sock_accept(listening)
                reader, writer = await asyncio.open_unix_connection(sock=connection)
            except OSError as error:  # it is gone already, or this process has no descriptor left
                logger.warning("a connection was not taken: %s", error)
                await asyncio.sleep(0.1)
                continue
            task = self._loop.create_task(self._serve(reader, writer))
            serving.add(task)
            task.add_done_callback(serving.discard)
            if len(self._clients) > CROWD:
                await asyncio.sleep(CROWD_PAUSE_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Connection(next(self._keys), writer)
        self._make_room()
        self._clients[client.key] = client
        obeying = self._loop.create_task(self._obey(client))
        try:
            await client.inbox.fill(reader, partial(self._stop_at_once, client), client.hear)
            await obeying
        except ValueError:  # a line over the limit: say so and let go
            text = f"a line may have {protocol.LINE_LIMIT} bytes; the connection is closed"
            client.answer(0, Code.MALFORMED, text)
        except (OSError, asyncio.CancelledError):  # gone, or this server ends
            pass
        finally:
            obeying.cancel()
            self._drop(client)

    async def _obey(self, client: Connection) -> None:
        """Obey what the client sends, one line a turn of the loop, so that everybody's turn comes."""
        while (line := await client.inbox.next(partial(self._wait, client))) is not None:
            self._handle_line(client, line)
            await asyncio.sleep(0)

    def _wait(self, client: Connection, line: bytes) -> float:
        """Seconds that the line has to wait; 0 and it is counted."""
        price = cost(line)
        free = client is self._driver or (client.inbox.taken < UNCOUNTED and price < 2)
        if not free and (seconds := self._for_all.wait(price)):
            return seconds
        return client.inbox.bucket.wait(price)

    def _make_room(self) -> None:
        """Disconnect a client where there are too many: who said no name, who floods, who watches longest."""
        while len(self._clients) >= MOST_CLIENTS:
            others = [c for c in self._clients.values() if c is not self._driver]
            least = min(others, key=lambda c: (bool(c.name), -c.inbox.held_up, c.quiet, c.key))
            if time.monotonic() - self._crowded_at > CROWD_S:
                self._crowded_at = time.monotonic()
                logger.warning("%d connections: some are disconnected, first %s", len(self._clients), least.label)
            least.writer.transport.abort()
            self._drop(least)

    def _stop_at_once(self, client: Connection, line: bytes) -> bool:
        """Obey a Stop before all that waits; False where the line is none."""
        try:
            command = protocol.decode_command(line)
        except UNREADABLE:
            return False
        if not isinstance(command, protocol.Stop):
            return False
        command = msgspec.structs.replace(command, why=command.why[: protocol.TEXT_LIMIT])
        client.stops.append(command.id)
        if len(client.stops) == 1:  # the others are answered with it
            for other in self._clients.values():
                other.take_back()
            self._receive(Received(command, partial(self._schedule, client.answer_stops)))
        return True

    def _handle_line(self, client: Connection, line: bytes) -> None:
        try:
            command = protocol.decode_command(line)
        except UNREADABLE as error:
            client.answer(_id_of(line), Code.MALFORMED, f"not a command: {error}")
            return
        if words := protocol.too_long(command):
            client.answer(command.id, Code.TOO_LONG, words)
            return
        match command:
            case protocol.Heartbeat():
                pass
            case protocol.Attach():
                self._attach(client, command)
            case protocol.TakeOver():
                client.name = command.name[:NAME_LIMIT] or client.name
                self._pass_control(client)
                client.answer(command.id)
            case protocol.SetPreviews():
                valid = ((name, size) for name, size in command.sizes.items() if _is_valid_size(size))
                client.previews = dict(itertools.islice(valid, MOST_PREVIEWS))
                client.answer(command.id)
            case protocol.Stop() | protocol.AddNote() | protocol.SetTag():
                self._forward(client, command)
            case _ if client is self._driver:
                self._forward(client, command)
            case _ if self._driver is None and client.wants_to_drive:  # e.g. a console that hung for a while
                self._pass_control(client)
                self._forward(client, command)
            case _:
                who = f"{self._driver.name} drives" if self._driver else "nobody drives"
                client.answer(command.id, Code.NOT_DRIVING, f"{who}: a watcher may not ask for this")

    def _forward(self, client: Connection, command: protocol.Command) -> None:
        def answer(code: Code, words: str) -> None:
            self._schedule(client.answer, command.id, code, words)

        self._receive(Received(command, answer))

    def _attach(self, client: Connection, command: protocol.Attach) -> None:
        client.name = command.name[:NAME_LIMIT] or "console"
        client.wants_to_drive, client.quiet = command.drive, command.quiet
        if command.drive and self._driver is None:
            self._pass_control(client)
        else:
            self._welcome(client)
        client.answer(command.id)

    def _pass_control(self, client: Connection | None) -> None:
        self._driver = client
        for other in self._clients.values():
            if other.name:
                self._welcome(other)

    def _welcome(self, client: Connection) -> None:
        if client.quiet:
            return
        driver = self._driver
        welcome = protocol.Welcome(
            session=self._run.id,
            you=client.label,
            driver=driver.name if driver else None,
            driving=client is driver,
            pid=os.getpid(),
        )
        client.send(protocol.encode(welcome))

    def _broadcast(self, line: bytes) -> None:
        for client in list(self._clients.values()):
            if client.name and not client.quiet:
                client.send(line)

    def _drop(self, client: Connection) -> None:
        self._clients.pop(client.key, None)
        with suppress(OSError):
            client.writer.close()
        if client is self._driver:
            self._lose_driver()

    def _lose_driver(self) -> None:
        self._pass_control(None)
        self._driver_lost()

    async def _watch_driver(self) -> None:
        pause = protocol.DRIVER_LOST_S / 5
        while True:
            before = time.monotonic()
            await asyncio.sleep(pause)
            if time.monotonic() - before > 2 * pause:
                continue  # this process was blocked (imports, garbage collection): first read what arrived meanwhile
            driver = self._driver
            if driver and time.monotonic() - driver.last_received > protocol.DRIVER_LOST_S:
                logger.warning("no heartbeat from %s", driver.label)
                self._lose_driver()

    async def _close(self) -> None:
        for client in list(self._clients.values()):
            with suppress(OSError, TimeoutError):
                await asyncio.wait_for(client.writer.drain(), 0.5)
            client.writer.close()
        await asyncio.sleep(0.02)


def _is_valid_size(size: tuple[int, int]) -> bool:
    return 0 < size[0] <= 320 and 0 < size[1] <= 240


def _id_of(line: bytes) -> int:
    """The id of an otherwise malformed command, so that it can be answered; 0 if it has none."""
    with suppress(*UNREADABLE):
        number = msgspec.json.decode(line, type=dict[str, object]).get("id", 0)
        return number if isinstance(number, int) else 0
    return 0
