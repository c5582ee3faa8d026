"""The trainer's end of the line to its supervisor: facts out, the word to stop in."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

from services.live import events as ev
from services.live.snapshots import Phase
from services.workers.training.messages import Told, encode


class Channel:
    """Facts go out from any thread. When the line breaks the supervisor is gone, and this process goes too."""

    def __init__(self, channel: socket.socket, *, leave: Callable[[int], None] = os._exit) -> None:
        self._channel, self._leave = channel, leave
        self._sending = threading.Lock()
        self._heard = threading.Condition()
        self._stops = 0
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def tell(self, told: Told) -> None:
        """Send it now."""
        try:
            with self._sending:
                self._channel.sendall(encode(told))
        except OSError:
            self._leave(1)

    def progress(self, detail: str) -> None:
        """Say what happens before the first step."""
        self.tell(ev.PhaseChanged(phase=Phase.STARTING.value, detail=detail))

    @property
    def asked_to_stop(self) -> bool:
        """Whether a checkpoint and then the end are wanted."""
        return self._stops > 0

    @property
    def told_twice(self) -> bool:
        """Whether the end is wanted now, without the checkpoint."""
        return self._stops > 1

    def wait(self, seconds: float) -> bool:
        """Wait for the second word to stop; whether it came."""
        give_up = time.monotonic() + seconds
        with self._heard:
            while not self.told_twice and (left := give_up - time.monotonic()) > 0:
                self._heard.wait(left)
        return self.told_twice

    def _listen(self) -> None:
        try:
            while words := self._channel.recv(4096):
                with self._heard:
                    self._stops += words.count(b"\n")
                    self._heard.notify_all()
        except OSError:
            pass
        self._leave(1)
