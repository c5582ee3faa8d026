"""Whole lines of a file that grows."""

from __future__ import annotations

from pathlib import Path

MOST = 256 * 1024
"""Bytes that are read at once."""


class Tail:
    """`at` is how far the file was read, in bytes."""

    def __init__(self, path: Path, at: int = 0) -> None:
        self.path, self.at = path, at

    def read(self) -> bytes:
        """The next whole lines, at most MOST bytes unless one is longer; empty if there are none (yet)."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.at)
                data = file.read(MOST)
                while data and b"\n" not in data and (more := file.read(MOST)):
                    data += more
        except OSError:
            return b""
        data = data[: data.rfind(b"\n") + 1]
        self.at += len(data)
        return data
