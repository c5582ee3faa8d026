"""metrics.jsonl as a training writes it: whole lines, in order, kept in memory while the disk takes none."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path


class MetricsFile:
    """Appends lines. `points` counts those told, `trouble` says why the last ones are not on disk yet."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._waiting: deque[bytes] = deque()
        self.points = 0
        self.trouble = ""

    def append(self, line: bytes) -> None:
        """Write this line after those that still wait."""
        self.points += 1
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Try to write what waits; a line is whole in the file or not in it."""
        self.trouble = ""
        while self._waiting:
            end = os.lseek(self._fd, 0, os.SEEK_END)
            try:
                if os.write(self._fd, self._waiting[0]) < len(self._waiting[0]):
                    raise OSError(0, "the disk is full")
            except OSError as error:
                os.ftruncate(self._fd, end)
                self.trouble = error.strerror or str(error)
                return
            self._waiting.popleft()

    def close(self) -> None:
        """Write what can be written, make it durable; where the disk takes it not, `trouble` says why."""
        try:
            try:
                self.flush()
                os.fsync(self._fd)
            finally:
                os.close(self._fd)
        except OSError as error:
            self.trouble = error.strerror or str(error)
