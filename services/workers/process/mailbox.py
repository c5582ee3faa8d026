"""Passes commands, and other reasons to wake up, from the server's thread to the control loop."""

from __future__ import annotations

import queue
import threading

from services.live import protocol
from services.live.protocol import Code
from services.workers.process.server import Received


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
        """All commands that have arrived, stops first."""
        self.wake.clear()
        received = []
        while not self._received.empty():
            received.append(self._received.get())
        return sorted(received, key=lambda r: not isinstance(r.command, protocol.Stop))
