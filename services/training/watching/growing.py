"""Binary files that grow by records, several of them in turn."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from services.training.watching.points import LoggedRun
from sessions.files import opened

CHUNK = 8 * 1024 * 1024
MOST_HELD = 512 * 1024 * 1024


class GrowingFiles(ABC):
    """A source of files, read in their order; more may be added. `damaged`: something in them could not be read."""

    note = ""

    def __init__(self, paths: Sequence[Path], where: str = "") -> None:
        self.where = where or (str(paths[0]) if paths else "")
        self.runs: list[LoggedRun] = []
        self.over = self.behind = False
        self.damaged = False
        self.heard_at = 0.0
        self._paths = list(paths)
        self._offsets: dict[Path, int] = {}
        self._first = True

    @property
    def last_lines(self) -> tuple[str, ...]:
        return ()

    def add(self, paths: Sequence[Path]) -> None:
        """Read these as well, those that are new."""
        self._paths += [path for path in paths if path not in self._paths]

    @abstractmethod
    def parse(self, path: Path, data: bytes, offset: int) -> int:
        """Take the whole records at the beginning of `data`, which is at `offset` in the file; returns their bytes."""

    def settle(self) -> bool:
        """Nothing came for a while: what waits for more is whole. Returns whether anything did."""
        return False

    def read(self) -> bool:
        grown = False
        for path in self._paths:
            try:
                grown |= self._read(path)
            except FileNotFoundError:
                continue
        self._first = False
        return grown or self.settle()

    def _read(self, path: Path) -> bool:
        """Read on in one file; an unfinished record is read again with the rest of it."""
        offset, grown = self._offsets.get(path, 0), False
        with opened(path) as file:
            if file.seek(0, 2) < offset:
                offset = 0
            file.seek(offset)
            size = CHUNK
            while data := file.read(size):
                used = self.parse(path, data, offset)
                if not used:
                    if len(data) < size or size > MOST_HELD:
                        break
                    size *= 2
                grown |= used > 0
                offset += used
                file.seek(offset)
            if grown:
                self.heard_at = path.stat().st_mtime if self._first else time.time()
        self._offsets[path] = offset
        return grown

    def finish(self) -> None:
        self.settle()

    def close(self) -> None:  # noqa: B027  as above
        """Files are not kept open."""
