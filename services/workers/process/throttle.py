"""What one client sends: whole lines, stops first, the rest no faster than a console ever needs.

Whoever floods the worker's socket waits for himself. Nobody else's commands wait for him, and no stop does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from services.live import protocol

CHUNK = 4096
"""Bytes read at once."""
WAITING, WAITING_BYTES = 256, 64 * 1024
"""Lines of one client that may wait, and their bytes; above, its socket is not read until some are obeyed."""
PER_CLIENT, FOR_ALL = 60.0, 240.0
"""Commands a second: of one client, and of all that do not drive. A held key repeats at 30 Hz."""
UNCOUNTED = 5
"""The first commands of a connection do not wait for the others': a console can attach while another one floods."""
STOPS_AT_ONCE = 20
"""Stops in one chunk above which its sender pauses: a held key repeats them one by one."""
PAUSE_S = 0.1
LONG_PAUSE_S = 0.002
"""Between the chunks of a line that is longer than any that a console sends."""
TAKEN_BACK = (
    protocol.Follow, protocol.StartTake, protocol.StartTrial, protocol.GoToRest, protocol.Release, protocol.Finish,
)  # fmt: skip
"""What a stop takes back where it waits still: it was sent before the stop, and would move the arm after it."""
MOVES = re.compile("|".join(kind.__name__ for kind in TAKEN_BACK).encode())
_STOP = b'"Stop"'


class Bucket:
    """Lets `rate` costs a second pass, two seconds' worth at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left, self._at = 2 * rate, time.monotonic()

    def wait(self, cost: float) -> float:
        """Seconds until this may pass; at 0 it has passed, and the next one may have to wait for its cost."""
        now = time.monotonic()
        self._left = min(2 * self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 0:
            return -self._left / self._rate
        self._left -= cost
        return 0.0


def cost(line: bytes) -> float:
    """What a line costs: a command, or more where it is long."""
    return 1 + len(line) / 4096


def looks_like_stop(line: bytes) -> bool:
    """Whether it may be a Stop: few other lines hold the word, and those are decoded once more."""
    return _STOP in line and len(line) < 4096


@dataclass(eq=False)
class Inbox:
    """The lines of one client that wait, oldest first."""

    lines: deque[bytes] = field(default_factory=deque)
    held_up: int = 0
    """How often it had to wait for itself."""
    taken: int = 0
    """Lines that were let through."""
    bucket: Bucket = field(default_factory=lambda: Bucket(PER_CLIENT))
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: list[bytes] = field(default_factory=list)
    _size: int = 0
    _over: bool = False

    async def fill(
        self, reader: asyncio.StreamReader, stop: Callable[[bytes], bool], heard: Callable[[], None]
    ) -> None:
        """Read until the client hangs up. `stop` is given what may be a Stop, and says whether it was one.

        Raises ValueError on a line over the limit, and OSError.
        """
        try:
            while data := await reader.read(CHUNK):
                lines = self._whole(data)
                if lines:
                    heard()
                others = [line for line in lines if not (looks_like_stop(line) and stop(line))]
                for line in others:
                    await self._put(line)
                if len(lines) - len(others) > STOPS_AT_ONCE:
                    await asyncio.sleep(PAUSE_S)
                elif self._size > WAITING_BYTES:
                    await asyncio.sleep(LONG_PAUSE_S)
            if rest := b"".join(self._begun):
                self.lines.append(rest)
        finally:
            self._over = True
            self._more.set()

    def _whole(self, data: bytes) -> list[bytes]:
        """The lines that end in `data`; what begins in it is kept for the next time."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*self._begun, lines[0]))
            self._begun.clear()
        self._begun.append(rest)
        self._size = len(rest) + (0 if lines else self._size)
        if max(self._size, *map(len, lines), 0) > protocol.LINE_LIMIT:
            raise ValueError("a line over the limit")
        return lines

    async def _put(self, line: bytes) -> None:
        self.lines.append(line)
        self._more.set()
        while len(self.lines) > WAITING or sum(map(len, self.lines)) > WAITING_BYTES:
            self._room.clear()
            await self._room.wait()

    async def next(self, passes: Callable[[bytes], float]) -> bytes | None:
        """The next line, once `passes` (seconds that it has to wait) lets it through; None at the end.

        It stays in `lines` until then, so that a stop can still take it back.
        """
        while True:
            while not self.lines:
                if self._over:
                    return None
                self._more.clear()
                await self._more.wait()
            line = self.lines[0]
            seconds = passes(line)
            if not seconds:
                break
            self.held_up += 1
            await asyncio.sleep(seconds)
        self.lines.popleft()
        self.taken += 1
        self._room.set()
        return line
