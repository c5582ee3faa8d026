"""Ctrl-C on a verb that started a worker: the first asks the worker for an orderly end, the second detaches."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from services.live import protocol
from services.live.client import Client
from services.live.event_log import is_live

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Handles SIGINT and SIGTERM until `close`. A second signal cancels the task that constructed it."""

    def __init__(self, client: Client, *, ending: str, say: Callable[[str], None], finish: bool = False) -> None:
        """`ending` is printed at the first signal. `finish`: send commands, as a key would, instead of SIGTERM."""
        self.asked = 0
        self._client, self._ending, self._say = client, ending, say
        self._finish = finish
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._interrupt)

    def _interrupt(self) -> None:
        self.asked += 1
        if self.asked == 1:
            self._say(f"{self._ending} (Ctrl-C again detaches)")
            self._ask()
        elif self._task is not None:
            self._loop.call_soon(self._task.cancel)

    def end(self, why: str) -> None:
        """Ask the worker to end, as a first signal does, and print why."""
        if not self.asked:
            self.asked = 1
            self._say(f"{why} (Ctrl-C detaches)")
            self._ask()

    def _ask(self) -> None:
        """Ask the worker to end, by commands or by SIGTERM, as soon as its process is known."""
        welcome, started = self._client.welcome, self._client.snapshot.started
        pid = welcome.pid if welcome else started.pid if started else 0
        if not pid or (self._finish and welcome is None):
            self._later = self._loop.call_later(0.1, self._ask)
        elif self._finish:
            self._client.send(protocol.TakeOver())
            self._client.send(protocol.Finish())
        elif is_live(self._client.run):
            os.kill(pid, signal.SIGTERM)

    def close(self) -> None:
        """Restore the default signal handlers."""
        if self._later is not None:
            self._later.cancel()
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)
