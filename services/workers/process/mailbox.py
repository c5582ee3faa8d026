"""From the server's thread to the control loop: commands, and what else should wake it."""

from __future__ import annotations

import queue
import threading

from services.live import protocol
from services.live.protocol import Code
from services.workers.process.server import Received


class Refused(Exception):
    """A command that is not obeyed: why, and what to do instead; `code` says it to whoever sent the command."""

    def __init__(self, words: str, code: Code = Code.WRONG_PHASE) -> None:
        super().__init__(words)
        self.code = code


class Mailbox:
    """Commands in order of arrival. Before the loop runs and after it, `open` is False and nothing can move."""

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.open = False
        self.driver_lost = False
        self.terminate = False
        self.stopped = False
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()

    def receive(self, received: Received) -> None:
        """Called on the server's thread."""
        if not self.open and not isinstance(received.command, protocol.AddNote | protocol.SetTag):
            if isinstance(received.command, protocol.Stop):
                self.stopped = True  # and nothing may move when the start is over
                received.accept("nothing moves yet")
            else:
                received.refuse("the session is still starting, or it ends: nothing was done", Code.NOT_READY)
            return
        self._received.put(received)
        self.wake.set()

    def lose_driver(self) -> None:
        """Called on the server's thread when the driving console is gone."""
        self.driver_lost = True
        self.wake.set()

    def ask_to_end(self) -> None:
        """Called from the signal handler of SIGTERM: it may not take the lock of `wake`, which the loop may hold."""
        self.terminate = True

    def drain(self) -> list[Received]:
        """What has arrived, stops first."""
        self.wake.clear()
        received = []
        while not self._received.empty():
            received.append(self._received.get())
        return sorted(received, key=lambda r: not isinstance(r.command, protocol.Stop))
