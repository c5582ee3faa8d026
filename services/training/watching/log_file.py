"""A console log that grows: a file that may be cut or replaced, a pipe, and a path where one is to appear."""

from __future__ import annotations

import os
import select
import stat
import time
from contextlib import suppress
from pathlib import Path

from services.folders import DataFolder
from services.training.watching.console_log import ConsoleLog
from services.training.watching.points import LoggedRun
from services.training.watching.source import Source, open_source

CHUNK = 256 * 1024
"""Bytes parsed at once: some 2,000 lines, whose steps are resolved together. Larger pieces are read more slowly."""
BEGINNING = 2 * 1024 * 1024
"""Bytes after which the first `read` of a file returns, so that a long log is shown while the rest is read."""
MOST_READ = 128 * 1024 * 1024
"""Bytes after which any other does."""


class _Log:
    """What the two share: the parser, and when it heard something."""

    note = ""

    def __init__(self, where: str) -> None:
        self.where = where
        self.over = self.behind = False
        self.heard_at = 0.0
        self.log = ConsoleLog()

    @property
    def runs(self) -> list[LoggedRun]:
        return self.log.runs

    @property
    def last_lines(self) -> tuple[str, ...]:
        return self.log.last_lines

    def finish(self) -> None:
        self.log.end()


class LogFile(_Log):
    """A file, read on from where the last read ended.

    One that shrank is read from its start, one that was replaced (rotated) first to its end; whether the training goes
    on there or another one begins, its lines say.
    """

    def __init__(self, path: Path, where: str = "") -> None:
        super().__init__(where or str(path))
        self._path = path
        self._descriptor = -1
        self._offset = 0
        self._first = True

    def read(self) -> bool:
        grown = False
        if self._descriptor < 0:
            with suppress(FileNotFoundError):
                self._open()
        if self._descriptor >= 0:
            grown = self._read_on()
            if not self.behind and self._replaced():
                while self._read_on():  # what was written between
                    grown = True
                self.close()
                self.log.gap()
                with suppress(FileNotFoundError):
                    self._open()
                    grown |= self._read_on()
        self._first = self._first and self.behind
        return grown

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._offset = 0

    def _read_on(self) -> bool:
        info = os.fstat(self._descriptor)
        if info.st_size < self._offset:
            self._offset = 0
            self.log.gap()
        grown, stop = False, self._offset + (MOST_READ if self._offset else BEGINNING)
        while self._offset < stop and (data := os.pread(self._descriptor, CHUNK, self._offset)):
            self._offset += len(data)
            self.log.feed(data.replace(b"\0", b""), now=0.0 if self._first else time.time())
            grown = True
        self.behind = self._offset >= stop
        if grown:
            self.heard_at = info.st_mtime if self._first else time.time()
        return grown

    def _replaced(self) -> bool:
        """Whether the path leads to another file now."""
        try:
            here, there = os.fstat(self._descriptor), self._path.stat()
        except OSError:
            return False
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Pipe(_Log):
    """Standard input, or a named pipe; over once its writer closes it."""

    def __init__(self, descriptor: int, where: str = "standard input") -> None:
        super().__init__(where)
        self.descriptor = descriptor
        self._plain = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def read(self) -> bool:
        """Read what is there, without waiting."""
        grown = False
        while not self.over and self.ready(0.0):
            data = os.read(self.descriptor, CHUNK)
            if not data:
                self.over = True
                self.log.end()
                return True
            self.log.feed(data, now=0.0 if self._plain else time.time())
            self.heard_at, grown = time.time(), True
        return grown

    def ready(self, seconds: float) -> bool:
        """Wait until there is something to read, or that long."""
        return bool(select.select([self.descriptor], [], [], seconds)[0])

    def close(self) -> None:
        if self.descriptor > 2:
            with suppress(OSError):
                os.close(self.descriptor)


class Awaited:
    """A path where nothing is yet; from then on it is what appeared there."""

    def __init__(self, folder: DataFolder, path: Path) -> None:
        self._folder, self._path = folder, path
        self._found: Source | None = None

    @property
    def where(self) -> str:
        return self._found.where if self._found else str(self._path)

    @property
    def runs(self) -> list[LoggedRun]:
        return self._found.runs if self._found else []

    @property
    def over(self) -> bool:
        return self._found.over if self._found else False

    @property
    def behind(self) -> bool:
        return self._found.behind if self._found else False

    @property
    def heard_at(self) -> float:
        return self._found.heard_at if self._found else 0.0

    @property
    def note(self) -> str:
        return self._found.note if self._found else ""

    @property
    def last_lines(self) -> tuple[str, ...]:
        return self._found.last_lines if self._found else ()

    def read(self) -> bool:
        """Raises Refusal if what appeared is nothing that can be watched."""
        if self._found is None and self._path.exists():
            self._found = open_source(self._folder, str(self._path), wait=True)
        return self._found.read() if self._found else False

    def finish(self) -> None:
        if self._found:
            self._found.finish()

    def close(self) -> None:
        if self._found:
            self._found.close()
