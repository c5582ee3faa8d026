"""The stop key's separate connection to the worker: it only ever asks to hold, from any thread.

It needs no event loop: sending never waits, and a watcher thread reads the answers and reports when none comes.
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
_PRESSES_KEPT = 64  # unanswered presses whose times are kept: key repeat must not fill the memory
_UNSENT_BYTES = 1024

logger = logging.getLogger(__name__)

Call = tuple[Callable[[Any], None] | None, float | str]


@dataclass
class Target:
    """The worker that stops go to."""

    path: str
    pid: int
    dead: bool = False


class StopLine:
    """Carries stops to the worker it is aimed at, over a separate connection.

    `aim`, `disarm` and `stop` may be called from any thread and never wait, neither for a hung worker nor for a
    full socket. Presses only ever add stops. Results arrive in callbacks on the watcher thread; they must return
    soon and never wait for the event loop (`call_soon_threadsafe`, not `call_from_thread`):

    - `on_held(ms)`: the worker holds; ms from the press to the answer.
    - `on_refused(error)`: the worker answered, but could not hold.
    - `on_silent(pid)`: no answer within 200 ms, or nothing listens; once until an answer comes.
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
        self._unsent = b""  # lines, or parts of them, that the socket has not taken yet
        self._received = b""  # the start of a line whose end has not arrived yet
        self._ids = itertools.count(1)
        self._attach_id = 0
        self._pressed: dict[int, float] = {}
        self._last_stop = protocol.Stop()
        self._silence_reported = False
        self._retry_at = 0.0
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._watcher: threading.Thread | None = None
        self._closed = False

    @property
    def aimed(self) -> bool:
        """Whether stops have a target."""
        return self._target is not None

    @property
    def pid(self) -> int | None:
        """The worker that stops go to."""
        target = self._target
        return target.pid if target else None

    def aim(self, run: RunFolder, pid: int) -> None:
        """Send stops to this run's worker from now on, and connect now. Repeating the same aim changes nothing.

        Raises FolderProblem if the socket's folder is not this user's.
        """
        path = str(run.socket)
        with self._lock:
            if self._target and (self._target.path, self._target.pid) == (path, pid):
                return
            self._drop_target()
            self._target = Target(path, pid)
            self._connect()
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="stop-line", daemon=True)
                self._watcher.start()
        self._wake_watcher()

    def disarm(self) -> None:
        """Drop the target, since nothing can move: stops go nowhere, and no silence is reported."""
        with self._lock:
            self._drop_target()
        self._wake_watcher()

    def stop(self, cause: str) -> None:
        """Ask the worker to hold; the request is written to the socket on return, if the socket takes it."""
        now = time.monotonic()
        with self._lock:
            if self._target is None:
                return
            named = StopCause(cause)  # a key that lab.toml adds is not among them
            self._last_stop = protocol.Stop(cause=named) if named.known else protocol.Stop(why=cause)
            number = next(self._ids)
            if len(self._pressed) < _PRESSES_KEPT:
                self._pressed[number] = now
            if not self._send(msgspec.structs.replace(self._last_stop, id=number)):
                self._connect()  # which sends the stop as well
        self._wake_watcher()

    def close(self) -> None:
        """Disconnect for good; the line cannot be aimed again."""
        with self._lock:
            self._drop_target()
            self._closed = True
        self._wake_watcher()
        if self._watcher and self._watcher is not threading.current_thread():
            self._watcher.join()
        self._wake.close()
        self._woken.close()

    # --- with the lock held; nothing here waits ---------------------------------------------------

    def _drop_target(self) -> None:
        self._disconnect()
        self._target, self._silence_reported = None, False
        self._pressed.clear()

    def _disconnect(self) -> None:
        """Close the connection; it is retried soon, sooner if a press is unanswered."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._unsent, self._received = None, b"", b""
        self._retry_at = time.monotonic() + (_RETRY_PRESSED_S if self._pressed else _RETRY_S)

    def _connect(self) -> None:
        """Open the connection, and repeat an unanswered stop."""
        self._disconnect()
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
            self._send(msgspec.structs.replace(self._last_stop, id=next(self._ids)))

    def _send(self, command: protocol.Command) -> bool:
        """Write the command to the socket, or queue it until the socket takes it. False if there is no socket."""
        if self._socket is None:
            return False
        if len(self._unsent) < _UNSENT_BYTES:  # above that, enough stops are queued already
            self._unsent += protocol.encode(command)
        return self._flush()

    def _flush(self) -> bool:
        if self._socket is None:
            return False
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            self._disconnect()
            return False
        return True

    def _next_due(self) -> float | None:
        """When (monotonic time) the watcher must act even if nothing arrives; None if it need not."""
        due = [] if self._socket or not self._target else [self._retry_at]
        if self._pressed and self._target:
            since = next(iter(self._pressed.values()))
            due += [] if self._silence_reported else [since + SILENT_S]
            due += [] if self._target.dead else [since + DEAD_S]
        return min(due, default=None)

    def _receive(self) -> list[bytes]:
        """The whole lines that arrived, including telemetry and events of a worker that ignores `quiet`."""
        if self._socket is None:
            return []
        try:
            data = self._socket.recv(protocol.LINE_LIMIT)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        *lines, rest = (self._received + data).split(b"\n")
        if data and len(rest) <= protocol.LINE_LIMIT:
            self._received = rest
        else:
            self._disconnect()
        return lines

    def _match_answer(self, answer: protocol.Answer) -> list[Call]:
        """The callbacks for an answer, which also answers every earlier press."""
        if answer.id in (0, self._attach_id):
            return []
        settled = [number for number in self._pressed if number <= answer.id]
        if not settled:
            return []
        at = self._pressed[settled[-1]]
        for number in settled:
            del self._pressed[number]
        self._silence_reported = False
        if answer.ok:
            return [(self.on_held, (time.monotonic() - at) * 1000)]
        return [(self.on_refused, answer.error)]

    def _check_silence(self) -> list[Call]:
        """The callbacks for presses that are still unanswered."""
        if not self._pressed or not self._target:
            return []
        calls: list[Call] = []
        waited = time.monotonic() - next(iter(self._pressed.values()))
        if waited >= SILENT_S and not self._silence_reported:
            self._silence_reported = True
            calls.append((self.on_silent, self._target.pid))
        if waited >= DEAD_S and not self._target.dead:
            self._target.dead = True
            calls.append((self.on_dead, self._target.pid))
        return calls

    # --- the watcher thread -----------------------------------------------------------------------

    def _wake_watcher(self) -> None:
        with suppress(OSError):  # already woken, or closed
            self._wake.send(b"\0")

    def _watch(self) -> None:
        while not self._closed:
            self._wait()
            with self._lock:
                if self._socket is None and time.monotonic() >= self._retry_at:
                    self._connect()
                self._flush()
                answers = [answer for line in self._receive() if (answer := _answer(line))]
                calls = [call for answer in answers for call in self._match_answer(answer)]
                calls += self._check_silence()
            for callback, value in calls:
                if callback is not None:
                    _call(callback, value)

    def _wait(self) -> None:
        """Wait until something arrives, can be sent or is due."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        with self._lock:
            if self._socket is not None:
                poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            due = self._next_due()
        poll.poll(None if due is None else max(due - time.monotonic(), 0) * 1000 + 1)
        with suppress(BlockingIOError):
            self._woken.recv(4096)


def _answer(line: bytes) -> protocol.Answer | None:
    with suppress(msgspec.DecodeError):  # a newer worker may send other messages
        message = protocol.decode_message(line)
        return message if isinstance(message, protocol.Answer) else None
    return None


def _call(callback: Callable[[Any], None], value: float | str) -> None:
    try:
        callback(value)
    except Exception:  # the watcher must survive whatever a callback raises
        logger.exception("a stop line's callback failed")
