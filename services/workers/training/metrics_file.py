"""A training's metrics.jsonl: whole lines, in order, kept in memory while the disk cannot take them."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path


class MetricsFile:
    """Appends lines. `points` counts them, `trouble` says why the last ones are not on disk yet."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._waiting: deque[bytes] = deque()
        self.points = self._whole_lines()
        self.trouble = ""

    def _whole_lines(self) -> int:
        """The lines of a run that goes on; a last one that a killed worker left incomplete is cut."""
        size = os.fstat(self._fd).st_size
        if not size:
            return 0
        data = os.pread(self._fd, size, 0)
        whole = data.rfind(b"\n") + 1
        if whole < size:
            os.ftruncate(self._fd, whole)
        return data.count(b"\n")

    def append(self, line: bytes) -> None:
        """Write this line after those that are still waiting."""
        self.points += 1
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Try to write the waiting lines; a line is in the file as a whole or not at all."""
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
        """Write what can be written and make it durable; if the disk refuses, `trouble` says why."""
        try:
            try:
                self.flush()
                os.fsync(self._fd)
            finally:
                os.close(self._fd)
        except OSError as error:
            self.trouble = error.strerror or str(error)
