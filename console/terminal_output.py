"""Output that never waits for the terminal: a thread writes, and whoever paints asks first whether there is room."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import TextIO

from console.flow import QUESTION, Flow

CHUNK = 1024
"""Bytes given to the kernel at once: how long that takes tells how fast the link is."""
LEAVE_S = 1.0
"""Longest wait on leaving, for what must still be written and for answers on their way."""


class TerminalOutput(threading.Thread):
    """Stands in for Textual's WriterThread, whose queue of 30 writes blocks the event loop when it is full.

    An update (`paint`) is written whole or, before it is begun, dropped on leaving. `write` is for what sets the
    terminal up and restores it. Once the terminal is lost, everything is discarded.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(name="textual-output", daemon=True)
        self.flow = Flow()
        self._fd, self._encoding = file.fileno(), file.encoding or "utf-8"
        self._changed = threading.Condition()
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._writing = self._stopped = self._lost = False

    @property
    def ready(self) -> bool:
        """Whether an update would be written, and seen, soon."""
        with self._changed:
            if self._queue or self._writing:
                return False
        return self.flow.ready

    def start(self) -> None:
        """Begin to write; the first question comes before anything large."""
        super().start()
        self.paint("")

    def write(self, text: str) -> None:
        """Write control sequences, whatever is on its way."""
        self._put(text.encode(self._encoding, "replace"), update=False)

    def paint(self, text: str) -> None:
        """Write one update."""
        data = text.encode(self._encoding, "replace")
        asks = self.flow.sent(len(data))
        self._put(data + QUESTION.encode() if asks else data, update=True)

    def flush(self) -> None:
        """Nothing is held back."""

    def stop(self) -> None:
        """Let the thread end; on a dead link it is left behind."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.join(LEAVE_S)

    @property
    def stuck(self) -> bool:
        """Whether, though stopped, it still waits for the terminal: what is printed then would wait as well."""
        return self._stopped and self.is_alive()

    def wind_up(self) -> None:
        """Before the terminal is restored: drop updates that are not begun, wait for answers on their way."""
        self.flow.stop_asking()
        with self._changed:
            self._queue = deque(item for item in self._queue if not item[1])
        give_up = time.monotonic() + LEAVE_S
        while self.flow.owed and not self._lost and time.monotonic() < give_up:
            time.sleep(0.01)

    def _put(self, data: bytes, *, update: bool) -> None:
        with self._changed:
            if not self._lost and data:
                self._queue.append((data, update))
                self._changed.notify_all()

    def run(self) -> None:
        """Write what is put, in order, until stopped."""
        while True:
            with self._changed:
                self._writing = False
                while not self._queue and not self._stopped:
                    self._changed.wait()
                if not self._queue:
                    return
                data, _ = self._queue.popleft()
                self._writing = True
            try:
                self._write(data)
            except OSError:
                self._lost = True
                with self._changed:
                    self._queue.clear()

    def _write(self, data: bytes) -> None:
        at = 0
        began = time.monotonic()
        while at < len(data):
            try:
                size = os.write(self._fd, data[at : at + CHUNK])
            except BlockingIOError:  # another program of this terminal left it non-blocking
                select.select([], [self._fd], [])
                continue
            self.flow.took(size, time.monotonic() - began)
            at += size
            began = time.monotonic()
