"""One client of the worker's socket: what is known of it, and delivery to it.

A client that does not read loses telemetry first and then its connection; it can find the missed events in
events.jsonl. Everything here runs on the server's thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from services.live import protocol
from services.live.protocol import Code
from services.workers.process.throttle import MOVES, TAKEN_BACK, Inbox

TELEMETRY_BACKLOG = 128 * 1024
"""A client with more unsent bytes than this gets no telemetry."""
DISCONNECT_BACKLOG = 4 * 1024 * 1024
"""A client with more unsent bytes than this is disconnected."""
UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What decoding a line raises that holds no command."""

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Connection:
    """One connection."""

    key: int
    writer: asyncio.StreamWriter
    name: str = ""
    wants_to_drive: bool = False
    quiet: bool = False
    inbox: Inbox = field(default_factory=Inbox)
    stops: list[int] = field(default_factory=list)
    """Ids of stops that wait for the answer to the first of them."""
    last_received: float = field(default_factory=time.monotonic)
    previews: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The client's name, made unique."""
        return f"{self.name}#{self.key}"

    def hear(self) -> None:
        """Something came from it."""
        self.last_received = time.monotonic()

    def send(self, line: bytes) -> None:
        """Send a line; a client that has not read far too much is disconnected instead."""
        if self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > DISCONNECT_BACKLOG:
            logger.warning("client %s does not read: disconnected", self.label)
            self.writer.transport.abort()
            return
        self.writer.write(line)

    def offer(self, line: bytes) -> None:
        """Send a line that may be lost, unless much is unread."""
        if self.writer.transport.get_write_buffer_size() < TELEMETRY_BACKLOG:
            self.send(line)

    def answer(self, command_id: int, code: Code = Code.OK, words: str = "") -> None:
        """Answer the command of this id."""
        self.send(protocol.encode(protocol.Answer(id=command_id, ok=code is Code.OK, error=words, code=code)))

    def answer_stops(self, code: Code, words: str) -> None:
        """Answer the stops that wait."""
        answered, self.stops = self.stops, []
        answers = (protocol.Answer(id=n, ok=code is Code.OK, error=words, code=code) for n in answered)
        self.send(b"".join(map(protocol.encode, answers)))

    def take_back(self) -> None:
        """Refuse what it sent before a stop, waits still and would move the arm."""
        kept = []
        for line in self.inbox.lines:
            if not MOVES.search(line):
                kept.append(line)
                continue
            command = None
            with suppress(*UNREADABLE):
                command = protocol.decode_command(line)
            if isinstance(command, TAKEN_BACK):
                self.answer(command.id, Code.TOO_SOON, "a stop came: once more, and it is obeyed")
            else:
                kept.append(line)
        if len(kept) < len(self.inbox.lines):
            self.inbox.lines.clear()
            self.inbox.lines.extend(kept)
