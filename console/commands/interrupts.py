"""Ctrl-C on a verb that started a worker: the first holds the arm and asks for an orderly end, the second detaches."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from services.live import protocol
from services.live.client import Client
from services.live.event_log import is_live
from services.live.reasons import StopCause

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOP_PATIENCE_S = 0.5
"""How long the arm's stop may take to be answered until the worker is asked to end anyway."""


class Interrupts:
    """Handles SIGINT and SIGTERM until `close`. A second signal cancels the task that constructed it."""

    def __init__(self, client: Client, *, ending: str, say: Callable[[str], None], finish: bool = False) -> None:
        """`ending` is printed at the first signal. `finish`: ask by commands, as a key would, not by SIGTERM."""
        self.asked = 0
        self._client, self._ending, self._say = client, ending, say
        self._finish = finish
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._cause = StopCause.ENDED
        self._due = 0
        """The process that gets SIGTERM next; 0 for none."""
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._interrupt, number)

    def _interrupt(self, number: signal.Signals) -> None:
        self.asked += 1
        if self.asked == 1:
            self._say(f"{self._ending} (Ctrl-C again detaches)")
            self._cause = StopCause.INTERRUPT if number is signal.SIGINT else StopCause.ENDED
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
            self._client.send(protocol.Finish()).add_done_callback(self._answered)
        else:
            self._hold_then_end(pid)

    def _answered(self, answered: asyncio.Future[protocol.Answer]) -> None:
        """Say what a stop was answered; if it was refused, the next signal asks again."""
        if answered.cancelled() or answered.exception() is not None:
            return  # the connection is lost, which the client says
        answer = answered.result()
        if not answer.ok:
            self.asked = 0
            self._say(f"it was not stopped: {answer.error} (Ctrl-C asks again)")
        elif answer.error:
            self._say(answer.error)

    def _hold_then_end(self, pid: int) -> None:
        """Hold the arm, so that a running take counts as stopped; SIGTERM once that was answered, or anyway soon."""
        self._due = pid
        if self._client.welcome is None:
            self._terminate()
            return
        self._later = self._loop.call_later(STOP_PATIENCE_S, self._terminate)
        self._client.send(protocol.Stop(cause=self._cause)).add_done_callback(lambda _: self._terminate())

    def _terminate(self) -> None:
        """Send SIGTERM, once."""
        pid, self._due = self._due, 0
        if pid and is_live(self._client.run):
            os.kill(pid, signal.SIGTERM)

    def close(self) -> None:
        """Restore the default signal handlers; a worker that is to end is asked at once."""
        self._terminate()
        if self._later is not None:
            self._later.cancel()
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)
