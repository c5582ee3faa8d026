"""One run's events, read as they grow."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from services.folders import RunFolder
from services.live.event_log import parse
from services.live.snapshots import Snapshot, replay
from services.log.documents import document
from sessions.document import Session
from sessions.files import opened
from sessions.store import FoldMark


class Tail:
    """One run's events, read as they grow, and the snapshot of their whole lines."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.snapshot = Snapshot()
        self.mark: FoldMark | None = None
        self.stored: Session | None = None
        """The document as this scribe stored it last."""
        self._offset = 0

    def read(self) -> None:
        """Read what was added. Raises OSError if the file cannot be read."""
        with opened(self.run.events) as file:
            info = os.fstat(file.fileno())
            if info.st_size < self._offset:  # the file was replaced
                self._offset, self.snapshot = 0, Snapshot()
            file.seek(self._offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self.snapshot = replay(parse(data[:whole]), self.snapshot)
        self._offset += whole
        self.mark = FoldMark(size=info.st_size, mtime_ns=info.st_mtime_ns, ended=False)

    def unread(self) -> bool:
        """Whether the file changed since the last read. Raises FileNotFoundError before its first event."""
        info = self.run.events.stat()
        return self.mark is None or (info.st_size, info.st_mtime_ns) != (self.mark.size, self.mark.mtime_ns)

    def has_grown(self) -> bool:
        """Whether it has events that were not read, as far as that can be told."""
        with suppress(OSError):  # a run without its first event: the next pass looks closer
            return self.unread()
        return False

    def says_the_same(self) -> bool:
        """Whether the log would say nothing new of this run, which goes on: a phase changed, a take began.

        A large log is written for what it tells; how far the run is read is written with that.
        """
        if self.stored is None or self.snapshot.started is None or self.mark is None or self.mark.ended:
            return False
        return msgspec.structs.replace(document(self.snapshot), last_seq=self.stored.last_seq) == self.stored
