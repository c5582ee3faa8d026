"""The stop key's own line to the worker: a connection that only ever asks to hold, from any thread.

It needs no event loop and no free worker: sending never waits, and a watcher thread reads the answers and
says when none comes.
"""

from __future__ import annotations

import itertools
import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from services.folders import RunFolder
from services.live import protocol
from services.live.reasons import StopCause

SILENT_S = 0.2
"""A stop unanswered for this long: tell the operator to cut the power."""
DEAD_S = 1.0
"""A stop unanswered for this long: the worker counts as dead."""

_RETRY_S = 0.25
_RETRY_PRESSED_S = 0.02
_REMEMBERED = 64  # unanswered presses whose times are kept: key repeat must not fill the memory
_REST_BYTES = 1024

logger = logging.getLogger(__name__)

Call = tuple[Callable[[Any], None] | None, float | str]


@dataclass
class Target:
    """The worker that stops go to."""

    path: str
    pid: int
    dead: bool = False


class StopLine:
    """Carries stops to the worker it is aimed at, over a connection of its own.

    `aim`, `disarm` and `stop` may be called from any thread and never wait: not for a worker that hangs,
    not for a full socket. Presses only ever add stops. Everything that is heard is told by callbacks, on
    the watcher thread; they must return soon and never wait for the event loop (`call_soon_threadsafe`,
    not `call_from_thread`):

    - `on_held(ms)`: the worker holds; ms from the press to the answer.
    - `on_refused(error)`: the worker answered, but could not hold.
    - `on_silent(pid)`: no answer within 200 ms (also: nothing listens); once until an answer comes.
    - `on_dead(pid)`: no answer within 1 s; once per `aim`.
    """

    def __init__(
        self,
        *,
        on_held: Callable[[float], None] | None = None,
        on_refused: Callable[[str], None] | None = None,
        on_silent: Callable[[int], None] | None = None,
        on_dead: Callable[[int], None] | None = None,
    ) -> None:
        self.on_held, self.on_refused = on_held, on_refused
        self.on_silent, self.on_dead = on_silent, on_dead
        self._lock = threading.Lock()  # held for non-blocking calls only
        self._target: Target | None = None
        self._socket: socket.socket | None = None
        self._rest = b""  # of a line that the socket took only in part
        self._heard = b""  # of a line that came only in part
        self._ids = itertools.count(1)
        self._attach_id = 0
        self._pressed: dict[int, float] = {}
        self._asked = protocol.Stop()
        self._told_silent = False
        self._retry_at = 0.0
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._watcher: threading.Thread | None = None
        self._closed = False

    @property
    def aimed(self) -> bool:
        """Whether a stop goes anywhere."""
        return self._target is not None

    @property
    def pid(self) -> int | None:
        """The worker that stops go to."""
        target = self._target
        return target.pid if target else None

    def aim(self, run: RunFolder, pid: int) -> None:
        """Send stops to this run's worker from now on, and connect now. The same aim again changes nothing.

        Raises FolderProblem where the socket's folder is not this user's.
        """
        path = str(run.socket)
        with self._lock:
            if self._target and (self._target.path, self._target.pid) == (path, pid):
                return
            self._disconnect()
            self._target = Target(path, pid)
            self._connect()
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="stop-line", daemon=True)
                self._watcher.start()
        self._nudge()

    def disarm(self) -> None:
        """Nothing can move: stops go nowhere, and silence is no alarm."""
        with self._lock:
            self._disconnect()
        self._nudge()

    def stop(self, cause: str) -> None:
        """Ask the worker to hold: written to the socket when this returns, if the socket takes it."""
        now = time.monotonic()
        with self._lock:
            if self._target is None:
                return
            named = StopCause(cause)  # a key that lab.toml adds has a word of its own
            self._asked = protocol.Stop(cause=named) if named.known else protocol.Stop(why=cause)
            number = next(self._ids)
            if len(self._pressed) < _REMEMBERED:
                self._pressed[number] = now
            if not self._send(msgspec.structs.replace(self._asked, id=number)):
                self._connect()  # which sends the stop as well
        self._nudge()

    def close(self) -> None:
        """Let go of everything; the line cannot be aimed again."""
        with self._lock:
            self._disconnect()
            self._closed = True
        self._nudge()
        if self._watcher and self._watcher is not threading.current_thread():
            self._watcher.join()
        self._wake.close()
        self._woken.close()

    # --- with the lock held; nothing here waits ---------------------------------------------------

    def _disconnect(self) -> None:
        self._hang_up()
        self._target, self._told_silent = None, False
        self._pressed.clear()

    def _hang_up(self) -> None:
        """Close the connection; it is opened again soon, sooner when a press waits."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest, self._heard = None, b"", b""
        self._retry_at = time.monotonic() + (_RETRY_PRESSED_S if self._pressed else _RETRY_S)

    def _connect(self) -> None:
        """Open the connection, and repeat what was pressed and not answered."""
        self._hang_up()
        if self._target is None:
            return
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.setblocking(False)
        try:
            line.connect(self._target.path)
        except OSError:  # nothing listens, or (BlockingIOError) a stuck worker's queue is full
            line.close()
            return
        self._socket, self._attach_id = line, next(self._ids)
        self._send(protocol.Attach(id=self._attach_id, name="stop line", drive=False, quiet=True))
        if self._pressed:
            self._send(msgspec.structs.replace(self._asked, id=next(self._ids)))

    def _send(self, command: protocol.Command) -> bool:
        """Hand the line to the socket, or keep it until the socket takes it. False: there is none."""
        if self._socket is None:
            return False
        if len(self._rest) < _REST_BYTES:  # above, stops enough wait already
            self._rest += protocol.encode(command)
        return self._flush()

    def _flush(self) -> bool:
        if self._socket is None:
            return False
        try:
            while self._rest:
                self._rest = self._rest[self._socket.send(self._rest) :]
        except BlockingIOError:
            return True
        except OSError:
            self._hang_up()
            return False
        return True

    def _next_due(self) -> float | None:
        """When the watcher has something to do although nothing is heard."""
        due = [] if self._socket or not self._target else [self._retry_at]
        if self._pressed and self._target:
            since = next(iter(self._pressed.values()))
            due += [] if self._told_silent else [since + SILENT_S]
            due += [] if self._target.dead else [since + DEAD_S]
        return min(due, default=None)

    def _hear(self) -> list[bytes]:
        """The whole lines that came, telemetry and events of a worker that sends them all the same included."""
        if self._socket is None:
            return []
        try:
            data = self._socket.recv(protocol.LINE_LIMIT)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        *lines, rest = (self._heard + data).split(b"\n")
        if data and len(rest) <= protocol.LINE_LIMIT:
            self._heard = rest
        else:
            self._hang_up()
        return lines

    def _settle(self, answer: protocol.Answer) -> list[Call]:
        """What to tell about an answer; it answers every press up to its own."""
        if answer.id in (0, self._attach_id):
            return []
        settled = [number for number in self._pressed if number <= answer.id]
        if not settled:
            return []
        at = self._pressed[settled[-1]]
        for number in settled:
            del self._pressed[number]
        self._told_silent = False
        if answer.ok:
            return [(self.on_held, (time.monotonic() - at) * 1000)]
        return [(self.on_refused, answer.error)]

    def _judge(self) -> list[Call]:
        """What to tell about presses that nobody answered."""
        if not self._pressed or not self._target:
            return []
        calls: list[Call] = []
        waited = time.monotonic() - next(iter(self._pressed.values()))
        if waited >= SILENT_S and not self._told_silent:
            self._told_silent = True
            calls.append((self.on_silent, self._target.pid))
        if waited >= DEAD_S and not self._target.dead:
            self._target.dead = True
            calls.append((self.on_dead, self._target.pid))
        return calls

    # --- the watcher thread -----------------------------------------------------------------------

    def _nudge(self) -> None:
        with suppress(OSError):  # woken already, or closed
            self._wake.send(b"\0")

    def _watch(self) -> None:
        while not self._closed:
            self._wait()
            with self._lock:
                if self._socket is None and time.monotonic() >= self._retry_at:
                    self._connect()
                self._flush()
                answers = [answer for line in self._hear() if (answer := _answer(line))]
                calls = [call for answer in answers for call in self._settle(answer)]
                calls += self._judge()
            for tell, value in calls:
                if tell is not None:
                    _call(tell, value)

    def _wait(self) -> None:
        """Until something is heard, can be sent or is due."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        with self._lock:
            if self._socket is not None:
                poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._rest else 0))
            due = self._next_due()
        poll.poll(None if due is None else max(due - time.monotonic(), 0) * 1000 + 1)
        with suppress(BlockingIOError):
            self._woken.recv(4096)


def _answer(line: bytes) -> protocol.Answer | None:
    with suppress(msgspec.DecodeError):  # a newer worker may say more than we know
        message = protocol.decode_message(line)
        return message if isinstance(message, protocol.Answer) else None
    return None


def _call(tell: Callable[[Any], None], value: float | str) -> None:
    try:
        tell(value)
    except Exception:  # whatever a callback does, the next silence must be told
        logger.exception("a stop line's callback failed")
