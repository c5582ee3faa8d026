r"""A stream of bytes as lines of a terminal: `\r` ends one as well, escape sequences go, and none is ever too long."""

from __future__ import annotations

from services.text import without_sequences

LONGEST = 8_192
"""Characters of a line that are looked at; a log line has some hundred. Of a longer one the end is kept."""
CARRIED = 64 * 1024
"""Bytes of an unfinished line that are kept."""


class Lines:
    """Cuts chunks into lines, keeping an unfinished one for the next chunk."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that this chunk completes, without their ends."""
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not cut:
            self._rest = (self._rest + data)[-CARRIED:]
            return []
        whole, self._rest = self._rest + data[:cut], data[cut:][-CARRIED:]
        return _lines(whole)

    def end(self) -> list[str]:
        """What is left, when nothing more will come."""
        rest, self._rest = self._rest, b""
        return _lines(rest) if rest else []


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8", "replace")
    lines = text.replace("\r", "\n").split("\n")
    if len(text) > LONGEST:
        lines = [line if len(line) <= LONGEST else line[-LONGEST:] for line in lines]
    return [without_sequences(line) for line in lines] if "\x1b" in text else lines
