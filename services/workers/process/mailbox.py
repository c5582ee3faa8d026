"""Passes commands, and other reasons to wake up, from the server's thread to the control loop."""

from __future__ import annotations

import queue
import threading
from collections import deque

from services.live import protocol
from services.live.protocol import Code
from services.workers.process.replies import Received

AT_ONCE = 16
"""Commands that one period obeys, besides stops."""


class Refused(Exception):
    """A command was refused. The message says why and what to do instead; `code` is the same for programs."""

    def __init__(self, message: str, code: Code = Code.WRONG_PHASE) -> None:
        super().__init__(message)
        self.code = code


class Mailbox:
    """Commands in order of arrival. While `open` is False, before and after the loop runs, nothing can move."""

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.open = False
        self.driver_lost = False
        self.terminate = False
        self.stopped = False
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._waiting: deque[Received] = deque()

    def receive(self, received: Received) -> None:
        """Queue a command, or answer it if the mailbox is closed. Called on the server's thread."""
        if not self.open and not isinstance(received.command, protocol.AddNote | protocol.SetTag):
            if isinstance(received.command, protocol.Stop):
                self.stopped = True  # nothing may move once start-up is over
                received.accept("nothing moves yet")
            else:
                received.refuse("the session is still starting, or it ends: nothing was done", Code.NOT_READY)
            return
        self._received.put(received)
        self.wake.set()

    def lose_driver(self) -> None:
        """Note that the driving console is gone. Called on the server's thread."""
        self.driver_lost = True
        self.wake.set()

    def request_end(self) -> None:
        """Ask the loop to end. Called from a signal handler, so it must not take the lock of `wake`."""
        self.terminate = True

    def drain(self) -> list[Received]:
        """The commands that have arrived: every stop first, then at most AT_ONCE others; the rest wait."""
        self.wake.clear()
        stops: list[Received] = []
        while not self._received.empty():
            received = self._received.get()
            (stops if isinstance(received.command, protocol.Stop) else self._waiting).append(received)
        others = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        if self._waiting:
            self.wake.set()
        return stops + others
