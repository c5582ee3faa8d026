"""Takes the terminal's answers out of its input: Textual does not know them and would make keys of them."""

from __future__ import annotations

from console.flow import ANSWER, Flow

HOLD_S = 0.025
"""How long the beginning of an answer may wait for its rest; stop keys were looked for before."""


class Answers:
    """Between the terminal and Textual's parser, in the input thread. Times in s."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._kept = b""
        self._kept_at = 0.0

    def feed(self, data: bytes, now: float) -> bytes:
        """The input without answers; what may be the beginning of one is kept back."""
        data = self._kept + data
        if not self._kept:
            self._kept_at = now
        self._kept = b""
        for _ in range(data.count(ANSWER)):
            self._flow.answered()
        data = data.replace(ANSWER, b"")
        if self._flow.awaits:
            kept = next((n for n in (3, 2, 1) if data.endswith(ANSWER[:n])), 0)
            data, self._kept = data[: len(data) - kept], data[len(data) - kept :]
        return data

    def expire(self, now: float) -> bytes:
        """What was kept back for too long; it was no answer."""
        if self._kept and now - self._kept_at >= HOLD_S:
            kept, self._kept = self._kept, b""
            return kept
        return b""
