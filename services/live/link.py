"""The console's end of a session: attach to a worker, send it commands, receive its events and telemetry."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress

import msgspec

from services.folders import FolderProblem, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.event_log import is_live, read_events
from services.live.launch import exit_status
from services.live.snapshots import Snapshot, advance, replay

Answered = asyncio.Future[protocol.Answer]

DETACHED = "detached"


class LinkLost(Exception):
    """There is no connection to the worker (any more); the message says why."""


class Link:
    """A connection to a session's worker, on the running asyncio loop.

    Reads the events file, then once more anything added until the worker knew of this console; from the socket only
    higher sequence numbers apply. So no event is missed, and none applied twice. Callbacks run on the loop; only the
    newest telemetry is kept. A broken link stays lost; `services.live.client.Client` re-attaches.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        name: str,
        drive: bool = True,
        on_event: Callable[[ev.Event, Snapshot], None] | None = None,
        on_telemetry: Callable[[protocol.Telemetry], None] | None = None,
        on_welcome: Callable[[protocol.Welcome], None] | None = None,
        on_lost: Callable[[str], None] | None = None,
    ) -> None:
        self.run = run
        self.snapshot = Snapshot()
        self.welcome: protocol.Welcome | None = None
        self.telemetry: protocol.Telemetry | None = None
        self.lost = ""
        self.dead = False
        """Whether attaching failed because the session is over, or its worker started and vanished."""
        self._name, self._drive = name, drive
        self._on_event, self._on_telemetry = on_event, on_telemetry
        self._on_welcome, self._on_lost = on_welcome, on_lost
        self._ids = itertools.count(1)
        self._attached_by = 0
        self._size_read = 0
        self._attached = self._closed = False
        self._answers: dict[int, asyncio.Future[protocol.Answer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    @property
    def driving(self) -> bool:
        """Whether this console drives the session (others watch)."""
        return self.welcome is not None and self.welcome.driving

    @property
    def may_command(self) -> bool:
        """Whether commands are obeyed: this console drives, or no console does and its next command makes it drive."""
        return self.driving or (self._drive and self.welcome is not None and self.welcome.driver is None)

    @property
    def driver(self) -> str:
        """The name of the driving console, raw; empty if none drives."""
        return (self.welcome.driver or "") if self.welcome else ""

    @property
    def connected(self) -> bool:
        """Whether the socket is open."""
        return self._writer is not None and not self.lost

    async def attach(self, patience_s: float = 5.0) -> Snapshot:
        """Connect (a worker just launched gets `patience_s` to open its socket) and return the state.

        Raises LinkLost if no worker answers, at once if none can, and if the events cannot be read; the snapshot then
        holds what could be read.
        """
        reader = await self._connect(patience_s)
        try:
            self._read_events()
        except OSError as error:
            self._disconnect()
            raise LinkLost(f"the events of session {self.run.id} cannot be read: {error.strerror or error}") from error
        self._attached = True
        self._tasks = [
            asyncio.create_task(self._read(reader), name="link-read"),
            asyncio.create_task(self._send_heartbeats(), name="link-heartbeat"),
        ]
        return self.snapshot

    async def _connect(self, patience_s: float) -> asyncio.StreamReader:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + patience_s
        while True:
            try:
                path = str(self.run.socket)
                reader, writer = await asyncio.open_unix_connection(path, limit=protocol.LINE_LIMIT)
                if self._closed:
                    writer.close()
                    raise LinkLost(DETACHED)
                self._writer = writer
                self._attached_by = next(self._ids)
                self._write(protocol.Attach(id=self._attached_by, name=self._name, drive=self._drive))
                return reader
            except FolderProblem as problem:
                raise LinkLost(str(problem)) from problem
            except OSError as error:
                self.dead = self._cannot_answer()
                if self._closed:
                    raise LinkLost(DETACHED) from error
                if self.dead or loop.time() > give_up:
                    raise LinkLost(self._why_no_answer()) from error
                await asyncio.sleep(0.05)

    def _cannot_answer(self) -> bool:
        """Whether the session is over, or its worker started and vanished. Updates the snapshot from the events."""
        exited = exit_status(self.run) is not None
        with suppress(OSError):
            self._read_events()
        begun = self.snapshot.started is not None
        return not self.snapshot.running or exited or (begun and not is_live(self.run))

    def _why_no_answer(self) -> str:
        if not self.snapshot.running and self.snapshot.end_reason:
            return self.snapshot.end_reason
        status = exit_status(self.run)
        if status is not None and self.snapshot.started is None:
            return f"the worker of session {self.run.id} ended before its first event (exit status {status})"
        return f"no worker answers for session {self.run.id}"

    async def _read(self, reader: asyncio.StreamReader) -> None:
        why = "the worker closed the connection"
        try:
            while line := await reader.readline():
                with suppress(msgspec.DecodeError):  # a newer worker may send other messages
                    self._handle(protocol.decode_message(line))
        except (OSError, ValueError) as error:
            why = f"the connection broke: {error}"
        self._disconnect()
        with suppress(OSError):
            self._catch_up()
        self._connection_lost(why)

    def _handle(self, message: protocol.AnyMessage) -> None:
        if isinstance(message, protocol.Telemetry):
            self.telemetry = message
            if self._on_telemetry:
                self._on_telemetry(message)
        elif isinstance(message, protocol.Answer):
            if message.id == self._attached_by and self._events_size() != self._size_read:
                self._catch_up()
            future = self._answers.pop(message.id, None)
            if future and not future.done():
                future.set_result(message)
        elif isinstance(message, protocol.Welcome):
            self.welcome = message
            if self._on_welcome:
                self._on_welcome(message)
        elif not message.seq or message.seq > self.snapshot.last_seq:  # 0: valid, but not on disk, such as a full one
            self._apply_next(message)
        self._changed.set()

    def _apply_next(self, event: ev.Event) -> None:
        """Apply an event; first read the file if one before it was not sent, because it exceeds the line limit."""
        if event.seq > self.snapshot.last_seq + 1:
            with suppress(OSError):
                self._catch_up()
        if not event.seq or event.seq > self.snapshot.last_seq:
            self._apply(event)

    def _apply(self, event: ev.Event) -> None:
        self.snapshot = advance(self.snapshot, event)
        if self._on_event:
            self._on_event(event, self.snapshot)

    def _read_events(self) -> None:
        """Before the first attachment load the whole state, later apply only new events. Raises OSError."""
        self._size_read = self._events_size()
        if self._attached:
            self._catch_up()
        else:
            self.snapshot = replay(read_events(self.run.events))

    def _catch_up(self) -> None:
        """Apply the events on disk that did not arrive through the socket."""
        for event in read_events(self.run.events):
            if event.seq > self.snapshot.last_seq:
                self._apply(event)

    def _events_size(self) -> int:
        try:
            return self.run.events.stat().st_size
        except OSError:
            return 0

    def _disconnect(self) -> None:
        """Close the connection; answers still awaited fail with LinkLost."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        answers, self._answers = self._answers, {}
        for future in answers.values():
            if not future.done():
                future.set_exception(LinkLost("the connection broke before the worker answered"))

    def _connection_lost(self, why: str) -> None:
        """The connection is gone, and the events on disk are applied."""
        self.lost = why
        self._changed.set()
        if self._on_lost:
            self._on_lost(why)

    async def _send_heartbeats(self) -> None:
        while self.connected:
            if self.driving:
                self._write(protocol.Heartbeat())
            await asyncio.sleep(protocol.HEARTBEAT_S)

    def _write(self, command: protocol.Command) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(protocol.encode(command))

    def send(self, command: protocol.Command) -> asyncio.Future[protocol.Answer]:
        """Send a command now; the future gets its answer, or LinkLost."""
        numbered = msgspec.structs.replace(command, id=next(self._ids))
        future: asyncio.Future[protocol.Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda f: f.cancelled() or f.exception())  # no warning if the caller ignores it
        if not self.connected:
            future.set_exception(LinkLost(self.lost or "not attached"))
            return future
        if words := protocol.too_long(command):
            refused = protocol.Answer(id=numbered.id, ok=False, error=words, code=protocol.Code.TOO_LONG)
            future.set_result(refused)
            return future
        self._answers[numbered.id] = future
        self._write(numbered)
        return future

    async def ask(self, command: protocol.Command, timeout_s: float = 5.0) -> protocol.Answer:
        """Send a command and wait for its answer; without one, return a refusal with code NO_ANSWER."""
        try:
            return await asyncio.wait_for(self.send(command), timeout_s)
        except TimeoutError:
            return _unanswered(f"the worker did not answer within {timeout_s:g} s")
        except LinkLost as lost:
            return _unanswered(str(lost))

    async def until(self, condition: Callable[[Snapshot], bool], timeout_s: float | None = None) -> Snapshot:
        """Wait until the state fulfils `condition`. Raises TimeoutError, or LinkLost if the connection breaks first."""
        async with asyncio.timeout(timeout_s):
            while not condition(self.snapshot):
                if self.lost:
                    raise LinkLost(self.lost)
                self._changed.clear()
                await self._changed.wait()
        return self.snapshot

    async def close(self) -> None:
        """Detach; the worker keeps running."""
        self._closed, self.lost = True, self.lost or DETACHED
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        writer = self._writer
        self._disconnect()
        if writer is not None:
            with suppress(OSError):
                await writer.wait_closed()


def _unanswered(why: str) -> protocol.Answer:
    return protocol.Answer(id=0, ok=False, error=why, code=protocol.Code.NO_ANSWER)
