"""Notices, in the trainer, that no step ends any more, and whether data or the update is what does not come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from services.live import events as ev
from services.live.reasons import AlarmSource
from services.units import duration, plural

POLL_S = 2.0
FIRST_S = 300.0
"""Patience with the first step: loaders import LeRobot, and a device compiles."""
LEAST_S = 60.0
TIMES = 20.0
"""Patience with a step: LEAST_S, or so many times what the step before took."""


class StallWatch:
    """Told what the training's thread does; a thread of its own looks at the clock. `patience_s` is for tests."""

    def __init__(
        self, send: Callable[[ev.AlarmRaised | ev.AlarmCleared], None], *, patience_s: float | None = None
    ) -> None:
        self._send, self._patience_s = send, patience_s
        self._doing, self._since = "", time.monotonic()
        self._usual: float | None = None
        self._step = self._loaders = 0
        self._step_began = self._since
        self._alarmed = False
        self._over = threading.Event()

    def start(self, loaders: int) -> None:
        """Look at the clock from now on; so many processes load the data."""
        self._loaders = loaders
        threading.Thread(target=self._watch, name="stall-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def batches(self, loader: Iterator[Any]) -> Iterator[Any]:
        """The loader's batches; the time until each comes is waiting for data, then the update runs."""
        self._enter("data")
        for batch in loader:
            self._enter("update")
            yield batch
            self._enter("data")

    def stepped(self, step: int) -> None:
        """A step is done. What follows it (a log point, a checkpoint, evaluation) may take as long as it likes."""
        now = time.monotonic()
        if self._step:
            self._usual = now - self._step_began
        self._step, self._step_began = step, now
        self._enter("")

    def _enter(self, doing: str) -> None:
        self._doing, self._since = doing, time.monotonic()

    @property
    def _patience(self) -> float:
        if self._patience_s is not None:
            return self._patience_s
        return FIRST_S if self._usual is None else max(LEAST_S, TIMES * self._usual)

    def _watch(self) -> None:
        while not self._over.wait(min(POLL_S, self._patience / 4)):
            doing, waited = self._doing, time.monotonic() - self._since
            stalled = bool(doing) and waited > self._patience
            if stalled is self._alarmed:
                continue
            self._alarmed = stalled
            self._send(self._alarm(doing, waited) if stalled else ev.AlarmCleared(source=AlarmSource.STALLED))

    def _alarm(self, doing: str, waited: float) -> ev.AlarmRaised:
        text = f"step {self._step + 1:,} has computed for {duration(waited)}"
        answer = "look at the device (nvidia-smi); stopping twice kills a trainer that hangs"
        if doing == "data":
            by = f" from {plural(self._loaders, 'process', 'processes')}" if self._loaders else ""
            text = f"no data{by} for {duration(waited)}, step {self._step + 1:,} waits"
            answer = "look at the disk or network that the dataset is on; stopping twice kills a trainer that hangs"
        return ev.AlarmRaised(source=AlarmSource.STALLED, text=text, answer=answer, at=time.time() - waited)
