"""The trainer's connection to its supervisor: sends messages, receives requests to stop."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

from services.live import events as ev
from services.live.phases import Phase
from services.workers.training.messages import HURRY, Message, encode


class Channel:
    """Sends from any thread. When the connection breaks, the supervisor is gone and this process exits."""

    def __init__(self, connection: socket.socket, *, leave: Callable[[int], None] = os._exit) -> None:
        self._socket, self._leave = connection, leave
        self._sending = threading.Lock()
        self._stop_received = threading.Condition()
        self._stops = 0
        self.hurried_at: float | None = None
        """When (monotonic) the end was requested by SIGTERM, which leaves no time to wait for long."""
        threading.Thread(target=self._listen, name="stop-requests", daemon=True).start()

    def send(self, message: Message) -> None:
        """Send a message now."""
        try:
            with self._sending:
                self._socket.sendall(encode(message))
        except OSError:
            self._leave(1)

    def progress(self, detail: str) -> None:
        """Report what happens before the first step."""
        self.send(ev.PhaseChanged(phase=Phase.STARTING.value, detail=detail))

    @property
    def stop_requested(self) -> bool:
        """Whether to save a checkpoint and end."""
        return self._stops > 0

    @property
    def stop_now(self) -> bool:
        """Whether to end now, without a checkpoint."""
        return self._stops > 1

    def wait(self, seconds: float) -> bool:
        """Wait, until another request to stop comes; returns whether to end now."""
        with self._stop_received:
            known = self._stops
            self._stop_received.wait_for(lambda: self.stop_now or self._stops > known, seconds)
        return self.stop_now

    def _listen(self) -> None:
        try:
            with self._socket.makefile("rb") as requests:
                for request in requests:
                    with self._stop_received:
                        if request == HURRY:
                            self.hurried_at = time.monotonic()
                        self._stops += 1
                        self._stop_received.notify_all()
        except OSError:
            pass
        self._leave(1)
