"""A pseudo-terminal behind a slow link: what the program writes passes at so many bytes per second."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from tests.support.terminal import Terminal

TICK_S = 0.02
QUESTION, ANSWER = b"\x1b[5n", b"\x1b[0n"


class SlowTerminal(Terminal):
    """`rate`: bytes per second, 0 for a broken link; `buffer`: what the way holds besides the kernel, as SSH does.

    `answers`: whether it answers a status report, as every real terminal does. The rate may be changed at any time.
    """

    def __init__(self, argv: list[str], *, rate: float, buffer: int = 0, answers: bool = True, **options: Any) -> None:
        self.rate, self.buffer, self.answers = rate, buffer, answers
        self._way, self._has_more = bytearray(), threading.Condition()
        self._asked = bytearray()
        super().__init__(argv, **options)
        if buffer:
            threading.Thread(target=self._absorb, daemon=True).start()

    def _absorb(self) -> None:
        """Take from the program at once, up to `buffer`."""
        while True:
            with self._has_more:
                self._has_more.wait_for(lambda: len(self._way) < self.buffer)
            try:
                data = os.read(self._fd, 4096)
            except OSError:
                return
            with self._has_more:
                self._way += data

    def _take(self, most: int) -> bytes:
        if not self.buffer:
            return os.read(self._fd, most)
        with self._has_more:
            data = bytes(self._way[:most])
            del self._way[:most]
            self._has_more.notify_all()
        return data

    def _drain(self) -> None:
        allowed, last = 0.0, time.monotonic()
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            allowed = min(allowed + self.rate * (now - last), max(1.0, self.rate * 0.1))
            last = now
            if allowed < 1:
                continue
            try:
                data = self._take(int(allowed))
            except OSError:
                return
            allowed -= len(data)
            self._answer(data)
            self._keep(data)

    def _answer(self, data: bytes) -> None:
        self._asked += data
        for _ in range(self._asked.count(QUESTION)):
            if self.answers:
                os.write(self._fd, ANSWER)
        seen = self._asked.rfind(QUESTION)
        del self._asked[: seen + len(QUESTION) if seen >= 0 else max(0, len(self._asked) - len(QUESTION) + 1)]
