"""A connection to `lab-console there` on a target: requests go out, answers and what is followed come back."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from typing import IO

import msgspec

from services.targets import protocol
from services.targets.ssh import Unreachable, call, why
from services.text import clean
from sessions.target import Target

HELLO_S = 60.0
"""How long the other side may take to greet: `uv run` may build an environment first."""
ANSWER_S = 60.0
LINES_KEPT = 30


class Connection:
    """Open from construction to `close`. Raises Unreachable.

    `receive` gets what is followed, on the reader's thread, and Closed at the end.
    """

    def __init__(self, target: Target, receive: Callable[[protocol.AnyMessage], None] = lambda message: None) -> None:
        self.target = target
        self.closed: Unreachable | None = None
        self._receive = receive
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[protocol.Answer]] = {}
        self._guard = threading.Lock()
        self._greeted: Future[protocol.Hello] = Future()
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        try:
            self._process = subprocess.Popen(
                call(target), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Unreachable(f"{error.filename or 'ssh'} cannot be started: {error.strerror}", lasting=True) from error
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()
        threading.Thread(target=self._read, args=(self._process.stdout,), name="target", daemon=True).start()
        self.hello = self._greet()

    def _greet(self) -> protocol.Hello:
        try:
            hello = self._greeted.result(HELLO_S)
        except NoAnswer:
            self.close()
            raise Unreachable(f"{clean(self.target.place)} did not answer for {HELLO_S:.0f} s", lasting=False) from None
        if hello.protocol != protocol.VERSION:
            self.close()
            raise Unreachable(
                f"lab-console on {clean(self.target.place)} ({hello.versions.get('lab-console', 'unknown')}) speaks "
                "another protocol: install the same version on both",
                lasting=True,
            )
        return hello

    def send(self, request: protocol.Request) -> Future[protocol.Answer]:
        """Ask something; the future gets the answer, or Unreachable."""
        numbered = msgspec.structs.replace(request, id=next(self._ids))
        future: Future[protocol.Answer] = Future()
        with self._guard:
            if self.closed is not None:
                future.set_exception(self.closed)
                return future
            self._waiting[numbered.id] = future
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it ended, or is closed by another thread: the reader says why
            self._process.stdin.write(protocol.encode(numbered))
            self._process.stdin.flush()
        return future

    def ask(self, request: protocol.Request, timeout_s: float | None = ANSWER_S) -> protocol.Answer:
        """Ask, and wait for the answer. Raises Unreachable; a refusal is in the answer."""
        try:
            return self.send(request).result(timeout_s)
        except NoAnswer:
            raise Unreachable(f"{clean(self.target.place)} did not answer in time", lasting=False) from None

    def close(self) -> None:
        """End it; what runs there goes on."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        with suppress(OSError):
            self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the reader's thread --------------------------------------------------------------------------

    def _listen(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._said.append(line.decode(errors="replace"))

    def _read(self, stream: IO[bytes]) -> None:
        with suppress(OSError):
            for line in stream:
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    self._handle(protocol.decode_message(line))
        status = self._process.wait()
        self._listener.join(timeout=2)
        self._fail(why(self.target, status, "".join(self._said)))

    def _handle(self, message: protocol.AnyMessage) -> None:
        match message:
            case protocol.Hello():
                if not self._greeted.done():
                    self._greeted.set_result(message)
            case protocol.Answer(id=number):
                with self._guard:
                    future = self._waiting.pop(number, None)
                if future is not None:
                    future.set_result(message)
            case _:
                self._receive(message)

    def _fail(self, reason: Unreachable) -> None:
        with self._guard:
            self.closed = reason
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            future.set_exception(reason)
        if not self._greeted.done():
            self._greeted.set_exception(reason)
        self._receive(protocol.Closed(why=str(reason), lasting=reason.lasting))
