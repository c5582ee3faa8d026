"""A process that answers questions of this one: started by the first, ended with this process or by `close`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO

from services.text import clean

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Started = tuple[subprocess.Popen[bytes], socket.socket]


def started(module: str, *words: str, errors: IO[bytes], env: Mapping[str, str] | None = None) -> Started:
    """Start a module whose standard input is its connection, as `HelperProcess` takes it. Raises OSError."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *words],
                stdin=theirs.fileno(),
                stdout=errors,
                stderr=errors,
                env=env,
                close_fds=True,
                start_new_session=True,
            )
    except OSError:
        ours.close()
        raise
    return process, ours


class HelperProcess:
    """`start` is called in a thread with the file that the process writes errors to, and raises OSError.

    It returns the process, which leads a group of its own, and our end of its connection. `limit` is the most bytes
    that are read at once.
    """

    def __init__(self, start: Callable[[IO[bytes]], Started], limit: int = 1 << 16) -> None:
        self._start, self._limit = start, limit
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: Streams | None = None
        self._errors: IO[bytes] | None = None
        self.closed = False

    @property
    def pid(self) -> int:
        """The process id, which is its group's; 0 where none runs."""
        return self._process.pid if self._process is not None else 0

    @property
    def left(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    async def streams(self) -> Streams:
        """The connection to the process, which is started if none runs. Raises OSError."""
        return self._streams or await self._launch()

    async def _launch(self) -> Streams:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed by `end`
        try:
            self._process, connection = await asyncio.to_thread(self._start, self._errors)
            self._streams = await asyncio.open_connection(sock=connection, limit=self._limit)
        except BaseException:
            await self.end()
            raise
        if self.closed:  # meanwhile
            await self.end()
            raise ConnectionError("it is closed")
        return self._streams

    def last_line(self) -> str:
        """What the process wrote last before it died; empty if nothing."""
        if self._errors is None:
            return ""
        with suppress(OSError):
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            return clean(lines[-1]) if lines else ""
        return ""

    async def end(self) -> None:
        """Kill it, and all that it started, and wait for its end; the next question starts another."""
        streams, process, errors = self._streams, self._process, self._errors
        self._streams = self._process = self._errors = None
        if streams is not None:
            streams[1].transport.abort()
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        if errors is not None:
            errors.close()

    async def close(self) -> None:
        """End it for good."""
        self.closed = True
        await self.end()
